"""Rows of the table of agreement: by level, measure, class and pair of annotators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from locgraph.analysis.annotators import columns
from locgraph.analysis.annotators.values import Annotators, MarkedFov, SortedUnits
from locgraph.stats.bootstrap import ratio_interval
from locgraph.stats.intervals import Interval
from locgraph.stats.raters.nominal import (
    MISSING,
    NO_PAIR,
    cohen_kappa,
    krippendorff_alpha,
    percent_agreement,
)
from locgraph.stats.raters.overlap import count_overlap, match_points

Row = dict[str, Any]

NOTHING = "neither has any"


def sorted_rows(level: str, units: SortedUnits, about: Annotators, seed: int) -> list[Row]:
    """Return percent agreement and kappa of each pair, and alpha of all, over all classes and for each against others.

    Args:
        level: Of the units.
        units: FOVs or clusters.
        about: Annotators and classes.
        seed: Of the bootstrap.
    """
    rows = alpha_rows(level, units, about, seed)
    owners = about.owners(units.fovs.tolist())
    for first, second in combinations(range(len(about.names)), 2):
        both = (units.codes[[first, second]] != MISSING).all(axis=0)
        if not both.any():
            continue
        pair = {columns.FIRST: about.names[first], columns.SECOND: about.names[second]}
        common = _counts(level, units, both, owners) | pair
        one, other = units.codes[first], units.codes[second]
        rows.append(common | _filled(columns.PERCENT, None, percent_agreement(one, other, owners, seed)))
        rows.append(common | _filled(columns.KAPPA, None, cohen_kappa(one, other, owners, seed)))
        for code, label in _stated(units, about):
            kappa = cohen_kappa(_against_rest(one, code), _against_rest(other, code), owners, seed)
            rows.append(common | _filled(columns.KAPPA, label, kappa))
    return rows


def alpha_rows(level: str, units: SortedUnits, about: Annotators, seed: int) -> list[Row]:
    """Return Krippendorff's alpha of all annotators, over all classes and for each against the others."""
    owners = about.owners(units.fovs.tolist())
    paired = (units.codes != MISSING).sum(axis=0) >= 2
    common = _counts(level, units, paired, owners)
    alpha = krippendorff_alpha(units.codes, owners, seed, units.repeats)
    rows = [common | _filled(columns.ALPHA, None, alpha)]
    for code, label in _stated(units, about):
        own = krippendorff_alpha(_against_rest(units.codes, code), owners, seed, units.repeats)
        rows.append(common | _filled(columns.ALPHA, label, own))
    return rows


def _stated(units: SortedUnits, about: Annotators) -> list[tuple[int, str]]:
    """Return number and name of each class that somebody states of these units."""
    return [(code, label) for code, label in enumerate(about.classes) if (units.codes == code).any()]


def _against_rest(codes: np.ndarray, code: int) -> np.ndarray:
    return np.where(codes == MISSING, MISSING, (codes == code).astype(np.int64))


def _counts(level: str, units: SortedUnits, chosen: np.ndarray, owners: np.ndarray) -> Row:
    return _numbers(level, int(units.repeats[chosen].sum()), units.fovs[chosen].tolist(), owners[chosen].tolist())


def _numbers(level: str, n_units: int, fovs: Iterable[str], owners: Iterable[str]) -> Row:
    numbers = {columns.N_UNITS: n_units, columns.N_FOVS: len(set(fovs)), columns.N_GROUPS: len(set(owners))}
    return {columns.LEVEL: level} | numbers


def _filled(measure: str, label: str | None, value: Interval | str) -> Row:
    row: Row = {columns.MEASURE: measure, columns.CLASS: label}
    if isinstance(value, str):
        return row | {columns.REASON: value}
    ends = {columns.ESTIMATE: value.estimate, columns.LOW: value.low, columns.HIGH: value.high}
    return row | ends | {columns.REASON: value.reason or None}


@dataclass(frozen=True)
class Overlap:
    """What two annotators marked in one FOV as one class.

    Attributes:
        fov_id: The FOV.
        first: One annotator.
        second: The other one.
        label: The class.
        n_both: What both marked.
        n_first: What the first marked.
        n_second: What the second marked.
    """

    fov_id: str
    first: str
    second: str
    label: str
    n_both: int
    n_first: int
    n_second: int


def point_overlaps(fovs: Iterable[MarkedFov], about: Annotators, radius_nm: float) -> list[Overlap]:
    """Return what each pair of annotators marked in each FOV in which both marked something."""
    nothing = np.zeros((0, 2))
    overlaps = []
    for fov in fovs:
        for first, second in combinations(sorted(fov.points), 2):
            for label in about.classes:
                one, other = (fov.points[name].get(label, nothing) for name in (first, second))
                matched = len(match_points(one, other, radius_nm))
                overlaps.append(Overlap(fov.fov_id, first, second, label, matched, len(one), len(other)))
    return overlaps


def region_overlaps(units: SortedUnits, about: Annotators) -> list[Overlap]:
    """Return how many localisations each pair of annotators outlined in each FOV in which both drew something."""
    overlaps = []
    for fov_id in np.unique(units.fovs):
        own = units.fovs == fov_id
        codes, repeats = units.codes[:, own], units.repeats[own]
        drew = np.flatnonzero((codes != MISSING).any(axis=1)).tolist()
        for first, second in combinations(drew, 2):
            for code, label in enumerate(about.classes):
                counts = count_overlap(codes[first] == code, codes[second] == code, repeats)
                overlaps.append(Overlap(str(fov_id), about.names[first], about.names[second], label, *counts))
    return overlaps


def overlap_rows(
    level: str, overlaps: Sequence[Overlap], measures: Sequence[str], about: Annotators, seed: int
) -> list[Row]:
    """Return measures of overlap of each pair, and of all pairs together, over all classes and for each.

    Numbers are added up over FOVs before they are divided, so that a FOV counts by what is in it.
    """
    pairs = [None, *sorted({(each.first, each.second) for each in overlaps})]
    stated = {each.label for each in overlaps if each.n_first or each.n_second}
    rows = []
    for pair in pairs:
        of_pair = [each for each in overlaps if pair is None or (each.first, each.second) == pair]
        for label in (None, *(label for label in about.classes if label in stated)):
            own = [each for each in of_pair if label is None or each.label == label]
            rows += [_overlap_row(level, measure, pair, label, own, about, seed) for measure in measures]
    return rows


def _overlap_row(
    level: str,
    measure: str,
    pair: tuple[str, str] | None,
    label: str | None,
    overlaps: Sequence[Overlap],
    about: Annotators,
    seed: int,
) -> Row:
    counts = np.array([[each.n_both, each.n_first, each.n_second] for each in overlaps], np.float64).reshape(-1, 3)
    both, sizes = counts[:, 0], counts[:, 1:].sum(axis=1)
    fovs = [each.fov_id for each in overlaps]
    owners = about.owners(fovs)
    above, below = (both, sizes - both) if measure == columns.IOU else (2 * both, sizes)
    n_both, n_first, n_second = counts.sum(axis=0).astype(np.int64).tolist()
    value: Interval | str = NOTHING
    if below.sum() > 0:
        value = ratio_interval(above, below, owners, seed)
    elif not overlaps:
        value = NO_PAIR
    row = _numbers(level, n_first + n_second - n_both, fovs, owners.tolist()) | _filled(measure, label, value)
    names = {columns.FIRST: pair[0], columns.SECOND: pair[1]} if pair else {}
    return row | names | {columns.N_FIRST: n_first, columns.N_SECOND: n_second, columns.N_BOTH: n_both}
