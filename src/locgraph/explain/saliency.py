"""Saliency: how strongly the class hangs on each number that the network reads."""

from __future__ import annotations

from torch import Generator

from locgraph.explain.base import Example, Explainer
from locgraph.explain.explanation import Explanation
from locgraph.explain.frozen import frozen
from locgraph.explain.inputs import gradients, inputs_of, of_clusters, of_features
from locgraph.nn.network import Network
from locgraph.settings import check_flag


class Saliency(Explainer):
    """Gradients of the log-odds of the class, log(p / (1 - p)), with respect to what the network reads.

    That is features and positions of clusters, and those of localisations where the network reads them. A cluster that
    moves takes its localisations along; their positions are relative to it. Edges, superclusters and descriptors stay.
    Works for every model that names the class of a FOV. What a model does not read, as ``clustermlp`` no positions,
    adds nothing; ``features`` is None where it reads no features of clusters, ``localisations`` where it reads none.

    Args:
        times_input: ``false`` scores a cluster, or localisation, by the length of its gradient, that of a cluster's
            localisations included: how much the class would change, in whichever direction. ``true`` multiplies each
            gradient by the number that it belongs to and sums: how much these numbers, counted from 0 and from the
            centre of the FOV, speak for the class; below 0 they speak against it. A feature gets the mean magnitude
            over the clusters.

    Raises:
        ConfigError: ``times_input`` is neither true nor false.

    Source: Simonyan et al. 2013, "Deep inside convolutional networks", arXiv 1312.6034; times the input: Shrikumar et
    al. 2016, "Not just a black box", arXiv 1605.01713.
    """

    def __init__(self, times_input: bool = False) -> None:
        self.times_input = check_flag("explainer.times_input", times_input)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Scores clusters, and localisations and features where the network reads them."""
        del generator
        with frozen(network):
            found = gradients(network, example.graph, example.target)
        if self.times_input:
            inputs = inputs_of(example.graph)
            found = {name: gradient * inputs[name] for name, gradient in found.items()}
            clusters, localisations = of_clusters(example.graph, found)
        else:
            squares = {name: gradient.square() for name, gradient in found.items()}
            clusters, localisations = of_clusters(example.graph, squares)
            clusters, localisations = clusters.sqrt(), None if localisations is None else localisations.sqrt()
        return Explanation(clusters, localisations, features=of_features(found))
