"""Accuracy and calibration under perturbations of the data: from predictions to scores, and to one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.preparation.perturbations import Perturbation
from locgraph.stats.calibration import calibration
from locgraph.stats.intervals import Interval
from locgraph.stats.pooled import pooled_accuracy, pooled_difference

NETWORK: Final = "network"
"""Value of ``method`` of the model; those of the controls are their names."""

UNPERTURBED: Final = ""
"""Value of ``perturbation`` in predictions of the FOVs as they are."""

STRESS_COLUMNS: Final = {
    column.name: column
    for column in (
        schema.Column(schema.PERTURBATION, pl.String, "1", "name of the perturbation"),
        schema.Column(schema.SEVERITY, pl.Float64, "1", "how strong, in its unit"),
        schema.Column(schema.UNIT, pl.String, "1", "unit of the severity: nm, or 1 for a pure number"),
        schema.Column(schema.MEANING, pl.String, "1", "what the severity is"),
        schema.Column(schema.NEUTRAL, pl.Boolean, "1", "whether this severity changes nothing"),
        schema.Column(schema.METHOD, pl.String, "1", "network, or the name of a control"),
        schema.Column(schema.N_FOVS, pl.Int64, "1", "FOVs that were predicted"),
        schema.Column(schema.FAILED, pl.Int64, "1", "FOVs that could not be prepared"),
        schema.Column("accuracy", pl.Float64, "1", "of the FOVs predicted; null where there are none"),
        schema.Column("accuracy_low", pl.Float64, "1", "lower end of its 95 % interval"),
        schema.Column("accuracy_high", pl.Float64, "1", "upper end of its 95 % interval"),
        schema.Column("loss", pl.Float64, "1", "accuracy lost against the same FOVs unperturbed"),
        schema.Column("loss_low", pl.Float64, "1", "lower end of its 95 % interval"),
        schema.Column("loss_high", pl.Float64, "1", "upper end of its 95 % interval"),
        schema.Column("confidence", pl.Float64, "1", "mean of the largest probability"),
        schema.Column("ece", pl.Float64, "1", "expected calibration error, 15 bins of equal width"),
        schema.Column(schema.UNLIKE, pl.Float64, "1", "fraction marked as unlike the training; null for controls"),
        schema.Column("nll", pl.Float64, "1", "mean negative logarithm of the probability of the true class"),
    )
}
"""Columns of the table of scores."""

_BINS: Final = 15


def score_stress(
    predictions: pl.DataFrame,
    failed: Mapping[tuple[str, float], int],
    perturbations: Mapping[str, Perturbation],
    class_names: Sequence[str],
) -> pl.DataFrame:
    """Score each method under each perturbation and severity.

    Args:
        predictions: One row for each FOV, method, perturbation (`UNPERTURBED` where there is none) and severity:
            ``perturbation``, ``severity``, ``method``, ``fov_id``, ``fold``, ``group``, ``truth``, ``p_<class>``;
            ``unlike`` where the network knows.
        failed: Perturbation and severity -> number of FOVs that could not be prepared; 0 where it is absent.
        perturbations: Name -> perturbation; each gets the unperturbed FOVs as its neutral severity.
        class_names: The K classes.

    Returns:
        The columns of `STRESS_COLUMNS`. Where no FOV is left, scores are null.
    """
    parts = predictions.partition_by(schema.PERTURBATION, schema.SEVERITY, schema.METHOD, as_dict=True)
    methods = predictions[schema.METHOD].unique(maintain_order=True).to_list()
    baselines = {method: _outcomes(parts[(UNPERTURBED, 0.0, method)], class_names) for method in methods}
    rows = []
    for name, perturbation in perturbations.items():
        for severity in sorted({*perturbation.severities, perturbation.neutral}):
            neutral = severity == perturbation.neutral
            about = {
                schema.PERTURBATION: name,
                schema.SEVERITY: severity,
                schema.UNIT: perturbation.unit,
                schema.MEANING: perturbation.meaning,
                schema.NEUTRAL: neutral,
                schema.FAILED: failed.get((name, severity), 0),
            }
            for method in methods:
                part = parts.get((name, severity, method))
                tested = baselines[method] if neutral else None if part is None else _outcomes(part, class_names)
                rows.append(about | {schema.METHOD: method} | _scores(tested, baselines[method]))
    columns = STRESS_COLUMNS.values()
    return pl.DataFrame(
        {column.name: [row.get(column.name) for row in rows] for column in columns},
        schema={column.name: column.dtype for column in columns},
    )


@dataclass(frozen=True)
class _Outcomes:
    """Predictions of one method at one severity, as arrays (N,): tests are keyed by FOV and fold."""

    keys: list[tuple[str, int]]
    probabilities: np.ndarray
    targets: np.ndarray
    groups: np.ndarray | None
    unlike: float | None

    @property
    def right(self) -> np.ndarray:
        return (self.probabilities.argmax(axis=1) == self.targets).astype(np.float64)

    @property
    def fovs(self) -> np.ndarray:
        return np.array([fov for fov, _ in self.keys])


def _outcomes(table: pl.DataFrame, class_names: Sequence[str]) -> _Outcomes:
    index = {name: place for place, name in enumerate(class_names)}
    columns = [schema.PROBABILITY_PREFIX + name for name in class_names]
    groups, fovs = table[schema.GROUP], table[schema.FOV_ID]
    return _Outcomes(
        keys=list(zip(fovs, table[schema.FOLD], strict=True)),
        probabilities=table.select(columns).to_numpy().astype(np.float64),
        targets=np.array([index[name] for name in table[schema.TRUTH]], dtype=np.int64),
        groups=None if groups.is_null().all() else groups.fill_null(fovs).to_numpy(),
        unlike=_fraction(table.get_column(schema.UNLIKE, default=None)),
    )


def _fraction(flags: pl.Series | None) -> float | None:
    return None if flags is None or flags.is_null().all() else float(np.mean(flags.drop_nulls().to_numpy()))


def _scores(tested: _Outcomes | None, baseline: _Outcomes) -> dict[str, Any]:
    """Return the scores of one row, and the paired loss of accuracy against the same FOVs unperturbed."""
    if tested is None:
        return {schema.N_FOVS: 0}
    right, classes = tested.right, tested.targets
    accuracy = pooled_accuracy(right, classes, tested.fovs, tested.groups)
    before = dict(zip(baseline.keys, baseline.right, strict=True))
    lost = np.array([before[key] for key in tested.keys]) - right
    loss = pooled_difference(lost, classes, tested.fovs, tested.groups) if tested is not baseline else None
    own = tested.probabilities[np.arange(len(classes)), classes]
    calibrated = calibration(tested.probabilities, classes, _BINS, tested.groups)
    return {
        schema.N_FOVS: len(np.unique(tested.fovs)),
        **_ends("accuracy", accuracy),
        **_ends("loss", loss or Interval(0.0, None, None)),
        "confidence": calibrated.mean_confidence,
        "ece": calibrated.error,
        schema.UNLIKE: tested.unlike,
        "nll": float(-np.log(np.maximum(own, np.finfo(np.float32).tiny)).mean()),
    }


def _ends(name: str, interval: Interval) -> dict[str, float | None]:
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


def describe_stress(table: pl.DataFrame, tolerance: float) -> dict[str, str]:
    """Return one sentence for each perturbation: where each method loses more accuracy than is tolerated.

    Args:
        table: From `score_stress`.
        tolerance: Loss of accuracy that is tolerated, such as 0.05.
    """
    return {
        str(name): f"{name} ({part[schema.MEANING][0]}): " + "; ".join(_method_sentences(part, tolerance)) + "."
        for (name,), part in table.group_by(schema.PERTURBATION, maintain_order=True)
    }


def _method_sentences(part: pl.DataFrame, tolerance: float) -> list[str]:
    return [
        _sentence(str(method), rows.sort(schema.SEVERITY).to_dicts(), tolerance)
        for (method,), rows in part.group_by(schema.METHOD, maintain_order=True)
    ]


def _sentence(method: str, rows: Sequence[Mapping[str, Any]], tolerance: float) -> str:
    """Return where the accuracy of one method falls, on either side of the neutral severity."""
    start = next(row for row in rows if row[schema.NEUTRAL])
    limit = start["accuracy"] - tolerance
    below = [row for row in reversed(rows) if row[schema.SEVERITY] < start[schema.SEVERITY]]
    above = [row for row in rows if row[schema.SEVERITY] > start[schema.SEVERITY]]
    falls = [_first_fall(side, limit) for side in (below, above)]
    named = [fall for fall in falls if fall is not None]
    words = f"accuracy of {method.replace('_', ' ')}, {start['accuracy']:.3f}, "
    if named:
        return f"{words}falls below {limit:.3f} at " + " and at ".join(named)
    tested = [row for row in rows if row["accuracy"] is not None and not row[schema.NEUTRAL]]
    if not tested:
        return f"{words}could not be tested otherwise"
    lowest = min(tested, key=lambda row: row["accuracy"])
    return f"{words}stays above {limit:.3f} (lowest {lowest['accuracy']:.3f} at {_at(lowest)})"


def _first_fall(side: Sequence[Mapping[str, Any]], limit: float) -> str | None:
    for row in side:
        if row["accuracy"] is None:
            return f"{_at(row)} (no FOV could be prepared)"
        if row["accuracy"] < limit:
            unlike = "" if row[schema.UNLIKE] is None else f", {row[schema.UNLIKE]:.0%} marked as unlike"
            return f"{_at(row)} ({row['accuracy']:.3f}{_interval(row)}, ECE {row['ece']:.2f}{unlike})"
    return None


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row["accuracy_low"], row["accuracy_high"]
    return "" if low is None or high is None else f", 95 % interval {low:.2f} to {high:.2f}"


def _at(row: Mapping[str, Any]) -> str:
    return f"{row[schema.SEVERITY]:g}" + (f" {row[schema.UNIT]}" if row[schema.UNIT] != "1" else "")
