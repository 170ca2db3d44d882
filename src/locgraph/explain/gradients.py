"""Explainers by gradients of the log-odds of the class: saliency, integrated and expected gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from torch import Generator, Tensor
from torch_geometric.data import HeteroData

from locgraph.errors import ConfigError
from locgraph.explain.base import LOG_ODDS, Example, Explainer, Explanation
from locgraph.explain.hooks import frozen
from locgraph.explain.inputs import (
    CLUSTER_FEATURES,
    EDGE_LENGTHS,
    EDGE_VALUES,
    LOCALISATION_FEATURES,
    edge_inputs,
    gradients,
    inputs_of,
    of_clusters,
    of_edges,
    of_features,
)
from locgraph.nn.network import Network
from locgraph.settings import check_whole

MEAN, ZERO = "mean", "zero"
_MAX_ROWS: Final = 30_000
"""Nodes and edges of one batch of copies: intermediate values of more do not fit the cache of a core."""


class Saliency(Explainer):
    """Length of the gradient with respect to the inputs: how much the class would change, in whichever direction.

    The inputs are features of clusters and localisations, positions of localisations relative to their cluster, and
    lengths of edges where the cluster encoder reads these, else positions of clusters. The squares of a cluster's
    gradients, of those of its localisations, and half of those of its edges are summed. A feature gets the mean
    magnitude over the clusters. Superclusters and descriptors stay.

    Works for every model that predicts the class of a FOV; inputs that a model does not read add nothing, and scores of
    features, localisations and edges are None where it reads none. It has no settings.

    Source: Simonyan et al. 2013, "Deep inside convolutional networks", arXiv 1312.6034.
    """

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score clusters, and edges, localisations and features where the network reads them."""
        del generator
        graph = example.graph
        inputs = inputs_of(graph) | _chosen(edge_inputs(network, graph), EDGE_LENGTHS)
        with frozen(network):
            copies = gradients(network, example, {name: values[None] for name, values in inputs.items()})
        slopes = {name: slope[0] for name, slope in copies.items()}
        squares = _explanation(graph, {name: slope.square() for name, slope in slopes.items()})
        return Explanation(
            squares.clusters.sqrt(),
            localisations=None if squares.localisations is None else squares.localisations.sqrt(),
            edges=None if squares.edges is None else squares.edges.sqrt(),
            features=of_features(slopes),
        )


class PathGradients(Explainer):
    """Base class of explainers that integrate gradients on straight lines from baselines to the FOV.

    Lines go through features, positions of localisations relative to their cluster, and the values that describe the
    edges, expanded lengths and angles, where the cluster encoder reads these, else positions of clusters. Each edge
    hands half of its score to either of its clusters. The rest is as in `Saliency`.
    """

    unit = LOG_ODDS

    def caution(self, network: Network) -> str:
        """Return the limits for cluster encoders that read coordinates."""
        if network.cluster_encoder.edge_geometry is not None:
            return ""
        return (
            f"{type(network.cluster_encoder).__name__} reads no lengths of edges, and gradients integrated through "
            "coordinates are near chance on planted motifs: do not trust them where the arrangement of clusters decides"
        )


class IntegratedGradients(PathGradients):
    """Gradients integrated on the straight line from a baseline to the FOV.

    In the baseline the values that describe the edges are 0, as of clusters out of each other's reach; where the model
    reads coordinates, all clusters lie at the centre of the FOV. Localisations lie at the centre of their cluster, and
    features are those of ``baseline``. The score of a cluster is the sum over its features, its position, its
    localisations and half of its edges: below 0 they speak against the class. The scores of all clusters together are
    the log-odds of the FOV less those of the baseline, but for the error of the integral: more ``steps`` make it
    smaller. A feature gets the mean magnitude over the clusters.

    Args:
        steps: Points on the line, those of Gauss-Legendre quadrature.
        baseline: Features in the baseline. ``mean`` takes those of the mean cluster, and localisation, of the FOV:
            scores say what makes a cluster differ from the others. ``zero`` takes 0, the smallest value in training:
            also of use where a FOV is one cluster.

    Raises:
        ConfigError: ``steps`` is below 1, or ``baseline`` is neither.

    Source: Sundararajan et al. 2017, "Axiomatic attribution for deep networks", arXiv 1703.01365. For inputs of nodes
    the numbers are those of captum 0.8, which has to know which inputs a network reads.
    """

    def __init__(self, steps: int = 50, baseline: str = MEAN) -> None:
        if baseline not in (MEAN, ZERO):
            raise ConfigError(f"expected {MEAN} or {ZERO}, found {baseline!r}", setting="baseline")
        self.steps, self.baseline = check_whole("steps", steps, at_least=1), baseline

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score clusters, and edges, localisations and features where the network reads them."""
        del generator
        inputs = path_inputs(network, example.graph)
        return _along_paths(network, example, inputs, self.baselines(inputs), self.steps)

    def baselines(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the start of the line, (1, n, F), for each input (n, F)."""
        starts = {name: torch.zeros_like(values)[None] for name, values in inputs.items()}
        if self.baseline == MEAN:
            for name in (CLUSTER_FEATURES, LOCALISATION_FEATURES):
                if name in starts:
                    starts[name] += inputs[name].mean(dim=0)
        return starts


class ExpectedGradients(PathGradients):
    """Gradients integrated on the lines from many baselines, made of training FOVs, to the FOV; and averaged.

    FOVs have no common size or order: in a baseline each cluster has the features of a cluster that is drawn from
    a training FOV, each edge the geometry of an edge drawn there, each localisation the features and place of
    a localisation; where the model reads coordinates, each cluster moves to the place of a drawn one. Scores say what
    makes this FOV differ from others, not from an empty one. As with integrated gradients the scores of all clusters
    together are the log-odds of the FOV less the mean of those of the baselines.

    Args:
        references: Training FOVs, one for each baseline: more is more exact and slower.
        steps: Points on each line, those of Gauss-Legendre quadrature.

    Raises:
        ConfigError: A number is below 1.

    Source: Erion et al. 2021, "Improving performance of deep learning models with axiomatic attribution priors and
    expected gradients", doi 10.1038/s42256-021-00343-9; there a line has one random point.
    """

    trained = True

    def __init__(self, references: int = 10, steps: int = 10) -> None:
        self.references = check_whole("references", references, at_least=1)
        self.steps = check_whole("steps", steps, at_least=1)
        self._references: list[dict[str, Tensor]] = []

    def fit(self, network: Network, examples: Sequence[Example], generator: Generator) -> None:
        """Keep the inputs of some training FOVs."""
        chosen = torch.randperm(len(examples), generator=generator)[: self.references].tolist()
        self._references = [path_inputs(network, examples[index].graph) for index in chosen]

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score clusters, and edges, localisations and features where the network reads them.

        Raises:
            ConfigError: ``fit`` was not called before.
        """
        inputs = path_inputs(network, example.graph)
        return _along_paths(network, example, inputs, self.baselines(inputs, generator), self.steps)

    def baselines(self, inputs: Mapping[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """Return the starts of all lines, (R, n, F), for each input (n, F).

        Raises:
            ConfigError: ``fit`` was not called before.
        """
        if not self._references:
            raise ConfigError("ExpectedGradients has not been fitted: call fit with training FOVs before explain")
        drawn: dict[str, list[Tensor]] = {name: [] for name in inputs}
        for reference in self._references:
            for name, values in inputs.items():
                # a training FOV of one cluster has no edge
                rows = reference.get(name, torch.zeros_like(values[:1]))
                drawn[name].append(rows[torch.randint(len(rows), (len(values),), generator=generator)])
        return {name: torch.stack(starts) for name, starts in drawn.items()}


def path_inputs(network: Network, graph: HeteroData) -> dict[str, Tensor]:
    """Return the inputs that lines go through: those of nodes, and the values of edges."""
    return inputs_of(graph) | _chosen(edge_inputs(network, graph), EDGE_VALUES)


def _chosen(inputs: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {name: inputs[name]} if name in inputs else {}


def _along_paths(
    network: Network, example: Example, inputs: Mapping[str, Tensor], starts: Mapping[str, Tensor], steps: int
) -> Explanation:
    """Integrate gradients on straight lines from R starts (R, n, F) to the inputs (n, F), and average over lines."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    places, shares = torch.tensor((1 + points) / 2).float(), torch.tensor(weights / 2).float()
    lines = len(next(iter(starts.values())))
    line, step = torch.arange(lines * steps) // steps, torch.arange(lines * steps) % steps
    totals: dict[str, Tensor] = {}
    size = max(1, _MAX_ROWS // _n_rows(example.graph))
    with frozen(network):
        for some in torch.arange(lines * steps).split(size):
            first = {name: values[line[some]] for name, values in starts.items()}
            at, share = places[step[some], None, None], shares[step[some], None, None] / lines
            between = {name: start + at * (inputs[name] - start) for name, start in first.items()}
            for name, slopes in gradients(network, example, between).items():
                total = (slopes * share * (inputs[name] - first[name])).sum(dim=0)
                totals[name] = totals.get(name, 0) + total
    return _explanation(example.graph, totals)


def _explanation(graph: HeteroData, values: dict[str, Tensor]) -> Explanation:
    """Sum entrywise values over clusters, localisations and edges."""
    clusters, localisations = of_clusters(graph, values)
    return Explanation(clusters, localisations, of_edges(values), of_features(values))


def _n_rows(graph: HeteroData) -> int:
    nodes = sum(graph[name].num_nodes for name in graph.node_types)
    return nodes + sum(graph[edge_type].edge_index.shape[1] for edge_type in graph.edge_types)
