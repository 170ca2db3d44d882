"""Walks through a representation along the directions in which its units vary most, of all units or of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from sklearn.decomposition import PCA

from locgraph import schema
from locgraph.analysis.representations.exploring.members import nearest_members
from locgraph.analysis.representations.exploring.space import LEAST_UNITS, Space
from locgraph.settings import check_choice, check_number, check_whole
from locgraph.stats.standardise import varies

CLASS, AXIS, STEP, SIGMA, EXPLAINED, DISTANCE = "class", "axis", "step", "sigma", "explained", "distance"
ALL, BY_CLASS = "all", "class"
ALL_UNITS: Final = "all units"
"""How walks of all units are called in figures; ``class`` is null in their table."""


@dataclass(frozen=True)
class WalkSettings:
    """Settings of walks.

    Args:
        of: ``all`` units, or the units of each ``class`` on their own.
        axes: Principal axes of each walk.
        steps: Points along each axis.
        largest: Farthest points from the mean, in standard deviations of the units along the axis.

    Raises:
        ConfigError: A setting is out of range.
    """

    of: str = ALL
    axes: int = 2
    steps: int = 5
    largest: float = 2.0

    def __post_init__(self) -> None:
        check_choice("of", self.of, (ALL, BY_CLASS))
        check_whole("axes", self.axes, at_least=1)
        check_whole("steps", self.steps, at_least=2)
        check_number("largest", self.largest, above=0)


@dataclass(frozen=True)
class Walks:
    """Points along principal axes.

    Attributes:
        table: One row for each point: ``class`` (null for all units), ``axis`` from 1, ``step`` from 0, ``sigma``, its
            place in standard deviations, ``explained``, the fraction of the variance along the axis; the nearest unit
            by ``fov_id`` (and ``cluster_id``) with its ``distance``; and the vector of the point, ``v_0``, ...
        rows: (R,) int64, the nearest unit of each row of the table.
        notes: Classes that were left out, with the reason.
    """

    table: pl.DataFrame
    rows: np.ndarray
    notes: tuple[str, ...] = ()


def walk(space: Space, keys: pl.DataFrame, labels: Sequence[str | None], settings: WalkSettings) -> Walks:
    """Walk from the mean of units along their principal axes to both sides.

    The nearest units are those of the same class, each once in the walk along an axis. A class needs as many units as
    the walk has steps.

    Args:
        space: The N units.
        keys: ``fov_id`` (and ``cluster_id``) of each.
        labels: Class of each, None where unknown.
        settings: The settings.

    Returns:
        The walks; of classes in alphabetical order.
    """
    named = np.array(["" if label is None else label for label in labels])
    parts: dict[str | None, np.ndarray] = {None: np.arange(len(named))}
    if settings.of == BY_CLASS:
        parts = {name: np.flatnonzero(named == name) for name in sorted(set(named.tolist()) - {""})}
    tables, rows, notes = [], [], []
    for name, members in parts.items():
        reason = _lacks(space.values[members], settings)
        if reason:
            notes.append(f"no walk of {name or ALL_UNITS}: {reason}")
            continue
        for axis, (points, explained) in enumerate(_axes(space.values[members], settings), 1):
            (near,), (distances,) = (each.T for each in nearest_members(points, space.values[members]))
            rows.append(members[near])
            tables.append(_rows(name, axis, explained, settings, keys[rows[-1]], distances, space.vectors(points)))
    if settings.of == BY_CLASS and not parts:
        notes.append("no walk of classes: no unit has one")
    if not tables:
        return Walks(pl.DataFrame(), np.empty(0, dtype=np.int64), tuple(notes))
    return Walks(pl.concat(tables), np.concatenate(rows), tuple(notes))


def sigmas(settings: WalkSettings) -> np.ndarray:
    """Return the places of the points (S,) along an axis, in standard deviations."""
    return np.linspace(-settings.largest, settings.largest, settings.steps)


def _lacks(values: np.ndarray, settings: WalkSettings) -> str | None:
    fewest = max(settings.steps, LEAST_UNITS)
    if len(values) < fewest:
        return f"needs at least {fewest} units (walks.steps), has {len(values)}"
    return None if varies(values).any() else f"its {len(values)} vectors are equal"


def _axes(values: np.ndarray, settings: WalkSettings) -> list[tuple[np.ndarray, float]]:
    """Return the points (S, F) along each axis, and the fraction of the variance along it."""
    number = min(settings.axes, values.shape[1], len(values) - 1)
    fitted = PCA(number, svd_solver="full").fit(values)
    result = []
    for direction, variance, share in zip(
        fitted.components_, fitted.explained_variance_, fitted.explained_variance_ratio_, strict=True
    ):
        # the sign of an axis is free: its largest element is positive
        sign = 1.0 if direction[np.abs(direction).argmax()] >= 0 else -1.0
        points = fitted.mean_ + sigmas(settings)[:, None] * np.sqrt(variance) * sign * direction
        result.append((points, float(share)))
    return result


def _rows(
    name: str | None,
    axis: int,
    explained: float,
    settings: WalkSettings,
    near: pl.DataFrame,
    distances: np.ndarray,
    vectors: np.ndarray,
) -> pl.DataFrame:
    columns: dict[str, Any] = {
        CLASS: pl.Series([name] * settings.steps, dtype=pl.String),
        AXIS: pl.Series([axis] * settings.steps, dtype=pl.Int64),
        STEP: pl.int_range(settings.steps, eager=True),
        SIGMA: sigmas(settings),
        EXPLAINED: [explained] * settings.steps,
        **{key: near[key] for key in near.columns},
        DISTANCE: distances,
        **vector_columns(vectors),
    }
    return pl.DataFrame(columns)


def vector_columns(vectors: np.ndarray) -> dict[str, pl.Series]:
    """Return vectors (S, L) as columns ``v_0``, ``v_1``, ... of a table."""
    return {
        f"{schema.VECTOR_PREFIX}{index}": pl.Series(column, dtype=pl.Float32) for index, column in enumerate(vectors.T)
    }
