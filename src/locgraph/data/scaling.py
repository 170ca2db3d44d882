"""Scaling, fitted on the training part of one fold and applied on the fly, so that all folds share one graph store."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError

PER_FOV, PER_DATASET, FIXED = "per_fov", "per_dataset", "fixed"


@dataclass(frozen=True)
class ScalingSettings:
    """How positions become numbers of order one.

    Args:
        positions: ``per_fov`` divides by the root mean square distance of the FOV's localisations from their centre,
            ``per_dataset`` by the mean of these over the training FOVs, ``fixed`` by ``nm_per_unit``.
        nm_per_unit: Nanometres per unit, for ``fixed`` alone.

    Raises:
        ConfigError: An unknown choice, or ``nm_per_unit`` given or absent against it.
    """

    positions: str = PER_DATASET
    nm_per_unit: float | None = None

    def __post_init__(self) -> None:
        choices = (PER_FOV, PER_DATASET, FIXED)
        if self.positions not in choices:
            raise ConfigError(f"expected one of {choices}, found {self.positions!r}", setting="positions")
        if self.positions == FIXED and not (self.nm_per_unit or 0) > 0:
            raise ConfigError(
                f"expected a number above 0 for positions=fixed, found {self.nm_per_unit}", setting="nm_per_unit"
            )
        if self.positions != FIXED and self.nm_per_unit is not None:
            raise ConfigError(
                f"{self.nm_per_unit} has no effect with positions={self.positions}; set it to null, or positions=fixed",
                setting="nm_per_unit",
            )


@dataclass(frozen=True)
class Scaler:
    """An affine map of the values of a graph: a transform without randomness.

    Attributes:
        nm_per_unit: Nanometres per unit of position; None divides each FOV by its own extent.
        limits: Smallest and largest training value (2, F) float32 of the features of each node type.
    """

    nm_per_unit: float | None
    limits: dict[str, Tensor]

    def __call__(self, graph: HeteroData) -> HeteroData:
        """Scale positions to order one and features to [0, 1], clamped; on a shallow copy."""
        scaled = copy.copy(graph)
        unit = scaled[schema.EXTENT] if self.nm_per_unit is None else self.nm_per_unit
        if isinstance(unit, Tensor):
            # a FOV of one point has no extent: its only position is the origin, whatever the unit
            unit = torch.where(unit > 0, unit, torch.ones_like(unit))
        for node_type, node in scaled.node_items():
            node[schema.POS] = node[schema.POS] / unit
            if node_type in self.limits and schema.FEATURES in node:
                low, high = self.limits[node_type]
                span = torch.where(high > low, high - low, torch.ones_like(high))
                node[schema.FEATURES] = ((node[schema.FEATURES] - low) / span).clamp(0.0, 1.0)
        return scaled

    def to_plain(self) -> dict[str, Any]:
        """Return plain numbers and tensors, for the checkpoint."""
        return {"nm_per_unit": self.nm_per_unit, "limits": dict(self.limits)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Scaler:
        """Return the scaler that ``to_plain`` wrote."""
        return cls(plain["nm_per_unit"], dict(plain["limits"]))


def fit_scaler(
    graphs: Iterable[HeteroData], settings: ScalingSettings, fractions: Mapping[str, Sequence[int]] | None = None
) -> Scaler:
    """Fit the limits on training graphs.

    Args:
        graphs: Raw graphs of the training FOVs, all views.
        settings: How positions are scaled.
        fractions: Node type -> columns that lie between 0 and 1 by their nature, such as a p-value, and stay as they
            are.

    Returns:
        The scaler.
    """
    low: dict[str, Tensor] = {}
    high: dict[str, Tensor] = {}
    extents = []
    for graph in graphs:
        extents.append(graph[schema.EXTENT].item())
        for node_type in graph.node_types:
            values = graph[node_type].get(schema.FEATURES)
            if values is None or values.shape[0] == 0:
                continue
            smallest, largest = values.amin(dim=0), values.amax(dim=0)
            low[node_type] = torch.minimum(low.get(node_type, smallest), smallest)
            high[node_type] = torch.maximum(high.get(node_type, largest), largest)
    limits = {node_type: torch.stack([low[node_type], high[node_type]]) for node_type in low}
    for node_type, columns in (fractions or {}).items():
        if node_type in limits:
            limits[node_type][:, list(columns)] = torch.tensor([[0.0], [1.0]])
    if settings.positions == PER_FOV:
        return Scaler(None, limits)
    if settings.positions == FIXED:
        return Scaler(settings.nm_per_unit, limits)
    mean = sum(extents) / max(len(extents), 1)
    return Scaler(mean if mean > 0 else 1.0, limits)
