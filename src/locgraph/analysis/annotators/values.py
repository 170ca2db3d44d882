"""What each annotator states, as numbers that can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from locgraph.io.annotations.derive import fov_statements
from locgraph.io.annotations.statements import SAME_CENTRE_NM, PartLabels, to_statements
from locgraph.schema import annotation as columns
from locgraph.stats.raters.nominal import MISSING


@dataclass(frozen=True)
class Annotators:
    """Whose statements are compared, and the classes that these name.

    Attributes:
        names: In alphabetical order.
        classes: In alphabetical order.
        groups: FOV -> group, drawn whole by the bootstrap; a FOV that is absent is a group of its own.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    groups: Mapping[str, str]

    def code(self, label: str) -> int:
        """Return the number of a class."""
        return self.classes.index(label)

    def owners(self, fovs: Sequence[str]) -> np.ndarray:
        """Return the group of each FOV (N,)."""
        # a FOV of the same name as a group is no member of it
        return np.array([f"group {self.groups[fov]}" if fov in self.groups else f"fov {fov}" for fov in fovs])


@dataclass(frozen=True)
class SortedUnits:
    """Units that annotators gave one class each.

    Attributes:
        codes: (R, N) int64, class of each unit by each annotator, `MISSING` where there is none.
        fovs: (N,) FOV of each unit.
        repeats: (N,) int64, how many units have these values.
    """

    codes: np.ndarray
    fovs: np.ndarray
    repeats: np.ndarray


def sorted_fovs(table: pl.DataFrame, about: Annotators) -> SortedUnits:
    """Return the classes of whole FOVs, the last that each annotator stated."""
    stated = fov_statements(table)
    return _sort({(fov,): own for fov, own in stated.items()}, about)


def sorted_clusters(table: pl.DataFrame, about: Annotators) -> tuple[SortedUnits, set[str]]:
    """Return the classes of clusters, the last that each annotator stated, and FOVs with different clusters.

    Clusters are the same where their centres are, whatever their numbers. A number with several centres shows that
    annotators looked at different clusterings of a FOV.
    """
    units: dict[tuple[str, ...], dict[str, str]] = {}
    centres: dict[str, list[tuple[float, float]]] = {}
    numbered: dict[tuple[str, int], set[int]] = {}
    for (fov, cluster, annotator), (x, y, label) in _last_of_clusters(table):
        known = centres.setdefault(fov, [])
        place = next((i for i, (a, b) in enumerate(known) if math.hypot(x - a, y - b) <= SAME_CENTRE_NM), len(known))
        if place == len(known):
            known.append((x, y))
        units.setdefault((fov, str(place)), {})[annotator] = label
        numbered.setdefault((fov, cluster), set()).add(place)
    return _sort(units, about), {fov for (fov, _), places in numbered.items() if len(places) > 1}


def _last_of_clusters(
    table: pl.DataFrame,
) -> Iterator[tuple[tuple[str, int, str], tuple[float, float, str]]]:
    """Yield FOV, cluster and annotator, and centre and class that were stated last; not where that is no class."""
    keys = (columns.FOV_ID, columns.CLUSTER_ID, columns.ANNOTATOR)
    rows = table.filter(pl.col(columns.TARGET) == columns.OF_CLUSTER)
    last = rows.unique(keys, keep="last", maintain_order=True).drop_nulls(columns.LABEL)
    for row in last.to_dicts():
        yield (
            (row[columns.FOV_ID], row[columns.CLUSTER_ID], row[columns.ANNOTATOR]),
            (row[columns.X][0], row[columns.Y][0], row[columns.LABEL]),
        )


def _sort(units: Mapping[tuple[str, ...], Mapping[str, str]], about: Annotators) -> SortedUnits:
    codes = np.full((len(about.names), len(units)), MISSING, np.int64)
    for place, own in enumerate(units.values()):
        for annotator, label in own.items():
            codes[about.names.index(annotator), place] = about.code(label)
    return SortedUnits(codes, np.array([unit[0] for unit in units], dtype=str), np.ones(len(units), np.int64))


@dataclass(frozen=True)
class MarkedFov:
    """Points of one FOV.

    Attributes:
        fov_id: The FOV.
        points: Annotator -> class -> points (P, 2) nm, of the annotators who marked something.
    """

    fov_id: str
    points: dict[str, dict[str, np.ndarray]]


def marked_fovs(table: pl.DataFrame) -> list[MarkedFov]:
    """Return the points of each FOV."""
    rows = table.filter(pl.col(columns.TARGET) == columns.OF_POINT)
    fovs = []
    for (fov_id,), own in rows.group_by(columns.FOV_ID, maintain_order=True):
        points: dict[str, dict[str, np.ndarray]] = {}
        for (annotator, label), marks in own.group_by(columns.ANNOTATOR, columns.LABEL, maintain_order=True):
            by_class = points.setdefault(str(annotator), {})
            if label is not None:
                first = marks.select(pl.col(columns.X).list.first(), pl.col(columns.Y).list.first().alias("_y"))
                by_class[str(label)] = first.to_numpy()
        fovs.append(MarkedFov(str(fov_id), points))
    return fovs


def outlined_localisations(rows: pl.DataFrame, positions: np.ndarray, about: Annotators, fov_id: str) -> SortedUnits:
    """Return the classes of the localisations of one FOV, from the regions that annotators drew in it.

    A localisation outside of all regions of an annotator has the class K, the number of classes; all are `MISSING` of
    an annotator who drew none. Localisations with equal values are one unit that repeats.

    Args:
        rows: Statements about regions of this FOV, in their order.
        positions: (N, 2) nm, as in the raw file.
        about: Annotators and classes.
        fov_id: The FOV.
    """
    stated = PartLabels(to_statements(rows)).state(positions, about.classes, None, fov_id)
    drew = sorted(rows[columns.ANNOTATOR].unique())
    patterns, repeats = _distinct(stated)
    codes = np.full((len(about.names), patterns.shape[1]), MISSING, np.int64)
    for row, annotator in zip(patterns, drew, strict=True):
        codes[about.names.index(annotator)] = np.where(row < 0, len(about.classes), row)
    return SortedUnits(codes, np.full(patterns.shape[1], fov_id), repeats)


def _distinct(stated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different columns (A, P) of a table (A, N), and how often each is there (P,).

    Row by row, since numpy's search for unique columns takes several times as long.
    """
    places = np.zeros(stated.shape[1], np.int64)
    for row in stated:
        own = row.astype(np.int64) - row.min(initial=0)
        places = np.unique(places * (own.max(initial=0) + 1) + own, return_inverse=True)[1]
    _, first, repeats = np.unique(places, return_index=True, return_counts=True)
    return stated[:, first], repeats


def joined(parts: Sequence[SortedUnits], about: Annotators) -> SortedUnits:
    """Return the units of several FOVs together."""
    if not parts:
        return SortedUnits(np.zeros((len(about.names), 0), np.int64), np.zeros(0, dtype=str), np.zeros(0, np.int64))
    return SortedUnits(
        np.concatenate([part.codes for part in parts], axis=1),
        np.concatenate([part.fovs for part in parts]),
        np.concatenate([part.repeats for part in parts]),
    )
