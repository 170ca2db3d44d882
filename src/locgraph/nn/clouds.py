"""Localisations of each unit as ragged point clouds, padded a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.localisations import owners
from locgraph.nn.precision import pool
from locgraph.nn.rows import gather

MOST_CELLS: Final = 2**24
"""Distances that a chunk holds at once: 64 MB of float32 each time they are copied."""


@dataclass(frozen=True)
class Clouds:
    """Point clouds of U units, one after the other.

    Attributes:
        points: Positions (N, D) float32, relative to the mean of their unit, in units of the batch.
        owner: Unit of each point (N,) int64, ascending.
        size: Number of units, U.
    """

    points: Tensor
    owner: Tensor
    size: int

    @classmethod
    def of(cls, positions: Tensor, owner: Tensor, size: int) -> Clouds:
        """Return the clouds of points in any order, each centred on its mean.

        Args:
            positions: (N, D).
            owner: Unit of each point (N,) int64.
            size: Number of units; some may have no point.
        """
        order = torch.argsort(owner, stable=True)
        positions, owner = positions.float()[order], owner[order]
        return cls(positions - gather(pool(positions, owner, size, "mean"), owner), owner, size)

    @classmethod
    def from_graph(cls, graph: HeteroData, unit: str) -> Clouds:
        """Return the localisations of each ``cluster`` or each ``fov`` of a batch."""
        owner, size = owners(graph), graph[schema.CLUSTER].num_nodes
        if unit == schema.FOV:
            owner, size = gather(graph[schema.CLUSTER].batch, owner), graph.num_graphs
        return cls.of(graph[schema.LOCALISATION][schema.POS], owner, size)

    @cached_property
    def sizes(self) -> Tensor:
        """Number of points of each unit (U,) int64."""
        return torch.bincount(self.owner, minlength=self.size)

    @cached_property
    def _starts(self) -> Tensor:
        return torch.cumsum(self.sizes, 0) - self.sizes

    def parts(self, most_units: int) -> Iterator[Clouds]:
        """Yield the clouds of at most ``most_units`` units at a time, in their order; of no unit, one that is empty."""
        for start in range(0, max(self.size, 1), most_units):
            size = min(most_units, self.size - start)
            low, high = torch.searchsorted(self.owner, self.owner.new_tensor([start, start + size])).tolist()
            yield Clouds(self.points[low:high], self.owner[low:high] - start, size)

    def chunks(self, cells_per_point: int, most_cells: int = MOST_CELLS) -> Iterator[Tensor]:
        """Yield the units that have points, a bounded number at a time, those of like size together.

        Args:
            cells_per_point: Numbers that are computed for each padded point.
            most_cells: Largest ``cells_per_point`` times padded points of a chunk; a larger unit is a chunk of its own.

        Yields:
            Indices of units (u,) int64.
        """
        sizes, order = torch.sort(self.sizes, descending=True, stable=True)
        ordered, start, end = sizes.tolist(), 0, int((sizes > 0).sum())
        while start < end:
            units = max(1, most_cells // (ordered[start] * cells_per_point))
            yield order[start : min(start + units, end)]
            start += units

    def rows(self, units: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of the points of some units, padded with rows of any point: (u, M) int64, and which are real.

        Args:
            units: (u,) int64, of units with at least one point.

        Returns:
            Rows of `points` (u, M) int64 and mask (u, M) bool, with M the largest number of points among these units.
        """
        sizes = self.sizes[units]
        place = torch.arange(int(sizes.max()), device=sizes.device)
        mask = place < sizes[:, None]
        return self._starts[units][:, None] + torch.where(mask, place, 0), mask
