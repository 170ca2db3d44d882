"""Accuracy against the number of training FOVs: from runs of several training sizes, or of simple classifiers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.special import ndtri, stdtrit

from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.control_folds import ControlFolds
from locgraph.analysis.checks.kernel_ridge import accuracies
from locgraph.analysis.controls import MAJORITY_CLASS
from locgraph.analysis.sweeps.compared_sweeps import Sweep
from locgraph.analysis.sweeps.outcomes import MODEL, SOURCE, overlap_of, score_interval_of
from locgraph.analysis.sweeps.same_tests import share_folds
from locgraph.analysis.sweeps.summary import summarise
from locgraph.analysis.sweeps.summary_text import interval, number
from locgraph.errors import ConfigError, DataError
from locgraph.stats.intervals import LEVEL, Interval, joined, mean_interval, score_interval
from locgraph.stats.metrics import ACCURACY
from locgraph.stats.power_law import FEWEST_SIZES, fit_power_laws, law_errors, needed_sizes

TARGET: Final = 0.95
N_TRAIN: Final = "n_train"
COLUMNS: Final[dict[str, Any]] = {
    SOURCE: pl.String,
    N_TRAIN: pl.Float64,
    ACCURACY: pl.Float64,
    "interval_low": pl.Float64,
    "interval_high": pl.Float64,
    "fit": pl.Float64,
    "fit_low": pl.Float64,
    "fit_high": pl.Float64,
    "a": pl.Float64,
    "b": pl.Float64,
    "c": pl.Float64,
    "target": pl.Float64,
    "needed": pl.Float64,
    "needed_low": pl.Float64,
    "needed_high": pl.Float64,
}
"""One row for each method (``model`` or the input of a simple classifier) and training size, validation FOVs counted:
accuracy, mean over folds, with its 95 % interval, null at sizes beyond those measured; the power law there with its
interval; its parameters; and how many training FOVs reach ``target``, infinite where none do. Null without a law."""

_SIZES: Final = 7
_FEWEST: Final = 3
_DRAWS: Final = 10
_BOOTSTRAP: Final = 1000
_BEYOND: Final = (1.4, 2.0, 2.8, 4.0)
_FARTHEST: Final = 10.0
"""How many times the largest size a number of FOVs is still given: what lies beyond, no curve tells."""


@dataclass(frozen=True)
class Curve:
    """Accuracies of one method.

    Attributes:
        source: The method.
        sizes: (S,) float64, mean number of training FOVs, ascending.
        folds: (S, k) float64, accuracy of each fold.
        intervals: Mean over folds with its 95 % interval, of each size.
        n_tests: Test FOVs of all folds.
        overlap: n_test / n_train of a fold at the largest size.
    """

    source: str
    sizes: np.ndarray
    folds: np.ndarray
    intervals: Sequence[Interval]
    n_tests: int
    overlap: float


def curves_of_runs(sweeps: Sequence[Sweep]) -> list[Curve]:
    """Return the curves of the model and of its controls, from sweeps that differ in the number of training FOVs.

    Args:
        sweeps: One for each size, such as ``fold=learning_curve fold.per_class=5,10,20`` leaves, and the one on all.

    Raises:
        DataError: They do not test the same FOVs in the same folds, or two have the same training size.
    """
    shared = share_folds({sweep.folder: sweep.completed for sweep in sweeps})
    sizes = [float(np.mean([run.n_train or np.nan for run in runs])) for runs in shared.runs]
    order = [int(place) for place in np.argsort(sizes, kind="stable")]
    for first, second in pairwise(order):
        if np.isnan(sizes[second]) or sizes[first] == sizes[second]:
            raise DataError(
                f"expected sweeps of different numbers of training FOVs, found {sizes[first]:g} in "
                f"{sweeps[first].folder} and {sizes[second]:g} in {sweeps[second].folder}: name one for each number"
            )
    n_folds = max(sweep.n_folds for sweep in sweeps)
    summaries = [summarise(shared.runs[place], range(n_folds)) for place in order]
    overlap = overlap_of(shared.runs[order[-1]])
    by_size = [summary.folds() for summary in summaries]
    curves = []
    for source in by_size[-1]:
        if source == MAJORITY_CLASS or not all(source in folds for folds in by_size):
            continue
        common = sorted(set.intersection(*(set(folds[source]) for folds in by_size)))
        of_source = [summary.outcomes.filter(pl.col(SOURCE) == source) for summary in summaries]
        values = [{fold: folds[source][fold] for fold in common} for folds in by_size]
        curves.append(
            Curve(
                source,
                np.array(sizes)[order],
                np.array([list(each.values()) for each in values]),
                [
                    score_interval_of(ACCURACY, each, overlap, outcomes)
                    for each, outcomes in zip(values, of_source, strict=True)
                ],
                int(summaries[-1].confusion.sum()),
                overlap,
            )
        )
    return curves


def curves_of_controls(folds: ControlFolds, seed: int = 0) -> list[Curve]:
    """Return the curves of quick classifiers on what the controls see, on parts of the training sides.

    Each part holds as many FOVs of each class as there are, at most a number, drawn at random ten times; where there
    are groups, FOVs follow each other group by group, so that few FOVs are of few groups.

    Args:
        folds: Features of the controls, labels and folds.
        seed: Of the draws.

    Raises:
        DataError: No class has enough training FOVs for `FEWEST_SIZES` sizes.
    """
    used = {fold: sides for fold, sides in folds.folds.items() if all(map(len, sides))}
    most = max(np.unique(folds.labels[train], return_counts=True)[1].max() for train, _ in used.values())
    per_class = np.unique(np.round(np.geomspace(_FEWEST, max(most, _FEWEST), _SIZES)).astype(int))
    if len(per_class) < FEWEST_SIZES:
        raise DataError(f"a learning curve needs a class with more than {_FEWEST + 2} training FOVs, found {most}")
    drawn = {
        fold: [[draw_part(folds, train, number, seed + turn) for turn in range(_DRAWS)] for number in per_class]
        for fold, (train, _) in used.items()
    }
    sizes = np.array([np.mean([len(turns[place][0]) for turns in drawn.values()]) for place in range(len(per_class))])
    n_tests = sum(len(test) for _, test in used.values())
    overlap = float(np.mean([len(test) / len(train) for train, test in used.values()]))
    curves = []
    for source, values in folds.features.items():
        table = np.array(
            [
                [
                    np.mean([accuracies(values, folds.labels[None], rows, used[fold][1])[0] for rows in turns[place]])
                    for fold, turns in drawn.items()
                ]
                for place in range(len(per_class))
            ]
        )
        ends = [_interval(row, overlap, n_tests if folds.groups is None else None) for row in table]
        curves.append(Curve(source, sizes, table, ends, n_tests, overlap))
    return sorted(curves, key=lambda curve: -float(curve.folds[-1].mean()))


def learning_curve(curves: Sequence[Curve], target: float = TARGET, seed: int = 0) -> Check:
    """Fit a power law to each curve, and say how many training FOVs an accuracy takes.

    The interval is that of fits to the mean of folds that are drawn with replacement. Five folds drawn from themselves
    vary too little: their deviations are widened to those of the corrected interval over folds (`mean_interval`).

    Args:
        curves: The most important one first.
        target: The accuracy that is asked for, between 0 and 1.
        seed: Of the bootstrap.

    Returns:
        A table with `COLUMNS`, and one sentence for the first curve.

    Raises:
        ConfigError: ``target`` is not between 0 and 1.
        DataError: There is no curve.
    """
    if not 0 < target < 1:
        raise ConfigError(f"expected an accuracy between 0 and 1, found {target}", setting="target")
    if not curves:
        raise DataError("expected at least one curve, found none")
    rows: list[dict[str, Any]] = []
    warnings = []
    for curve in curves:
        own = _rows(curve)
        try:
            own = _fitted(curve, own, target, seed)
        except DataError as error:
            warnings.append(f"{curve.source.replace('_', ' ')}: no power law is fitted: {error}")
        rows += own
    table = pl.DataFrame(rows, schema=COLUMNS)
    first = table.filter(pl.col(SOURCE) == curves[0].source).to_dicts()
    return Check(table, (_words(first, target),), tuple(dict.fromkeys(warnings)))


def _rows(curve: Curve) -> list[dict[str, Any]]:
    return [
        {
            SOURCE: curve.source,
            N_TRAIN: float(size),
            ACCURACY: each.estimate,
            "interval_low": each.low,
            "interval_high": each.high,
        }
        for size, each in zip(curve.sizes, curve.intervals, strict=True)
    ]


def _fitted(curve: Curve, rows: list[dict[str, Any]], target: float, seed: int) -> list[dict[str, Any]]:
    """Return the rows of a curve with its law, and further ones beyond the largest size."""
    errors = 1 - curve.folds
    mean = errors.mean(axis=1)
    n_folds = errors.shape[1]
    if n_folds < 2:
        raise DataError("one fold does not show how much folds differ")
    # half an error more and half a right answer more: no size is exact
    expected = (mean * curve.n_tests + 0.5) / (curve.n_tests + 1)
    weights = curve.n_tests / (expected * (1 - expected))
    drawn = np.random.default_rng(seed).integers(n_folds, size=(_BOOTSTRAP, n_folds))
    deviations = errors[:, drawn].mean(axis=2).T - mean
    resampled = np.clip(mean + _widening(n_folds, curve.overlap) * deviations, 0.0, 1.0)
    laws = fit_power_laws(curve.sizes, np.vstack([mean, resampled]), weights)
    beyond = [{SOURCE: curve.source, N_TRAIN: float(curve.sizes[-1] * factor)} for factor in _BEYOND]
    rows = [*rows, *beyond]
    accuracy = 1 - law_errors(laws, np.array([row[N_TRAIN] for row in rows]))
    low, high = _ends(accuracy[1:])
    needed = needed_sizes(laws, 1 - target)
    needed_low, needed_high = _ends(needed[1:, None])
    about = {
        **dict(zip("abc", laws[0].tolist(), strict=True)),
        "target": target,
        "needed": float(needed[0]),
        "needed_low": float(needed_low[0]),
        "needed_high": float(needed_high[0]),
    }
    fits = zip(rows, accuracy[0], low, high, strict=True)
    return [row | {"fit": float(f), "fit_low": float(lo), "fit_high": float(hi)} | about for row, f, lo, hi in fits]


def _widening(n_folds: int, overlap: float) -> float:
    """Return how much wider the corrected interval over folds is than that of a bootstrap of the folds."""
    t = float(stdtrit(n_folds - 1, 0.5 + LEVEL / 2)) / float(ndtri(0.5 + LEVEL / 2))
    return t * (n_folds / (n_folds - 1) * (1 + n_folds * overlap)) ** 0.5


def _ends(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 2.5 % and 97.5 % quantiles of draws (D, S), which may be infinite."""
    tail = (1 - LEVEL) / 2
    low, high = (np.quantile(draws, q, axis=0, method="nearest") for q in (tail, 1 - tail))
    return low, high


def _interval(values: np.ndarray, overlap: float, n_tests: int | None) -> Interval:
    over_folds = mean_interval(values.tolist(), overlap, (0.0, 1.0))
    if n_tests is None:
        return over_folds
    return joined(over_folds.estimate, [over_folds, score_interval(over_folds.estimate, n_tests)])


def draw_part(folds: ControlFolds, train: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Return rows (M,) of a training side: at most a number of each class; those of a larger number hold them."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(train)
    if folds.groups is not None:
        owners = np.array([f"fov {row}" if folds.groups[row] is None else folds.groups[row] for row in shuffled])
        rank = dict(zip(names := np.unique(owners), rng.permutation(len(names)), strict=True))
        shuffled = shuffled[np.argsort([rank[owner] for owner in owners], kind="stable")]
    labels = folds.labels[shuffled]
    return np.sort(np.concatenate([shuffled[labels == name][:per_class] for name in np.unique(labels)]))


def _words(rows: Sequence[Mapping[str, Any]], target: float) -> str:
    """Return the curve of one method in words."""
    last = [row for row in rows if row[ACCURACY] is not None][-1]
    name = "the model" if last[SOURCE] == MODEL else f"a simple classifier on {last[SOURCE].replace('_', ' ')}"
    ends = "" if last["interval_low"] is None else f" ({interval(last['interval_low'], last['interval_high'])})"
    reached = f"With {last[N_TRAIN]:.0f} training FOVs {name} reaches {number(last[ACCURACY])}{ends}"
    if last["needed"] is None:
        return f"{reached}; how many an accuracy of {target:g} takes, these numbers do not tell."
    twice = next(row for row in rows if row[N_TRAIN] == last[N_TRAIN] * 2)
    more = f"; twice as many would give {number(twice['fit'])} ({interval(twice['fit_low'], twice['fit_high'])})"
    return f"{reached}{more}. {needed_words(last, last[N_TRAIN], rows[0][N_TRAIN])}"


def needed_words(row: Mapping[str, Any], largest: float, smallest: float) -> str:
    """Return how many training FOVs an accuracy takes, or that the curve does not tell.

    Args:
        row: With ``target``, ``needed``, ``needed_low`` and ``needed_high``.
        largest: Largest training size that was measured.
        smallest: Smallest one.
    """
    low, high, target = row["needed_low"], row["needed_high"], f"{row['target']:g}"
    farthest = _FARTHEST * largest
    least = f"{low:.0f}" if low >= smallest else f"fewer than {smallest:.0f}"
    if high <= smallest:
        return f"An accuracy of {target} takes {least}, the smallest number that was tried."
    if low > farthest:
        return f"An accuracy of {target} takes more than {farthest:.0f}, or is never reached: the curve levels off."
    if high <= farthest:
        return f"An accuracy of {target} takes about {row['needed']:.0f} (95 % interval {least} to {high:.0f})."
    middle = f"about {row['needed']:.0f} by the fitted curve, but" if row["needed"] <= farthest else "a number that"
    return (
        f"An accuracy of {target} takes {middle} the curve does not tell: the 95 % interval is {least} to more than "
        f"{farthest:.0f}."
    )
