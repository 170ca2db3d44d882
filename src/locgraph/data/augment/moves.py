"""Transforms that move nodes: rotation, reflection, scale, shear and jitter.

Positions are relative to the centre of the FOV, so that rotations and scalings keep it in place.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Generator, Tensor
from torch_geometric.data import HeteroData
from torch_geometric.utils import scatter

from locgraph import schema
from locgraph.data.augment.base import Transform
from locgraph.errors import ConfigError, DataError
from locgraph.graphs.superclusters import SUPERCLUSTER_FEATURES

BY_PRECISION = "precision"

_SUPERCLUSTER_POWERS = torch.tensor([column.length_power for column in SUPERCLUSTER_FEATURES])


def _map_positions(graph: HeteroData, matrix: Tensor) -> HeteroData:
    changed = copy.copy(graph)
    for _, node in changed.node_items():
        node[schema.POS] = node[schema.POS] @ matrix.T
    return changed


def _dimensions(graph: HeteroData) -> int:
    return int(graph[schema.CLUSTER][schema.POS].shape[1])


def _uniform(low: float, high: float, generator: Generator) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()


class Rotation(Transform):
    """Rotates the FOV by a random angle: in 3D about the optical axis, or about every axis.

    Args:
        full_3d: In 3D, draw from all rotations instead of those about the optical axis; no effect in 2D, where there is
            one axis only.
    """

    def __init__(self, full_3d: bool = False) -> None:
        self.full_3d = full_3d

    def __call__(self, graph: HeteroData, generator: Generator) -> HeteroData:
        """Return the rotated graph."""
        dimensions = _dimensions(graph)
        if dimensions == 3 and self.full_3d:
            return _map_positions(graph, _random_rotation(generator))
        angle = _uniform(0.0, 2.0 * math.pi, generator)
        matrix = torch.eye(dimensions)
        matrix[0, 0] = matrix[1, 1] = math.cos(angle)
        matrix[0, 1], matrix[1, 0] = -math.sin(angle), math.sin(angle)
        return _map_positions(graph, matrix)


def _random_rotation(generator: Generator) -> Tensor:
    """A uniform rotation (3, 3) from a uniform unit quaternion (Shoemake 1992, 10.1016/B978-0-08-050755-2.50036-1)."""
    w, x, y, z = torch.nn.functional.normalize(torch.randn(4, generator=generator, dtype=torch.float64), dim=0).tolist()
    return torch.tensor(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        dtype=torch.float32,
    )


class Reflection(Transform):
    """Mirrors the FOV along each given axis with probability one half. Leave it out where shapes are chiral.

    Args:
        axes: Axes to mirror: 0 for x, 1 for y, 2 for z.

    Raises:
        ConfigError: ``axes`` is empty or names an axis that does not exist.
    """

    def __init__(self, axes: Sequence[int] = (0,)) -> None:
        if not axes or any(axis not in (0, 1, 2) for axis in axes):
            raise ConfigError(f"expected some of 0, 1, 2, found {list(axes)}", setting="axes")
        self.axes = tuple(axes)

    def __call__(self, graph: HeteroData, generator: Generator) -> HeteroData:
        """Return the mirrored graph.

        Raises:
            ConfigError: An axis does not exist in this FOV.
        """
        dimensions = _dimensions(graph)
        if max(self.axes) >= dimensions:
            raise ConfigError(f"{list(self.axes)} do not fit FOVs in {dimensions} dimensions", setting="axes")
        signs = torch.ones(dimensions)
        for axis in self.axes:
            signs[axis] = -1.0 if torch.rand((), generator=generator).item() < 0.5 else 1.0
        return _map_positions(graph, torch.diag(signs))


class Scale(Transform):
    """Enlarges or shrinks the FOV by one factor; features follow by the power of length in their unit.

    Under ``scaling.positions=per_fov``, where size carries no information, only features change.

    Args:
        low: Smallest factor, above 0.
        high: Largest factor.
        length_powers: Power of length of each feature of each node type; those of superclusters are known, those of
            the FOV lie beside them.

    Raises:
        ConfigError: The factors are out of order.
    """

    def __init__(self, low: float, high: float, length_powers: dict[str, Sequence[int]] | None = None) -> None:
        if not 0.0 < low <= high:
            raise ConfigError(f"expected 0 < low <= high, found low={low}, high={high}", setting="low")
        self.low, self.high = low, high
        self.length_powers = {key: torch.tensor(value) for key, value in (length_powers or {}).items()}

    def with_length_powers(self, length_powers: Mapping[str, Sequence[int]]) -> Self:
        """Return the same scaling for features with these powers of length."""
        return type(self)(self.low, self.high, dict(length_powers))

    def __call__(self, graph: HeteroData, generator: Generator) -> HeteroData:
        """Return the scaled graph."""
        factor = _uniform(self.low, self.high, generator)
        changed = _map_positions(graph, factor * torch.eye(_dimensions(graph)))
        changed[schema.EXTENT] = changed[schema.EXTENT] * factor
        supernodes = {name: _SUPERCLUSTER_POWERS for name in changed.node_types if name.startswith(schema.SUPERCLUSTER)}
        fov = {name: changed[name][schema.LENGTH_POWER] for name in changed.node_types if name == schema.FIELD_OF_VIEW}
        for node_type, powers in (self.length_powers | supernodes | fov).items():
            if node_type in changed.node_types and schema.FEATURES in changed[node_type]:
                changed[node_type][schema.FEATURES] = changed[node_type][schema.FEATURES] * factor**powers
        return changed


class Shear(Transform):
    """Shears the FOV: each coordinate gains a random part of each other one. Features keep their values.

    Args:
        largest: Largest part, in [0, 1).

    Raises:
        ConfigError: ``largest`` is out of range.
    """

    def __init__(self, largest: float) -> None:
        if not 0.0 <= largest < 1.0:
            raise ConfigError(f"expected a number in [0, 1), found {largest}", setting="largest")
        self.largest = largest

    def __call__(self, graph: HeteroData, generator: Generator) -> HeteroData:
        """Return the sheared graph."""
        dimensions = _dimensions(graph)
        parts = (2.0 * torch.rand(dimensions, dimensions, generator=generator) - 1.0) * self.largest
        return _map_positions(graph, parts.fill_diagonal_(1.0))


class Jitter(Transform):
    """Moves each localisation at random; a cluster moves with the mean of its localisations, a supercluster as well.

    In a graph without localisations each cluster moves as the mean of its localisations would: by the standard
    deviation over the square root of their number.

    Args:
        nm: Standard deviation in nm, or ``precision`` for each localisation's own precision.

    Raises:
        ConfigError: ``nm`` is neither.
    """

    def __init__(self, nm: float | str) -> None:
        if (isinstance(nm, str) and nm != BY_PRECISION) or (not isinstance(nm, str) and not nm >= 0):
            raise ConfigError(f"expected a number of nm, at least 0, or {BY_PRECISION!r}, found {nm!r}", setting="nm")
        self.nm = nm

    def __call__(self, graph: HeteroData, generator: Generator) -> HeteroData:
        """Return the jittered graph.

        Raises:
            DataError: ``nm`` is ``precision`` and the graph does not hold it.
        """
        changed = copy.copy(graph)
        cluster = changed[schema.CLUSTER]
        if schema.LOCALISATION not in changed.node_types:
            spread = self._fixed(changed) / cluster[schema.COUNT].clamp(min=1).sqrt()[:, None]
            _move_clusters(changed, spread * _normal(cluster[schema.POS], generator))
            return changed
        node = changed[schema.LOCALISATION]
        moves = self._spread(node) * _normal(node[schema.POS], generator)
        owner = changed[schema.LOCALISATION_IN].edge_index[1]
        _move_clusters(changed, scatter(moves, owner, dim_size=cluster.num_nodes, reduce="mean"))
        _move_levels(changed, moves)
        return changed

    def _fixed(self, graph: HeteroData) -> float:
        if isinstance(self.nm, str):
            raise DataError(
                f"augment jitter by precision needs localisation nodes, found node types {graph.node_types}; "
                "use a number of nm, or a model with a localisation encoder"
            )
        return self.nm

    def _spread(self, node: HeteroData) -> Tensor | float:
        if not isinstance(self.nm, str):
            return self.nm
        if schema.PRECISION not in node:
            raise DataError(
                "augment jitter by precision needs the column `precision`, which these localisations do not have; "
                "name it in columns.names, or use a number of nm"
            )
        return node[schema.PRECISION][:, None]


def _normal(like: Tensor, generator: Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator)


def _move_clusters(graph: HeteroData, moves: Tensor) -> None:
    node = graph[schema.CLUSTER]
    node[schema.POS] = node[schema.POS] + moves
    index = 0
    while schema.superlevel(index) in graph.node_types:
        below, above = graph[schema.superlevel_in(index)].edge_index
        moved = moves * node[schema.COUNT][:, None]  # a centre of mass moves as its parts do, each by its mass
        node = graph[schema.superlevel(index)]
        moves = scatter(moved[below], above, dim_size=node.num_nodes, reduce="sum") / node[schema.COUNT][:, None]
        node[schema.POS] = node[schema.POS] + moves
        index += 1


def _move_levels(graph: HeteroData, moves: Tensor) -> None:
    index = 0
    while schema.level(index) in graph.node_types:
        node = graph[schema.level(index)]
        if index > 0:
            moves = moves[node[schema.PARENT]]
        node[schema.POS] = node[schema.POS] + moves
        index += 1
