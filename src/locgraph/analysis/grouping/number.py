"""The number of groups: by stability under resampling and by silhouette, over a range; and whether there are groups."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import polars as pl
from sklearn.metrics import adjusted_rand_score

from locgraph.analysis.grouping.algorithms import Grouper
from locgraph.analysis.grouping.assign import group_rows
from locgraph.analysis.grouping.columns import (
    CHOSEN,
    N_GROUPS,
    NUMBER_COLUMNS,
    REASON,
    SILHOUETTE,
    STABILITY,
    STABILITY_HIGH,
    STABILITY_LOW,
)
from locgraph.analysis.grouping.quality import silhouettes
from locgraph.errors import ConfigError, LocgraphError
from locgraph.settings import check_number, check_whole
from locgraph.stats.permutation import permutation_p

_SURE: Final = 0.6
"""Stability below which the groups of two samples have little in common."""


@dataclass(frozen=True)
class NumberSettings:
    """How the number of groups is chosen and checked.

    Args:
        least: Smallest number that is tried.
        most: Largest number that is tried.
        bootstraps: Samples that are grouped for each number; 0: no stability, the silhouette alone decides.
        rows: Units that are looked at, at most; of more a random choice.
        tolerance: How far below the best a stability may be and count as equal.
        null_draws: Draws from one normal distribution that the silhouette is compared with; 0: it is not.

    Raises:
        ConfigError: A value cannot work.
    """

    least: int = 2
    most: int = 10
    bootstraps: int = 10
    rows: int = 1000
    tolerance: float = 0.05
    null_draws: int = 19

    def __post_init__(self) -> None:
        check_whole("least", self.least, at_least=2)
        check_whole("most", self.most, at_least=self.least)
        check_whole("bootstraps", self.bootstraps, at_least=0)
        if self.bootstraps == 1:
            raise ConfigError("expected 0 or at least 2 samples to compare, found 1", setting="bootstraps")
        check_whole("rows", self.rows, at_least=10)
        check_number("tolerance", self.tolerance, at_least=0, at_most=1)
        check_whole("null_draws", self.null_draws, at_least=0)


@dataclass(frozen=True)
class NumberOfGroups:
    """The number of groups that was chosen.

    Attributes:
        n_groups: The number; None where the algorithm finds it.
        table: One row for each number that was tried: `columns.NUMBER_COLUMNS`.
        why: One sentence.
        notes: What makes it uncertain, one sentence each.
    """

    n_groups: int | None
    table: pl.DataFrame
    why: str
    notes: tuple[str, ...] = ()


def choose_number(
    grouper: Grouper, values: np.ndarray, given: int | None, settings: NumberSettings, seed: int
) -> NumberOfGroups:
    """Try numbers of groups, or the given one, or what the algorithm finds.

    For each number, bootstrap samples of the units are grouped. Stability is the adjusted Rand index of two samples
    over the units that are in both, mean over all pairs (after Ben-Hur, Elisseeff and Guyon 2002, and Hennig 2007,
    10.1016/j.csda.2006.11.025). Stability alone prefers small numbers, the silhouette alone may follow accidents of one
    sample: of the numbers whose stability is within ``tolerance`` of the best, that with the largest silhouette is
    chosen.

    Args:
        grouper: The algorithm.
        values: (n, P) float64.
        given: Number that the user gave; None chooses.
        settings: The range, and the effort.
        seed: Of all that is random.

    Raises:
        LocgraphError: No number can be used.
    """
    generator = np.random.default_rng(seed)
    if len(values) > settings.rows:
        values = values[np.sort(generator.choice(len(values), settings.rows, replace=False))]
    numbers: list[int | None] = [given]
    if given is None and grouper.needs_number:
        numbers = [number for number in range(settings.least, settings.most + 1) if number < len(values)]
        if not numbers:
            raise ConfigError(
                f"expected fewer groups than units, which are {len(values)}, found {settings.least}", setting="least"
            )
    samples = [np.unique(generator.integers(0, len(values), len(values))) for _ in range(settings.bootstraps)]
    rows = [_row(grouper, values, number, samples, seed) for number in numbers]
    table = pl.DataFrame(rows, schema=NUMBER_COLUMNS)
    place, why = _choose(table, settings, given, grouper.needs_number)
    chosen = table.with_columns(pl.Series(CHOSEN, np.arange(table.height) == place))
    return NumberOfGroups(numbers[place], chosen, why, _doubts(chosen.row(place, named=True)))


def _row(
    grouper: Grouper, values: np.ndarray, number: int | None, samples: list[np.ndarray], seed: int
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(NUMBER_COLUMNS) | {N_GROUPS: number, CHOSEN: False}
    try:
        labels = group_rows(grouper, values, number, seed).labels
    except LocgraphError as error:
        return row | {REASON: str(error)}
    row[N_GROUPS] = int(labels.max()) + 1
    if row[N_GROUPS] > 1:
        row[SILHOUETTE] = float(np.nanmean(silhouettes(values, labels, seed)))
    try:
        of_samples = [group_rows(grouper, values[sample], number, seed).labels for sample in samples]
    except LocgraphError:  # a sample has fewer units that differ: nothing is known of the stability
        return row
    agreements = _agreements(samples, of_samples, len(values))
    if len(agreements):
        low, high = np.quantile(agreements, [0.1, 0.9])
        row |= {STABILITY: float(agreements.mean()), STABILITY_LOW: float(low), STABILITY_HIGH: float(high)}
    return row


def _agreements(samples: list[np.ndarray], labels: list[np.ndarray], n: int) -> np.ndarray:
    """Return the adjusted Rand index of each pair of samples over the rows in both."""
    placed = []
    for rows, own in zip(samples, labels, strict=True):
        table = np.full(n, -2, dtype=np.int64)
        table[rows] = own
        placed.append(table)
    pairs = [
        (first[both], second[both]) for first, second in combinations(placed, 2) if (both := _both(first, second)).any()
    ]
    return np.array([adjusted_rand_score(first, second) for first, second in pairs])


def _both(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray((first > -2) & (second > -2))


def _choose(table: pl.DataFrame, settings: NumberSettings, given: int | None, needs_number: bool) -> tuple[int, str]:
    usable = table.with_row_index("place").filter(pl.col(REASON).is_null())
    if usable.is_empty():
        raise ConfigError(f"no number of groups can be used: {table[REASON][0]}", setting="n_groups")
    if given is not None:
        return 0, "given"
    if not needs_number:
        return 0, "found by the algorithm"
    stable = usable.filter(pl.col(STABILITY).is_not_null())
    words = ""
    if stable.height:
        best = float(stable[STABILITY].to_numpy().max())
        usable = stable.filter(pl.col(STABILITY) >= best - settings.tolerance)
        words = f", of the numbers whose stability is within {settings.tolerance:g} of the best, {best:.2f}"
    row = usable.sort(pl.col(SILHOUETTE).fill_null(-1.0), descending=True, maintain_order=True).row(0, named=True)
    return row["place"], f"{row[N_GROUPS]} groups have the largest silhouette, {row[SILHOUETTE]:.2f}{words}"


def _doubts(row: dict[str, Any]) -> tuple[str, ...]:
    if row[STABILITY] is None or row[STABILITY] >= _SURE:
        return ()
    return (
        f"the groups of two bootstrap samples agree little (adjusted Rand index {row[STABILITY]:.2f}): another sample "
        "would give other groups",
    )


@dataclass(frozen=True)
class Evidence:
    """Whether groups are clearer than those of one cloud without groups.

    Attributes:
        silhouette: Mean silhouette of the units that were looked at.
        null: Those of draws from one normal distribution (B,).
        p: Part of the draws that are as clear.
    """

    silhouette: float
    null: np.ndarray
    p: float


def compare_with_one_cloud(
    grouper: Grouper, values: np.ndarray, n_groups: int | None, settings: NumberSettings, seed: int
) -> Evidence | None:
    """Compare the silhouette with that of one normal distribution of the same covariance, grouped in the same way.

    Any algorithm divides a cloud without groups. After the idea of SigClust (Liu et al. 2008,
    10.1198/016214508000000454), with the silhouette in place of the sum of squares. Columns that are far from normal
    can be clearer than this null hypothesis without groups.

    Returns:
        None where no draws are asked for, or the algorithm finds fewer than two groups.
    """
    if not settings.null_draws:
        return None
    generator = np.random.default_rng(seed)
    if len(values) > settings.rows:
        values = values[np.sort(generator.choice(len(values), settings.rows, replace=False))]
    observed = _mean_silhouette(grouper, values, n_groups, seed)
    if observed is None:
        return None
    centred = values - values.mean(axis=0)
    null = []
    for _ in range(settings.null_draws):
        # rows mixed by normal weights have the covariance of the values, and rank no higher
        drawn = generator.normal(size=(len(values), len(values))) @ centred / np.sqrt(len(values))
        null.append(_mean_silhouette(grouper, drawn, n_groups, seed))
    known = np.array([-1.0 if each is None else each for each in null])
    return Evidence(observed, known, permutation_p(observed, known))


def _mean_silhouette(grouper: Grouper, values: np.ndarray, n_groups: int | None, seed: int) -> float | None:
    try:
        labels = group_rows(grouper, values, n_groups, seed).labels
    except LocgraphError:
        return None
    if len(np.unique(labels[labels >= 0])) < 2:
        return None
    return float(np.nanmean(silhouettes(values, labels, seed)))
