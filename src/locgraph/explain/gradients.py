"""Explainers by gradients of the log-odds of the class, log(p / (1 - p)): saliency, integrated gradients, Grad-CAM."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch_geometric.data import HeteroData

from locgraph.errors import ConfigError
from locgraph.explain.base import Example, Explainer, Explanation
from locgraph.explain.hooks import frozen, hooked
from locgraph.explain.inputs import (
    CLUSTER_FEATURES,
    LOCALISATION_FEATURES,
    gradients,
    inputs_of,
    log_odds,
    of_clusters,
    of_features,
)
from locgraph.nn.network import Network
from locgraph.settings import check_flag, check_whole

MEAN, ZERO = "mean", "zero"
_MAX_ROWS: Final = 100_000
"""Nodes and edges of one batch of copies."""


class Saliency(Explainer):
    """Gradients with respect to the inputs of the network.

    The inputs are features and positions of clusters, and those of localisations where the network reads them. A
    cluster that moves takes its localisations along; their positions are relative to it. Edges, superclusters and
    descriptors stay. Works for every model that predicts the class of a FOV. Inputs that a model does not read, as
    ``clustermlp`` no positions, add nothing; ``features`` is None where it reads no features of clusters,
    ``localisations`` where it reads none.

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
        self.times_input = check_flag("times_input", times_input)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score clusters, and localisations and features where the network reads them."""
        del generator
        graph = example.graph
        with frozen(network):
            slopes = {name: slope[0] for name, slope in gradients(network, graph, example.target).items()}
        if self.times_input:
            inputs = inputs_of(graph)
            return _explanation(graph, {name: slope * inputs[name] for name, slope in slopes.items()})
        clusters, localisations = of_clusters(graph, {name: slope.square() for name, slope in slopes.items()})
        return Explanation(
            clusters.sqrt(), None if localisations is None else localisations.sqrt(), features=of_features(slopes)
        )


class IntegratedGradients(Explainer):
    """Gradients integrated on the straight line from a baseline to the FOV.

    In the baseline all clusters lie at the centre of the FOV, all localisations at the centre of their cluster, and
    features are those of ``baseline``; edges, superclusters and descriptors are those of the FOV. The score of a
    cluster is the sum over its features, its position and its localisations, that of a localisation its part of it:
    below 0 they speak against the class. The scores of all clusters together are the log-odds of the FOV less those of
    the baseline, but for the error of the integral: more ``steps`` make it smaller. Angles of clusters jump where all
    lie at one point, so that with ``angular_filter`` and ``chiral_filter`` some of the sum is lost there; ``hgt`` tells
    the smallest distances apart, and needs some hundred steps. A feature gets the mean magnitude over the clusters.

    Works for every model that predicts the class of a FOV. ``features`` is None where the model reads no features of
    clusters, ``localisations`` where it reads none of these.

    Args:
        steps: Points on the line, those of Gauss-Legendre quadrature.
        baseline: Features in the baseline. ``mean`` takes those of the mean cluster, and localisation, of the FOV:
            scores say what makes a cluster differ from the others. ``zero`` takes 0, the smallest value in training:
            also of use where a FOV is one cluster.

    Raises:
        ConfigError: ``steps`` is below 1, or ``baseline`` is neither.

    Source: Sundararajan et al. 2017, "Axiomatic attribution for deep networks", arXiv 1703.01365. The numbers are those
    of captum 0.8, which has to know which inputs a network reads.
    """

    unit = "change of log-odds"

    def __init__(self, steps: int = 50, baseline: str = MEAN) -> None:
        if baseline not in (MEAN, ZERO):
            raise ConfigError(f"expected {MEAN} or {ZERO}, found {baseline!r}", setting="baseline")
        self.steps, self.baseline = check_whole("steps", steps, at_least=1), baseline

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score clusters, and localisations and features where the network reads them."""
        del generator
        with frozen(network):
            values = self._attributions(network, example)
        return _explanation(example.graph, values)

    def baselines(self, graph: HeteroData) -> dict[str, Tensor]:
        """Return the start of the line, with names and shapes of ``inputs_of``."""
        starts = {name: torch.zeros_like(values) for name, values in inputs_of(graph).items()}
        if self.baseline == MEAN:
            for name in (CLUSTER_FEATURES, LOCALISATION_FEATURES):
                if name in starts:
                    starts[name] += inputs_of(graph)[name].mean(dim=0)
        return starts

    def _attributions(self, network: Network, example: Example) -> dict[str, Tensor]:
        graph, starts = example.graph, self.baselines(example.graph)
        changes = {name: values - starts[name] for name, values in inputs_of(graph).items()}
        points, weights = (torch.tensor(values) for values in np.polynomial.legendre.leggauss(self.steps))
        places, weights = ((1 + points) / 2).float(), (weights / 2).float()
        totals: dict[str, Tensor] = {}
        size = max(1, _MAX_ROWS // _n_rows(graph))
        for some, shares in zip(places.split(size), weights.split(size), strict=True):
            inputs = {name: starts[name] + some[:, None, None] * change for name, change in changes.items()}
            for name, slopes in gradients(network, graph, example.target, inputs).items():
                total = (slopes * shares[:, None, None]).sum(dim=0) * changes[name]
                totals[name] = totals.get(name, 0) + total
        return totals


class GradCam(Explainer):
    """Vectors of the clusters after the cluster encoder, weighted by the mean gradient of each channel.

    The mean is over the clusters. Works for every model that predicts the class of a FOV, and scores clusters alone.
    After the last layer a cluster's vector also holds what its neighbours passed to it.

    Args:
        relu: ``true`` sets scores below 0, of clusters that speak against the class, to 0, as in the paper.

    Raises:
        ConfigError: ``relu`` is neither true nor false.

    Source: Selvaraju et al. 2017, "Grad-CAM", arXiv 1610.02391; on graphs: Pope et al. 2019, "Explainability methods
    for graph convolutional neural networks", doi 10.1109/CVPR.2019.01103.
    """

    def __init__(self, relu: bool = True) -> None:
        self.relu = check_flag("relu", relu)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score clusters."""
        del generator
        vectors: list[Tensor] = []

        def detach_output(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            vectors.append(output.detach().requires_grad_())
            return vectors[0]

        with frozen(network):
            with hooked([network.cluster_encoder], detach_output):
                output = log_odds(network(example.graph), example.target)
            (slopes,) = torch.autograd.grad(output.sum(), vectors)
            scores = vectors[0].detach() @ slopes.mean(dim=0)
        return Explanation(scores.relu() if self.relu else scores)


def _explanation(graph: HeteroData, values: dict[str, Tensor]) -> Explanation:
    """Sum entrywise values over clusters and localisations."""
    clusters, localisations = of_clusters(graph, values)
    return Explanation(clusters, localisations, features=of_features(values))


def _n_rows(graph: HeteroData) -> int:
    nodes = sum(graph[name].num_nodes for name in graph.node_types)
    return nodes + sum(graph[edge_type].edge_index.shape[1] for edge_type in graph.edge_types)
