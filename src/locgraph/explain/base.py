"""The contract of explainers: one FOV in, scores of its parts out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from torch import Generator, Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.nn.network import Network

ARBITRARY: Final = "arbitrary unit"
PROBABILITY: Final = "change of probability"
LOG_ODDS: Final = "change of log-odds"
LOGIT_DIFFERENCE: Final = "change of logit difference"
"""Unit of scores in either of the two above, where one class is explained against another."""


@dataclass(frozen=True)
class Example:
    """One FOV and the class to explain.

    Attributes:
        fov_id: The FOV.
        graph: A PyG batch of its view 0 alone, scaled as the network expects it.
        target: Index of the class to explain.
        against: Index of the class that it is explained against; None explains it against all others.
    """

    fov_id: str
    graph: HeteroData
    target: int
    against: int | None = None


@dataclass(frozen=True)
class Explanation:
    """Scores of the parts of one graph: the larger, the more a part speaks for the explained class.

    Scores are comparable within one explanation, not between explainers. All tensors are on the CPU.

    Attributes:
        clusters: (C,) float32, one score for each cluster, in their order in the graph.
        localisations: (N,) float32, one for each localisation, in their order in the graph; None where the explainer
            does not score them.
        edges: (E,) float32, one for each edge between clusters; None where it does not score them.
        features: (F,) float32, one for each feature of clusters; None where it does not score them.
        subgraph: (C,) bool, the clusters that explain the class together; None where the explainer selects none.
        complete: False where a limit of time ended the explanation: scores are less exact, and 0 for parts that were
            not reached.
    """

    clusters: Tensor
    localisations: Tensor | None = None
    edges: Tensor | None = None
    features: Tensor | None = None
    subgraph: Tensor | None = None
    complete: bool = True

    def check(self, graph: HeteroData) -> None:
        """Refuse scores that do not fit the graph or are not finite.

        Args:
            graph: A PyG batch of the explained graph.

        Raises:
            DataError: Names the part with wrong scores.
        """
        n_localisations = graph[schema.LOCALISATION].num_nodes if schema.LOCALISATION in graph.node_types else 0
        _check_scores("clusters", self.clusters, n_clusters(graph))
        _check_scores("localisations", self.localisations, n_localisations)
        _check_scores("edges", self.edges, graph[schema.CLUSTER_NEAR].edge_index.shape[1])
        _check_scores("features", self.features, graph[schema.CLUSTER][schema.FEATURES].shape[1])
        _check_scores("subgraph", self.subgraph, n_clusters(graph))


def _check_scores(name: str, scores: Tensor | None, size: int) -> None:
    if scores is None:
        return
    if scores.shape != (size,):
        raise DataError(f"expected {size} scores of {name}, found the shape {tuple(scores.shape)}")
    if not scores.isfinite().all():
        raise DataError(f"expected finite scores of {name}, found {int((~scores.isfinite()).sum())} that are not")


class Explainer(ABC):
    """Base class of all explainers, which score the parts of a graph by their importance to a network.

    An explainer holds settings alone, and the result of `fit`; the network is an argument of each call, in evaluation
    mode and on the CPU, and is left unchanged.

    Attributes:
        trained: Whether `fit` has to be called first, with training FOVs.
        unit: What a score of 1 means, for colour bars and tables; scores without a unit compare within one FOV.
    """

    trained: bool = False
    unit: str = ARBITRARY

    def check(self, network: Network) -> None:
        """Refuse a network that this explainer cannot explain; cheap, and called before anything else.

        Raises:
            ConfigError: The network lacks what the explainer needs.
        """
        if schema.FIELD_OF_VIEW not in network.predicts:
            raise ConfigError(
                f"{type(self).__name__} explains the class of a FOV, and this model predicts the classes of "
                f"{', '.join(network.predicts)} nodes alone; train one whose head predicts the class of a FOV"
            )

    def caution(self, network: Network) -> str:
        """Return what its scores of this network are not to be trusted for, as measured; empty where nothing is known.

        It is shown beside every result, and stands in the docs with the numbers.
        """
        del network
        return ""

    def evaluations(self, n_clusters: int) -> int | None:
        """Return how many graphs of a FOV with so many clusters the network evaluates; None where it is not known."""
        del n_clusters
        return None

    def fit(self, network: Network, examples: Sequence[Example], generator: Generator) -> None:
        """Learn from training FOVs; explainers that are not ``trained`` do nothing."""
        del network, examples, generator

    @abstractmethod
    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score the parts of one FOV.

        Args:
            network: The network, in evaluation mode.
            example: The FOV.
            generator: Source of all randomness: the same seed gives the same scores.

        Returns:
            The scores.
        """


def n_clusters(graph: HeteroData) -> int:
    """Return the number of clusters of a graph."""
    positions: Tensor = graph[schema.CLUSTER][schema.POS]
    return len(positions)
