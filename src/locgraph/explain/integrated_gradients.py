"""Integrated gradients: the change of the class from a baseline to the FOV, shared out among what the network reads."""

from __future__ import annotations

from typing import Final

import torch
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from torch import Generator, Tensor
from torch_geometric.data import HeteroData

from locgraph.errors import ConfigError
from locgraph.explain.base import Example, Explainer
from locgraph.explain.explanation import Explanation
from locgraph.explain.frozen import frozen
from locgraph.explain.inputs import (
    CLUSTER_FEATURES,
    LOCALISATION_FEATURES,
    gradients,
    inputs_of,
    log_odds,
    of_clusters,
    of_features,
    with_inputs,
)
from locgraph.nn.network import Network
from locgraph.settings import check_whole

MEAN, ZERO = "mean", "zero"
_MAX_ROWS: Final = 100_000
"""Nodes and edges of one batch of copies."""


class IntegratedGradients(Explainer):
    """Gradients of the log-odds of the class, log(p / (1 - p)), integrated on the straight way from a baseline.

    In the baseline all clusters lie at the centre of the FOV, all localisations at the centre of their cluster, and
    features are those of ``baseline``; edges, superclusters and descriptors are those of the FOV. The score of a
    cluster is the sum over its features, its position and its localisations, that of a localisation its part of it:
    below 0 they speak against the class. The scores of all clusters together are the log-odds of the FOV less those of
    the baseline, but for the error of the integral: more ``steps`` make it smaller. Angles of clusters jump where all
    lie at one point, so that with ``angular_filter`` and ``chiral_filter`` some of the sum is lost there; ``hgt`` tells
    the smallest distances apart, and needs some hundred steps. A feature gets the mean magnitude over the clusters.

    Works for every model that names the class of a FOV. ``features`` is None where the model reads no features of
    clusters, ``localisations`` where it reads none of these.

    Args:
        steps: Points on the way.
        baseline: Features in the baseline. ``mean`` takes those of the mean cluster, and localisation, of the FOV:
            scores say what makes a cluster differ from the others. ``zero`` takes 0, the smallest value in training:
            also of use where a FOV is one cluster.

    Raises:
        ConfigError: ``steps`` is below 1, or ``baseline`` is neither.

    Source: Sundararajan et al. 2017, "Axiomatic attribution for deep networks", arXiv 1703.01365, as captum has it.
    """

    def __init__(self, steps: int = 50, baseline: str = MEAN) -> None:
        if baseline not in (MEAN, ZERO):
            raise ConfigError(f"explainer.baseline must be {MEAN} or {ZERO}, found {baseline!r}")
        self.steps, self.baseline = check_whole("explainer.steps", steps, at_least=1), baseline

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Scores clusters, and localisations and features where the network reads them."""
        del generator
        graph = example.graph
        with frozen(network):
            # captum asks for the gradient of each input: those that the network does not read have none
            names = tuple(gradients(network, graph, example.target))
            found = self._attributions(network, example, names) if names else {}
        clusters, localisations = of_clusters(graph, found)
        return Explanation(clusters, localisations, features=of_features(found))

    def baselines(self, graph: HeteroData) -> dict[str, Tensor]:
        """Where the way starts, with names and shapes of ``inputs_of``."""
        found = {name: torch.zeros_like(values) for name, values in inputs_of(graph).items()}
        if self.baseline == MEAN:
            for name in (CLUSTER_FEATURES, LOCALISATION_FEATURES):
                if name in found:
                    found[name] += inputs_of(graph)[name].mean(dim=0)
        return found

    def _attributions(self, network: Network, example: Example, names: tuple[str, ...]) -> dict[str, Tensor]:
        graph = example.graph
        inputs, baselines = inputs_of(graph), self.baselines(graph)

        def said(*copies: Tensor) -> Tensor:
            return log_odds(network(with_inputs(graph, dict(zip(names, copies, strict=True)))), example.target)

        found = CaptumIntegratedGradients(said).attribute(
            tuple(inputs[name][None] for name in names),
            tuple(baselines[name][None] for name in names),
            n_steps=self.steps,
            internal_batch_size=max(1, _MAX_ROWS // _n_rows(graph)),
        )
        return {name: values[0].detach().float() for name, values in zip(names, found, strict=True)}


def _n_rows(graph: HeteroData) -> int:
    nodes = sum(graph[name].num_nodes for name in graph.node_types)
    return nodes + sum(graph[edge_type].edge_index.shape[1] for edge_type in graph.edge_types)
