"""PGExplainer: a small network, trained on training FOVs, that scores edges by whether the class needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Generator, Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.explain.base import Example, Explainer, Explanation, n_clusters
from locgraph.explain.gnn_explainer import price, surprise
from locgraph.explain.hooks import edge_messages, edge_weights, frozen
from locgraph.nn.layers import mlp
from locgraph.nn.network import Network
from locgraph.settings import check_number, check_whole

MAX, MEAN = "max", "mean"
_REDUCTIONS: Final = {MAX: "amax", MEAN: "mean"}
_CERTAIN: Final = 1e-6
"""Noise is drawn from between this and 1 less this, where its logarithms are finite."""


class PGExplainer(Explainer):
    """Weights of edges predicted from the vectors of both clusters, by a small network trained on many FOVs.

    Its inputs are the vectors that the model computes for the source cluster, for the target cluster, and for the FOV.
    While it is trained, a weight for each edge is drawn from a relaxed distribution, which grows harder as the
    temperature falls, and multiplies the messages along the edge in each layer; the class of the training FOVs has to
    stay probable with few edges. Scores of edges are these weights at the last temperature, without noise. The score of
    a cluster is the maximum or mean over its edges, in either direction; without edges it is 0.

    Works for every model that predicts the class of a FOV and passes messages between clusters, which ``mlp`` does not.
    In ``hgt`` only edges between clusters have weights. Neither features nor localisations get scores.

    Args:
        epochs: Times that each training FOV is seen.
        learning_rate: Size of a step (Adam); there is one for each FOV.
        hidden: Size of the hidden layer.
        edge_size: Price of keeping all edges, against the negative logarithm of the probability: larger keeps fewer.
        entropy: Price of weights that are neither near 0 nor near 1.
        first_temperature: Temperature of the first epoch: larger explores more.
        last_temperature: Temperature of the last epoch: smaller comes nearer to choosing.
        reduce: ``max`` scores a cluster by its best edge, ``mean`` by the mean of its edges.

    Raises:
        ConfigError: A number is out of range, the temperature rises, or ``reduce`` is neither.

    Source: Luo et al. 2020, "Parameterized explainer for graph neural network", arXiv 2011.04573; the vector of the FOV
    joins, and there are means for sums, so that settings serve FOVs of all sizes.
    """

    trained = True
    unit = "weight of mask"

    def __init__(
        self,
        epochs: int = 20,
        learning_rate: float = 0.003,
        hidden: int = 64,
        edge_size: float = 0.5,
        entropy: float = 0.1,
        first_temperature: float = 5.0,
        last_temperature: float = 2.0,
        reduce: str = MAX,
    ) -> None:
        self.epochs = check_whole("epochs", epochs, at_least=1)
        self.learning_rate = check_number("learning_rate", learning_rate, above=0.0)
        self.hidden = check_whole("hidden", hidden, at_least=1)
        self.edge_size = check_number("edge_size", edge_size, at_least=0.0)
        self.entropy = check_number("entropy", entropy, at_least=0.0)
        self.last_temperature = check_number("last_temperature", last_temperature, above=0.0)
        self.first_temperature = check_number("first_temperature", first_temperature, at_least=last_temperature)
        if reduce not in _REDUCTIONS:
            raise ConfigError(f"expected {MAX} or {MEAN}, found {reduce!r}", setting="reduce")
        self.reduce = reduce
        self.scorer: nn.Sequential | None = None

    def check(self, network: Network) -> None:
        """Refuse a network without messages between clusters.

        Raises:
            ConfigError: There are no messages to weigh, or the network does not name classes of FOVs.
        """
        super().check(network)
        if not edge_messages(network):
            raise ConfigError(
                "PGExplainer scores edges that carry messages between clusters, as in every cluster encoder but mlp; "
                f"found {type(network.cluster_encoder).__name__}; leave this explainer out, or train such a model"
            )

    def fit(self, network: Network, examples: Sequence[Example], generator: Generator) -> None:
        """Train from scratch on training FOVs, each with the class to explain; those without edges are left out.

        Raises:
            ConfigError: No training FOV has an edge.
        """
        with frozen(network):
            cases = [_Case.of(network, example) for example in examples]
            cases = [case for case in cases if case.edge_index.shape[1]]
            if not cases:
                raise ConfigError(
                    f"PGExplainer learns from edges between clusters, none of the {len(examples)} training FOVs has "
                    "one; prepare graphs with more cluster edges, or leave this explainer out"
                )
            scorer = _scorer(cases[0].pair_channels, self.hidden, generator)
            optimiser = torch.optim.Adam(scorer.parameters(), lr=self.learning_rate)
            for epoch in range(self.epochs):
                temperature = self.temperature(epoch)
                for index in torch.randperm(len(cases), generator=generator).tolist():
                    optimiser.zero_grad()
                    self._loss(network, cases[index], scorer, temperature, generator).backward()
                    optimiser.step()
        self.scorer = scorer.requires_grad_(False)

    def temperature(self, epoch: int) -> float:
        """Return the temperature of an epoch, from 0; it falls by the same factor from each to the next."""
        done = epoch / max(self.epochs - 1, 1)
        return float(self.first_temperature * (self.last_temperature / self.first_temperature) ** done)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score edges and clusters.

        Raises:
            ConfigError: ``fit`` was not called before, or with a network of other sizes.
        """
        del generator
        with frozen(network), torch.no_grad():
            case = _Case.of(network, example)
            scores = self._fitted(case.pair_channels)(case.pairs())[:, 0]
        edges = (scores / self.last_temperature).sigmoid()
        clusters = torch.zeros(n_clusters(example.graph)).scatter_reduce(
            0, case.edge_index.flatten(), edges.repeat(2), _REDUCTIONS[self.reduce], include_self=False
        )
        return Explanation(clusters, edges=edges)

    def _fitted(self, channels: int) -> nn.Sequential:
        if self.scorer is None:
            raise ConfigError("PGExplainer has not been fitted: call fit with training FOVs before explain")
        known = self.scorer[0].in_features
        if known != channels:
            raise ConfigError(
                f"PGExplainer expects the model that it was fitted to, with {known} values for two clusters and their "
                f"FOV, found one with {channels}: call fit for each model"
            )
        return self.scorer

    def _loss(
        self, network: Network, case: _Case, scorer: nn.Module, temperature: float, generator: Generator
    ) -> Tensor:
        scores = scorer(case.pairs())[:, 0]
        noise = torch.rand(len(scores), generator=generator).clamp(_CERTAIN, 1 - _CERTAIN)
        weights = ((scores + noise.logit()) / temperature).sigmoid()
        with edge_weights(network, weights):
            loss = surprise(network, case.graph, case.start, case.target, case.against)
        return loss + price(weights, self.edge_size, self.entropy)


@dataclass(frozen=True)
class _Case:
    """One FOV, with the vectors that the network computes for it without masks.

    Attributes:
        graph: A PyG batch of one graph.
        target: Index of the class.
        against: Index of the class that it is explained against, or None.
        start: Output of ``network.describe``; the levels only where the head reads them.
        clusters: Vectors of the clusters (C, F).
        fov: Vector of the FOV (1, F').
    """

    graph: HeteroData
    target: int
    against: int | None
    start: tuple[Tensor, list[Tensor]]
    clusters: Tensor
    fov: Tensor

    @classmethod
    def of(cls, network: Network, example: Example) -> _Case:
        graph = example.graph
        with torch.no_grad():
            x, levels = network.describe(graph)
            encoded = network.encode_clusters(graph, x, levels)
        kept = levels if schema.LOCALISATION in network.predicts else []
        return cls(graph, example.target, example.against, (x, kept), encoded.clusters, encoded.fovs)

    @property
    def edge_index(self) -> Tensor:
        """Edges between clusters (2, E)."""
        edges: Tensor = self.graph[schema.CLUSTER_NEAR].edge_index
        return edges

    @property
    def pair_channels(self) -> int:
        """Number of columns of ``pairs``."""
        return 2 * self.clusters.shape[1] + self.fov.shape[1]

    def pairs(self) -> Tensor:
        """Return for each edge the vectors of both clusters and of the FOV, (E, 2 F + F'); not stored, since large."""
        source, target = self.edge_index
        fov = self.fov.expand(len(source), -1)
        return torch.cat([self.clusters[source], self.clusters[target], fov], dim=1)


def _scorer(in_channels: int, hidden: int, generator: Generator) -> nn.Sequential:
    """Return dense layers to one number, whose initial weights depend on ``generator`` alone."""
    # constructing layers draws from the global generator of torch, which has to stay as it is
    with torch.random.fork_rng(devices=[]):
        scorer = mlp([in_channels, hidden, 1])
    for layer in scorer:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
    return scorer
