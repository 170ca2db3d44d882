"""Scaling, fitted on the training part of one fold and applied on the fly, so that all folds share one graph store."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.schema import FRACTION, LINEAR, LOG, LOG1P, MIN_MAX
from locgraph.settings import check_choice

PER_FOV, PER_DATASET, CLUSTERS, FIXED = "per_fov", "per_dataset", "clusters", "fixed"
AUTO, QUANTILE = "auto", "quantile"

_QUANTILES: Final = (0.05, 0.95)
"""Quantiles over training FOVs that become -1/6 and 1/6: up to one FOV in twenty may be anything."""

_RANKS: Final = 20
"""Values that each view gives of each column, evenly spaced in their order: FOVs of any size weigh the same."""

_FLAT: Final = 0.01
"""Part of its range below which the middle 90 % of a scaled feature have no spread."""


@dataclass(frozen=True)
class ScalingSettings:
    """How positions and features become numbers of order one.

    Args:
        positions: ``per_fov`` divides by the root mean square distance of the FOV's localisations from their centre,
            ``per_dataset`` by the median of these over the training FOVs, ``clusters`` by the median of those of the
            clusters, which suits models of clusters, ``fixed`` by ``nm_per_unit``.
        nm_per_unit: Nanometres per unit, for ``fixed`` alone.
        features: ``auto`` scales each column as its feature states (`locgraph.schema.SCALES`); ``quantile`` the same
            without logarithms; ``min_max`` maps the smallest and the largest training value to 0 and 1.

    Raises:
        ConfigError: An unknown choice, or ``nm_per_unit`` given or absent against it.
    """

    positions: str = PER_DATASET
    nm_per_unit: float | None = None
    features: str = AUTO

    def __post_init__(self) -> None:
        check_choice("positions", self.positions, (PER_FOV, PER_DATASET, CLUSTERS, FIXED))
        check_choice("features", self.features, (AUTO, QUANTILE, MIN_MAX))
        if self.positions == FIXED and not (self.nm_per_unit or 0) > 0:
            raise ConfigError(
                f"expected a number above 0 for positions=fixed, found {self.nm_per_unit}", setting="nm_per_unit"
            )
        if self.positions != FIXED and self.nm_per_unit is not None:
            raise ConfigError(
                f"{self.nm_per_unit} has no effect with positions={self.positions}; set it to null, or positions=fixed",
                setting="nm_per_unit",
            )

    def scale_of(self, stated: str | None) -> str:
        """Return how a column is scaled whose feature states this scale, or none."""
        if stated == FRACTION:
            return FRACTION
        if self.features == QUANTILE:
            return LINEAR
        return MIN_MAX if self.features == MIN_MAX or stated is None else stated


@dataclass(frozen=True)
class Scaler:
    """A map of the values of a graph, each column on its own: a transform without randomness.

    Attributes:
        nm_per_unit: Nanometres per unit of position; None divides each FOV by its own extent.
        limits: Values (2, F) float32 of the features of each node type, in logarithms where their scale is one: from
            here on they are clamped.
        scales: Scale of each of these columns; node types that are absent are scaled by `schema.MIN_MAX`.
        flat: Columns without spread on the training side, by node type.
    """

    nm_per_unit: float | None
    limits: dict[str, Tensor]
    scales: dict[str, list[str]] = field(default_factory=dict)
    flat: dict[str, list[int]] = field(default_factory=dict)

    def __call__(self, graph: HeteroData) -> HeteroData:
        """Scale positions to order one and features to [-0.5, 0.5] or [0, 1]; on a shallow copy."""
        scaled = copy.copy(graph)
        # asked for what it lacks, a graph gets it: an empty node type
        unit = self.nm_per_unit or self.unit(scaled[schema.EXTENT])
        for node_type, node in scaled.node_items():
            node.update(self.scale_nodes(node_type, node, unit))
        return scaled

    @staticmethod
    def unit(extents: Tensor) -> Tensor:
        """Return nanometres per unit of position where each graph is divided by its own extent, (G, 1)."""
        # a FOV of one point has no extent: its only position is the origin, whatever the unit
        return torch.where(extents > 0, extents, torch.ones_like(extents))

    def scale_nodes(self, node_type: str, node: Mapping[str, Tensor], unit: Tensor | float) -> dict[str, Tensor]:
        """Return positions and features of nodes of one type, scaled.

        Args:
            node_type: Their type.
            node: Attribute -> values of n nodes.
            unit: Nanometres per unit of position, or (n, 1) of each node.
        """
        scaled = {schema.POS: node[schema.POS] / unit}
        if node_type in self.limits and schema.FEATURES in node:
            scales = self.scales.get(node_type, [MIN_MAX] * self.limits[node_type].shape[1])
            scaled[schema.FEATURES] = _scale(node[schema.FEATURES], self.limits[node_type], scales)
        return scaled

    def to_plain(self) -> dict[str, Any]:
        """Return plain numbers, names and tensors, for the checkpoint."""
        return {
            "nm_per_unit": self.nm_per_unit,
            "limits": dict(self.limits),
            "scales": {node_type: list(scales) for node_type, scales in self.scales.items()},
            "flat": {node_type: list(columns) for node_type, columns in self.flat.items()},
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Scaler:
        """Return the scaler that ``to_plain`` wrote, in this version or before columns had scales."""
        return cls(
            plain["nm_per_unit"], dict(plain["limits"]), dict(plain.get("scales", {})), dict(plain.get("flat", {}))
        )


def fit_scaler(
    graphs: Iterable[HeteroData],
    settings: ScalingSettings,
    stated: Mapping[str, Sequence[str | None]] | None = None,
) -> Scaler:
    """Fit the limits on training graphs.

    Args:
        graphs: Raw graphs of the training FOVs, all views.
        settings: How positions and features are scaled.
        stated: Node type -> the scale that the feature of each column states, None where it states none. Node types
            that are absent state none. Superclusters of every level share one entry.

    Returns:
        The scaler.
    """
    extents: list[float] = []
    samples: dict[str, list[Tensor]] = {}
    for graph in graphs:
        extents.append(cluster_extent(graph) if settings.positions == CLUSTERS else graph[schema.EXTENT].item())
        for node_type in graph.node_types:
            values = graph[node_type].get(schema.FEATURES)
            if values is not None and values.shape[0] > 0:
                samples.setdefault(node_type, []).append(_summary(values))
    limits, scales, flat = {}, {}, {}
    for node_type, parts in samples.items():
        pooled = torch.stack(parts)
        given = (stated or {}).get(_kind(node_type)) or [None] * pooled.shape[2]
        columns = [
            _fit_column(values, settings.scale_of(scale)) for values, scale in zip(pooled.unbind(2), given, strict=True)
        ]
        # (2, F), of nodes without features (2, 0)
        limits[node_type] = torch.tensor([limit for limit, _ in columns], dtype=torch.float32).reshape(-1, 2).T
        scales[node_type] = [scale for _, scale in columns]
        scaled = _scale(pooled.flatten(0, 1), limits[node_type], scales[node_type]).unflatten(0, pooled.shape[:2])
        flat[node_type] = [index for index, values in enumerate(scaled.unbind(2)) if _is_flat(values)]
    return Scaler(
        _unit(extents, settings), limits, scales, {name: columns for name, columns in flat.items() if columns}
    )


def _unit(extents: Sequence[float], settings: ScalingSettings) -> float | None:
    if settings.positions not in (PER_DATASET, CLUSTERS):
        return settings.nm_per_unit
    # the median: one FOV of another size moves the mean of all, and squeezes the others
    median = float(np.nanmedian(extents)) if np.isfinite(extents).any() else 0.0
    return median if median > 0 else 1.0


def cluster_extent(graph: HeteroData) -> float:
    """Return the median over the clusters of a graph of the root mean square distance from their centre, nm.

    Args:
        graph: Raw graph.

    Returns:
        NaN where no cluster has two localisations.

    Raises:
        ConfigError: The graph has no localisations.
    """
    if schema.LOCALISATION not in graph.node_types:
        raise ConfigError(
            f"{CLUSTERS} needs graphs with localisations; choose a model with a localisation encoder, or {PER_DATASET}",
            setting="positions",
        )
    owner, centres = graph[schema.LOCALISATION_IN].edge_index[1], graph[schema.CLUSTER][schema.POS]
    squares = (graph[schema.LOCALISATION][schema.POS] - centres[owner]).double().square().sum(dim=1)
    counts = torch.bincount(owner, minlength=len(centres))
    sums = torch.zeros(len(centres), dtype=torch.float64).index_add_(0, owner, squares)
    several = counts > 1
    return float(np.median((sums[several] / counts[several]).sqrt().numpy())) if several.any() else float("nan")


def _kind(node_type: str) -> str:
    return schema.SUPERCLUSTER if node_type.startswith(schema.SUPERCLUSTER) else node_type


def _summary(values: Tensor) -> Tensor:
    """Return smallest, largest and ``_RANKS`` evenly spaced values of each column: (n, F) to (2 + _RANKS, F)."""
    ordered = values.sort(dim=0).values
    ranks = ((torch.arange(_RANKS) + 0.5) * len(ordered) / _RANKS).long()
    return torch.cat([ordered[:1], ordered[-1:], ordered[ranks]])


def _fit_column(summaries: Tensor, scale: str) -> tuple[tuple[float, float], str]:
    """Return both limits of a column and its scale, from the `_summary` of each view (V, 2 + _RANKS)."""
    if scale == FRACTION:
        return (0.0, 1.0), scale
    if scale != MIN_MAX:
        seen = _to_scale(summaries[:, 2:].double(), scale).flatten().numpy()
        seen = seen[np.isfinite(seen)]
        low, high = np.quantile(seen, _QUANTILES) if len(seen) else (0.0, 0.0)
        if high > low:
            # as far again on both sides, so that extreme values keep their order
            return (float(2 * low - high), float(2 * high - low)), scale
    # nearly all values are equal, such as a rare 1 among 0
    return (summaries.min().item(), summaries.max().item()), MIN_MAX


def _to_scale(values: Tensor, scale: str) -> Tensor:
    if scale == LOG:
        return values.clamp(min=0.0).log()
    return values.clamp(min=0.0).log1p() if scale == LOG1P else values


def _scale(values: Tensor, limits: Tensor, scales: Sequence[str]) -> Tensor:
    """Return the scaled values of (n, F) float32."""
    scaled = values.clone()
    for scale in (LOG, LOG1P):
        columns = [index for index, name in enumerate(scales) if name == scale]
        if columns:
            scaled[:, columns] = _to_scale(values[:, columns], scale)
    low, high = limits
    unit = ((scaled - low) / torch.where(high > low, high - low, torch.ones_like(high))).clamp(0.0, 1.0)
    # about 0: what all nodes have in common slows training
    centred = torch.tensor([name not in (MIN_MAX, FRACTION) for name in scales], dtype=torch.bool)
    return torch.where(centred, unit - 0.5, unit)


def _is_flat(summaries: Tensor) -> bool:
    """Return whether a column has no spread, from the scaled `_summary` of each view (V, 2 + _RANKS)."""
    width = float(summaries.max() - summaries.min())
    low, high = np.quantile(summaries[:, 2:].numpy(), _QUANTILES)
    return bool(high - low <= _FLAT * width)
