"""The contract of transforms: random changes of raw graphs, for training alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from torch import Generator
from torch_geometric.data import HeteroData


class Transform(ABC):
    """A random change of a graph.

    Attributes:
        chooses_clusters: Whether clusters are left out. Such transforms come first, and graphs that are to hold the
            same clusters share what they chose.
    """

    chooses_clusters: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, graph: HeteroData, generator: Generator) -> HeteroData:
        """Return the changed graph, a shallow copy; everything random is drawn from ``generator``."""

    def with_length_powers(self, length_powers: Mapping[str, Sequence[int]]) -> Self:
        """Return this transform for features with these powers of length.

        Args:
            length_powers: Power of length in the unit of each feature, by node type; most transforms need none.
        """
        return self
