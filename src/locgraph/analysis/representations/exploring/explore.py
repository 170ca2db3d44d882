"""Exploration of a representation: map, walks, archetypes and pseudo-time of its units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.projection import UMAP_COLUMNS
from locgraph.analysis.representations.embeddings import Embeddings
from locgraph.analysis.representations.exploring.archetypes import Archetypes, ArchetypeSettings, find_archetypes
from locgraph.analysis.representations.exploring.maps import MapSettings, UnitMap, map_units
from locgraph.analysis.representations.exploring.members import nearest_members
from locgraph.analysis.representations.exploring.pseudotime import (
    DIFFUSION,
    PseudotimeSettings,
    check_size,
    compare_classes,
    diffusion_positions,
    discriminant_positions,
    find_ends,
)
from locgraph.analysis.representations.exploring.space import Space, make_space
from locgraph.analysis.representations.exploring.walks import DISTANCE, Walks, WalkSettings, vector_columns, walk
from locgraph.errors import DataError, within
from locgraph.settings import check_flag, check_whole

ARCHETYPE, SHARE, RANK, WEIGHT, POSITION, PSEUDOTIME = (
    *("archetype", "share", "rank", "weight_"),
    *("position", "pseudotime"),
)
PSEUDOTIME_STEPS = 5
"""Pictures along pseudo-time."""


@dataclass(frozen=True)
class ExploreSettings:
    """Settings of an exploration.

    Args:
        standardise: Whether all values of vectors count alike; None: of hand-made features, whose units differ, yes, of
            learned vectors no.
        seed: Of all that is random.
        map: Values of `MapSettings`.
        walks: Values of `WalkSettings`.
        archetypes: Values of `ArchetypeSettings`.
        pseudotime: Values of `PseudotimeSettings`.

    Raises:
        ConfigError: A setting is out of range.
    """

    standardise: bool | None = None
    seed: int = 0
    map: MapSettings = field(default_factory=MapSettings)
    walks: WalkSettings = field(default_factory=WalkSettings)
    archetypes: ArchetypeSettings = field(default_factory=ArchetypeSettings)
    pseudotime: PseudotimeSettings = field(default_factory=PseudotimeSettings)

    def __post_init__(self) -> None:
        if self.standardise is not None:
            check_flag("standardise", self.standardise)
        check_whole("seed", self.seed, at_least=0)


def read_settings(given: Mapping[str, Any]) -> ExploreSettings:
    """Return settings from plain values."""
    parts = {"map": MapSettings, "walks": WalkSettings, "archetypes": ArchetypeSettings}
    values = dict(given)
    for name, part in {**parts, "pseudotime": PseudotimeSettings}.items():
        with within(name):
            values[name] = part(**values.get(name, {}))
    return ExploreSettings(**values)


@dataclass(frozen=True)
class Pseudotime:
    """How far units are from one class to another.

    Attributes:
        ends: The classes at 0 and 1.
        positions: (N,) float64, beyond 0 and 1 where a unit lies beyond; NaN where unknown.
        members: (S,) int64, units at 0, ..., 1, none twice.
        differences: Of each class against the first; see `compare_classes`.
        notes: What limits it.
    """

    ends: tuple[str, str]
    positions: np.ndarray
    members: np.ndarray
    differences: list[dict[str, Any]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exploration:
    """What varies among units.

    Attributes:
        embeddings: The units.
        space: Their points.
        map: None where there is none, as for all that follows.
        walks: Along principal axes.
        archetypes: Extreme points.
        members: Nearest units (K, P) of each archetype.
        distances: Their distances (K, P).
        pseudotime: Between two classes.
        notes: What was left out, and why.
    """

    embeddings: Embeddings
    space: Space
    map: UnitMap | None
    walks: Walks
    archetypes: Archetypes
    members: np.ndarray
    distances: np.ndarray
    pseudotime: Pseudotime | None
    notes: tuple[str, ...]

    def map_table(self) -> pl.DataFrame | None:
        """Return the points of the map; None where there is no map."""
        if self.map is None:
            return None
        columns = dict(zip(UMAP_COLUMNS, self.map.points.T, strict=True))
        return self.units[self.map.rows].with_columns(**columns)

    def archetype_table(self) -> pl.DataFrame:
        """Return one row for each archetype and member.

        Columns ``archetype`` from 1, ``share``, ``rank``, unit, ``distance``, and the vector of the archetype.
        """
        rows = np.repeat(np.arange(len(self.members)), self.members.shape[1])
        vectors = self.space.vectors(self.archetypes.points)[rows]
        columns: dict[str, Any] = {
            ARCHETYPE: rows + 1,
            SHARE: self.archetypes.weights.mean(axis=0)[rows],
            RANK: np.tile(np.arange(self.members.shape[1]) + 1, len(self.members)),
            **{name: self.units[self.members.ravel()][name] for name in self.units.columns},
            DISTANCE: self.distances.ravel(),
            **vector_columns(vectors),
        }
        return pl.DataFrame(columns)

    def weight_table(self) -> pl.DataFrame:
        """Return the share of each archetype in each unit."""
        columns = {f"{WEIGHT}{index + 1}": column for index, column in enumerate(self.archetypes.weights.T)}
        return self.units.with_columns(**columns)

    def pseudotime_table(self) -> pl.DataFrame | None:
        """Return ``position`` and ``pseudotime``, the same within 0 and 1, of each unit; None where there is none."""
        if self.pseudotime is None:
            return None
        position = pl.Series(POSITION, self.pseudotime.positions).fill_nan(None)
        return self.units.with_columns(position, position.clip(0.0, 1.0).alias(PSEUDOTIME))

    @property
    def units(self) -> pl.DataFrame:
        """Names and classes of the units."""
        labels = pl.Series(schema.LABEL, self.embeddings.labels.tolist(), dtype=pl.String)
        return self.embeddings.keys.with_columns(labels)

    @property
    def class_names(self) -> list[str]:
        """The classes, sorted."""
        return sorted({label for label in self.embeddings.labels if label is not None})


def explore_units(embeddings: Embeddings, owners: np.ndarray, settings: ExploreSettings) -> Exploration:
    """Explore the units of a representation.

    Args:
        embeddings: The N units.
        owners: (N,) what each belongs to: group, FOV, or itself.
        settings: The settings.

    Raises:
        DataError: There are fewer than three units, or all are equal.
        ConfigError: More archetypes than units are asked for, or classes for pseudo-time that there are not.
    """
    standardise = "columns" in embeddings.record if settings.standardise is None else settings.standardise
    space = make_space(embeddings.vectors, standardise)
    labels = np.array(["" if label is None else label for label in embeddings.labels], dtype=str)
    with within("pseudotime"):
        pseudotime = _pseudotime(space.values, labels, owners, settings)
    unit_map = map_units(space.values, settings.map, settings.seed)
    walks = walk(space, embeddings.keys, embeddings.labels.tolist(), settings.walks)
    count = settings.archetypes.choose_count(len(set(labels) - {""}), len(labels))
    with within("archetypes"):
        archetypes = find_archetypes(space.values, count, settings.seed, settings.archetypes.most_units)
    members, distances = nearest_members(archetypes.points, space.values, settings.archetypes.members)
    notes = [*embeddings.notes, *([unit_map] if isinstance(unit_map, str) else unit_map.notes), *walks.notes]
    return Exploration(
        embeddings,
        space,
        None if isinstance(unit_map, str) else unit_map,
        walks,
        archetypes,
        members,
        distances,
        None if isinstance(pseudotime, str) else pseudotime,
        (*notes, *([pseudotime] if isinstance(pseudotime, str) else pseudotime.notes)),
    )


def _pseudotime(
    values: np.ndarray, labels: np.ndarray, owners: np.ndarray, settings: ExploreSettings
) -> Pseudotime | str:
    """Return pseudo-time, or why there is none."""
    how = settings.pseudotime
    ends = find_ends([label or None for label in labels], how)
    if isinstance(ends, str):
        return ends
    check_size(len(values), how)
    try:
        if how.method == DIFFUSION:
            positions, note = diffusion_positions(values, labels, ends, how.neighbours)
        else:
            note = None
            positions = discriminant_positions(values, labels, owners, ends, settings.seed)
    except DataError as error:
        return f"no pseudo-time: {error}"
    known = np.flatnonzero(np.isfinite(positions))
    targets = np.linspace(0, 1, min(PSEUDOTIME_STEPS, len(known)))
    near, _ = nearest_members(targets[:, None], positions[known][:, None])
    differences = compare_classes(positions, labels, owners, ends[0], settings.seed)
    return Pseudotime(ends, positions, known[near[:, 0]], differences, (note,) if note else ())
