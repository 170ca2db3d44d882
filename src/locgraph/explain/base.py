"""The contract of explainers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Generator, Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.explain.explanation import Explanation
from locgraph.nn.network import Network


@dataclass(frozen=True)
class Example:
    """One FOV as explainers see it.

    Attributes:
        fov_id: The FOV.
        graph: A PyG batch of its view 0 alone, scaled as the network expects it.
        target: Index of the class to explain.
    """

    fov_id: str
    graph: HeteroData
    target: int


class Explainer(ABC):
    """Scores the parts of a graph by what they mean to a network.

    An explainer holds settings alone, and what `fit` learned; the network is handed to each call, in evaluation mode
    and on the CPU, and comes back as it was.

    Attributes:
        trained: Whether `fit` has to be called first, with training FOVs.
    """

    trained: bool = False

    def check(self, network: Network) -> None:
        """Refuses a network that this explainer cannot explain; cheap, and called before anything else.

        Raises:
            ConfigError: The network lacks what the explainer needs.
        """
        if schema.FIELD_OF_VIEW not in network.predicts:
            raise ConfigError(
                f"{type(self).__name__} explains the class of a FOV, and this model names the classes of "
                f"{', '.join(network.predicts)} nodes alone; train one with model/head=classify or model/head=both"
            )

    def fit(self, network: Network, examples: Sequence[Example], generator: Generator) -> None:
        """Learns from training FOVs; explainers that learn nothing leave this as it is."""
        del network, examples, generator

    @abstractmethod
    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Scores one FOV.

        Args:
            network: The network, in evaluation mode.
            example: The FOV.
            generator: All that is random comes from it: the same seed gives the same scores.

        Returns:
            The scores.
        """


def n_clusters(graph: HeteroData) -> int:
    """Number of clusters of a graph."""
    positions: Tensor = graph[schema.CLUSTER][schema.POS]
    return len(positions)
