"""Calibration of the test predictions, coverage of their prediction sets, and what abstaining would gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.checks.check import Check
from locgraph.data.folds import TEST
from locgraph.errors import DataError
from locgraph.stats.calibration import Calibration, calibration, calibration_of
from locgraph.stats.intervals import LEVEL, Interval
from locgraph.stats.pooled import pooled_accuracy
from locgraph.stats.selective import kept_at_error
from locgraph.trust.prediction_sets import PredictionSets
from locgraph.trust.trust import TrustSettings

ECE: Final = "ece"
ADAPTIVE_ECE: Final = "adaptive_ece"
BRIER: Final = "brier"
NLL: Final = "nll"
COVERAGE: Final = "coverage"
SPLIT_COVERAGE: Final = "split_coverage"
SET_SIZE: Final = "set_size"
EMPTY_SETS: Final = "empty_sets"
KEPT: Final = "kept_at_half_error"

COLUMNS: Final = {
    "measure": pl.String,
    "before": pl.Float64,
    "value": pl.Float64,
    "interval_low": pl.Float64,
    "interval_high": pl.Float64,
    "chance_high": pl.Float64,
    "n_fovs": pl.Int64,
}
"""One row for each measure: ``before`` calibration and after; ``chance_high`` is what 95 % of perfectly calibrated
predictions of the same confidence stay below."""

N_SPLITS: Final = 100
"""Random halves of the test predictions, for the coverage."""

_DRAWS: Final = 200
_FEWEST: Final = 10


def check_calibration(predictions: pl.DataFrame, class_names: Sequence[str], coverage: float = 0.95) -> Check:
    """Compare confidence with accuracy over the test FOVs of all folds, and prediction sets with their coverage.

    Args:
        predictions: Rows of all runs: ``fov_id``, ``split``, ``truth``, ``p_<class>``; where there are any also
            ``group``, ``uncalibrated_<class>`` and ``prediction_set``.
        class_names: The K classes in their order.
        coverage: Coverage that was asked of the prediction sets.

    Returns:
        A table with `COLUMNS`, and sentences on calibration, prediction sets and abstention.

    Raises:
        DataError: No test FOV has a class.
    """
    known = tested(predictions)
    if known.is_empty():
        raise DataError("calibration: expected test FOVs with a class, found none")
    after, before = calibration_of(known, class_names), before_calibration(known, class_names)
    rows = _calibration_rows(known, class_names, before, after)
    sentences = [_describe_calibration(rows[0], before, after)]
    warnings = [] if before else ["before calibration: the runs are of an earlier version; train again"]
    of_sets = _set_rows(known, class_names, coverage)
    rows += of_sets
    if of_sets:
        sentences.append(_describe_sets(of_sets, coverage))
    else:
        warnings.append("prediction sets: the runs have none; train again")
    kept = _kept_row(known, class_names)
    if kept is not None:
        rows.append(kept)
        sentences.append(
            f"Without the {1 - kept['value']:.0%} of test FOVs with the least confidence the error would be at most "
            "half as large (chosen on these FOVs)."
        )
    return Check(pl.DataFrame(rows, schema=COLUMNS), tuple(sentences), tuple(warnings))


def asked_coverage(metrics: Mapping[str, Any]) -> float:
    """Return the coverage that a run asked of its prediction sets, from its ``metrics.json``; 0.95 where unknown."""
    return float(metrics.get("calibration", {}).get("coverage", TrustSettings().coverage))


def tested(predictions: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of test FOVs with a class."""
    return predictions.filter(pl.col(schema.SPLIT) == TEST, pl.col(schema.TRUTH).is_not_null())


def before_calibration(predictions: pl.DataFrame, class_names: Sequence[str]) -> Calibration | None:
    """Return the calibration of what the network said itself; None where the table does not hold it."""
    table = uncalibrated(predictions, class_names)
    return None if table is None else calibration_of(table, class_names)


def uncalibrated(predictions: pl.DataFrame, class_names: Sequence[str]) -> pl.DataFrame | None:
    """Return the table with the probabilities before calibration; None where it does not hold them."""
    columns = {schema.UNCALIBRATED_PREFIX + name: schema.PROBABILITY_PREFIX + name for name in class_names}
    if not set(columns) <= set(predictions.columns):
        return None
    return predictions.drop(columns.values()).rename(columns)


def _calibration_rows(
    known: pl.DataFrame, class_names: Sequence[str], before: Calibration | None, after: Calibration
) -> list[dict[str, Any]]:
    """Return a row for each measure of calibration, with bootstrap intervals over groups, or FOVs."""
    probabilities, targets = class_arrays(known, class_names)
    rng = np.random.default_rng(0)
    units = _units(known)
    drawn = np.array([_measures(probabilities[rows], targets[rows]) for rows in _resampled(units, rng)])
    ends = np.quantile(drawn, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2], axis=0)
    # classes drawn from the probabilities themselves are calibrated perfectly (Broecker and Smith 2007,
    # 10.1175/WAF993.1); what is measured of them is chance
    cumulated = probabilities.cumsum(axis=1)
    by_chance = [
        _measures(
            probabilities, np.minimum((rng.random((len(targets), 1)) > cumulated).sum(axis=1), len(class_names) - 1)
        )
        for _ in range(_DRAWS)
    ]
    highest = np.quantile(np.array(by_chance), LEVEL, axis=0)
    fields = {ECE: "error", ADAPTIVE_ECE: "adaptive_error", BRIER: "brier", NLL: "nll"}
    return [
        {
            "measure": name,
            "before": None if before is None else getattr(before, field),
            "value": getattr(after, field),
            "interval_low": ends[0, index],
            "interval_high": ends[1, index],
            "chance_high": highest[index],
            "n_fovs": known[schema.FOV_ID].n_unique(),
        }
        for index, (name, field) in enumerate(fields.items())
    ]


def _measures(probabilities: np.ndarray, targets: np.ndarray) -> tuple[float, ...]:
    result = calibration(probabilities, targets, intervals=False)
    return result.error, result.adaptive_error, result.brier, result.nll


def _resampled(units: np.ndarray, rng: np.random.Generator) -> Any:
    """Yield rows of resampled units; those of one unit, a group or FOV, stay together."""
    members = [np.flatnonzero(units == unit) for unit in np.unique(units)]
    for _ in range(_DRAWS):
        yield np.concatenate([members[index] for index in rng.integers(len(members), size=len(members))])


def _units(known: pl.DataFrame) -> np.ndarray:
    fovs = known[schema.FOV_ID]
    groups = known.get_column(schema.GROUP, default=None)
    return (fovs if groups is None else groups.fill_null(fovs)).to_numpy()


def class_arrays(known: pl.DataFrame, class_names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (N, K) float64 and targets (N,) int64."""
    index = {name: place for place, name in enumerate(class_names)}
    probabilities = known.select(schema.PROBABILITY_PREFIX + name for name in class_names).to_numpy().astype(np.float64)
    return probabilities, np.array([index[name] for name in known[schema.TRUTH]], dtype=np.int64)


def _set_rows(known: pl.DataFrame, class_names: Sequence[str], coverage: float) -> list[dict[str, Any]]:
    """Return rows on the prediction sets; none where there are none."""
    if schema.PREDICTION_SET not in known.columns or known[schema.PREDICTION_SET].is_null().all():
        return []
    sets = known.filter(pl.col(schema.PREDICTION_SET).is_not_null())
    inside = sets.select(pl.col(schema.PREDICTION_SET).list.contains(pl.col(schema.TRUTH))).to_series().to_numpy()
    observed = _proportion(inside, sets)
    sizes = sets[schema.PREDICTION_SET].list.len().to_numpy()
    empty = _proportion(sizes == 0, sets)
    rows = [
        _row(COVERAGE, observed, sets),
        _row(EMPTY_SETS, empty, sets),
        _row(SET_SIZE, Interval(float(sizes.mean()), None, None), sets),
    ]
    over_splits = split_coverage(*class_arrays(known, class_names), coverage)
    if over_splits is not None:
        rows.append(_row(SPLIT_COVERAGE, over_splits, known))
    return rows


def _proportion(values: np.ndarray, table: pl.DataFrame) -> Interval:
    groups = None
    if table[schema.FOV_ID].is_duplicated().any() or schema.GROUP in table.columns:
        groups = _units(table)
    every = np.arange(len(values))
    return pooled_accuracy(values.astype(np.float64), np.zeros(len(values)), every, groups)


def split_coverage(
    probabilities: np.ndarray, targets: np.ndarray, coverage: float, n_splits: int = N_SPLITS
) -> Interval | None:
    """Return the mean coverage of prediction sets over random halves of FOVs: one calibrates, the other tests.

    Args:
        probabilities: (N, K) float64.
        targets: (N,) int64.
        coverage: What is asked for.
        n_splits: How many random halves.

    Returns:
        The mean, and the middle 95 % of the halves; None where a half is too small to leave any class out.
    """
    half = len(targets) // 2
    if half < max(_FEWEST, np.ceil(1 / (1 - coverage)) - 1):
        return None
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(n_splits):
        order = rng.permutation(len(targets))
        fitted, new = order[:half], order[half:]
        inside = PredictionSets.fit(probabilities[fitted], targets[fitted]).contains(probabilities[new], coverage)
        covered.append(inside[np.arange(len(new)), targets[new]].mean())
    low, high = np.quantile(covered, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return Interval(float(np.mean(covered)), float(low), float(high))


def _kept_row(known: pl.DataFrame, class_names: Sequence[str]) -> dict[str, Any] | None:
    """Return the fraction of FOVs that can be kept at half of the error; None where there is no error."""
    probabilities, targets = class_arrays(known, class_names)
    right = probabilities.argmax(axis=1) == targets
    if right.all():
        return None
    kept = kept_at_error(probabilities.max(axis=1), right, (1 - right.mean()) / 2)
    return _row(KEPT, Interval(kept, None, None), known)


def _row(measure: str, interval: Interval, table: pl.DataFrame) -> dict[str, Any]:
    return {
        "measure": measure,
        "value": interval.estimate,
        "interval_low": interval.low,
        "interval_high": interval.high,
        "n_fovs": table[schema.FOV_ID].n_unique(),
    }


def _describe_calibration(ece: dict[str, Any], before: Calibration | None, after: Calibration) -> str:
    leaning = "too sure" if after.mean_confidence > after.accuracy else "less sure than right"
    words = (
        f"The confidence is {after.mean_confidence:.3f} and the accuracy {after.accuracy:.3f} on average over the test "
        f"FOVs; the expected calibration error is {after.error:.3f}"
    )
    if before is not None:
        words += f" ({before.error:.3f} before calibration)"
    chance = f"{ece['chance_high']:.3f}"
    if after.error <= ece["chance_high"]:
        return f"{words}, no more than chance gives perfect calibration with as many FOVs (up to {chance})."
    return f"{words}, more than chance gives (up to {chance}): the model is {leaning}."


def _describe_sets(rows: list[dict[str, Any]], coverage: float) -> str:
    by_name = {row["measure"]: row for row in rows}
    observed = by_name[COVERAGE]
    interval = ""
    if observed["interval_low"] is not None:
        interval = f" (95 % interval {observed['interval_low']:.3f} to {observed['interval_high']:.3f})"
    size, empty = by_name[SET_SIZE]["value"], by_name[EMPTY_SETS]["value"]
    return (
        f"Prediction sets hold the true class of {observed['value']:.3f}{interval} of the test FOVs, {coverage:g} was "
        f"asked for; they hold {size:.2f} classes on average, and {empty:.0%} hold none."
    )
