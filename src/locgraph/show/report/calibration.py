"""Chapter on calibration: reliability, prediction sets, abstention, and fields of view (FOVs) unlike the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.analysis.checks.calibration import (
    ADAPTIVE_ECE,
    BRIER,
    COVERAGE,
    ECE,
    EMPTY_SETS,
    KEPT,
    NLL,
    SET_SIZE,
    SPLIT_COVERAGE,
    asked_coverage,
    before_calibration,
    check_calibration,
)
from locgraph.data.folds import TEST
from locgraph.errors import DataError
from locgraph.show.report.parts import INFO, MISSING, Facts, Note, Part, Plot, Section, Table
from locgraph.show.report.source import Absent, Source
from locgraph.show.report.style import MODEL, OTHERS, TRAINING, count, interval_text, number
from locgraph.stats.calibration import Calibration, calibration_of

_CALIBRATION: Final = (
    "Confidence is the largest probability of a prediction. Where the model is calibrated, of the predictions with a "
    "confidence of 80 %, 80 % are correct, and the dots lie on the diagonal."
)
_FEW: Final = 50

MEASURES: Final = {
    ECE: "expected calibration error (0 is best)",
    ADAPTIVE_ECE: "the same, bins of equally many FOVs",
    BRIER: "Brier score (0 is best)",
    NLL: "negative log-likelihood (0 is best)",
    COVERAGE: "prediction sets that hold the true class",
    EMPTY_SETS: "prediction sets without a class",
    SET_SIZE: "classes in a prediction set",
    SPLIT_COVERAGE: "coverage over 100 random halves",
    KEPT: "FOVs with a decision at half of the error",
}
"""Words for the rows of the check of calibration."""


def calibration_section(source: Source) -> Section:
    """Return the chapter on the probabilities of the test side: reliability, prediction sets and abstention."""
    result = calibrate(source)
    if isinstance(result, Absent):
        note = Note(f"Calibration cannot be shown. {result.reason}", MISSING)
        return Section("calibration", "Calibration", _CALIBRATION, (note,))
    what, tested = "localisations" if source.of_localisations else "FOVs", source.tested()
    before = None if isinstance(tested, Absent) else before_calibration(tested, source.class_names)
    facts = Facts(_facts(result, len(source.class_names), what))
    parts: list[Part] = [reliability_plot(result, what, before), facts]
    if not isinstance(tested, Absent):
        parts += _checked(tested, source.class_names, asked_coverage(source.completed[0].metrics))
    parts.append(bin_table(result, what))
    if result.n_cases < _FEW:
        few = f"{result.n_cases} test {what} are few: the error is then too large by chance alone."
        parts.append(Note(few, INFO))
    return Section("calibration", "Calibration", _CALIBRATION, tuple(parts))


def _checked(tested: pl.DataFrame, class_names: Sequence[str], coverage: float) -> list[Part]:
    """Return the measures of calibration with intervals, and what they say of prediction sets and abstention."""
    check = check_calibration(tested, class_names, coverage)
    rows = tuple(
        (
            MEASURES[row["measure"]],
            number(row["before"]),
            number(row["value"]),
            interval_text(row["interval_low"], row["interval_high"]),
            number(row["chance_high"]),
        )
        for row in check.table.to_dicts()
    )
    header = ("measure", "before calibration", "value", "95 % interval", "perfect calibration stays below")
    caption = (
        "Probabilities were calibrated on the validation FOVs of each fold. Intervals: bootstrap over FOVs, or groups "
        "of them; of the coverage over splits, the middle 95 % of 100 random halves."
    )
    parts: list[Part] = [Note(sentence, INFO) for sentence in check.sentences]
    return [*parts, Table(header, rows, caption), *(Note(f"{words}.", MISSING) for words in check.warnings)]


def calibrate(source: Source) -> Calibration | Absent:
    """Return the calibration over the test cases of all folds, or why there is none."""
    table = source.localisations if source.of_localisations else source.predictions
    if isinstance(table, Absent):
        return table
    try:
        return calibration_of(table.filter(pl.col(schema.SPLIT) == TEST), source.class_names)
    except DataError as error:
        return Absent(f"{error}.")


def reliability_plot(result: Calibration, what: str, before: Calibration | None = None) -> Plot:
    """Plot accuracy over confidence, also that before calibration, and the number of cases in each bin."""
    alt = f"Reliability curve of {result.n_cases} test {what}; expected calibration error {number(result.error)}."
    caption = (
        "Dots: mean of each bin with its 95 % interval, where independent cases determine one. Below: how many "
        f"{what} each bin holds."
    )
    if before is not None:
        caption += f" Broken line: before calibration, with an error of {number(before.error)}."
    return Plot("calibration", _traces(result, what, before), _layout(what), alt, caption, height=430, narrow=True)


def _traces(result: Calibration, what: str, before: Calibration | None) -> list[dict[str, Any]]:
    """Return the diagonal, the curve, and the bars of the counts."""
    x = [one.confidence for one in result.bins]
    accuracy = [one.accuracy for one in result.bins]
    y = [one.estimate for one in accuracy]
    error = {
        "type": "data",
        "symmetric": False,
        "array": [(one.high or one.estimate) - one.estimate for one in accuracy],
        "arrayminus": [one.estimate - (one.estimate if one.low is None else one.low) for one in accuracy],
        "thickness": 1.5,
        "width": 4,
        "color": MODEL,
    }
    words = [
        f"{count(one.count)} {what} between {number(one.low, 1)} and {number(one.high, 1)}<br>confidence "
        f"{number(one.confidence)}, correct {number(one.accuracy.estimate)}<extra></extra>"
        for one in result.bins
    ]
    return [
        *([_earlier_trace(before)] if before else []),
        {
            "x": [0, 1],
            "y": [0, 1],
            "type": "scatter",
            "mode": "lines",
            "line": {"color": OTHERS, "dash": "dot", "width": 1.5},
            "hoverinfo": "skip",
        },
        {
            "x": x,
            "y": y,
            "type": "scatter",
            "mode": "lines+markers",
            "error_y": error,
            "marker": {"color": MODEL, "size": 9},
            "line": {"color": MODEL, "width": 2},
            "hovertemplate": words,
        },
        {
            "x": [(one.low + one.high) / 2 for one in result.bins],
            "y": [one.count for one in result.bins],
            "width": [0.92 * (one.high - one.low) for one in result.bins],
            "type": "bar",
            "yaxis": "y2",
            "marker": {"color": OTHERS, "opacity": 0.55},
            "hovertemplate": words,
        },
    ]


def _earlier_trace(before: Calibration) -> dict[str, Any]:
    """Return the curve before calibration."""
    return {
        "x": [one.confidence for one in before.bins],
        "y": [one.accuracy.estimate for one in before.bins],
        "type": "scatter",
        "mode": "lines+markers",
        "marker": {"color": TRAINING, "size": 6, "symbol": "circle-open"},
        "line": {"color": TRAINING, "dash": "dash", "width": 1.5},
        "hovertemplate": "before calibration<br>confidence %{x:.3f}, correct %{y:.3f}<extra></extra>",
    }


def _layout(what: str) -> dict[str, Any]:
    return {
        "xaxis": {"range": [-0.02, 1.02], "title": {"text": "confidence"}, "zeroline": False, "anchor": "y2"},
        "yaxis": {
            "range": [-0.04, 1.06],
            "title": {"text": "fraction correct"},
            "domain": [0.3, 1],
            "zeroline": False,
        },
        "yaxis2": {"domain": [0, 0.2], "title": {"text": what}, "rangemode": "tozero", "nticks": 3},
        "margin": {"l": 62, "r": 16, "t": 8, "b": 44},
        "showlegend": False,
        "hovermode": "closest",
    }


def bin_table(result: Calibration, what: str) -> Table:
    """Return the bins in numbers."""
    rows = tuple(
        (
            f"{number(one.low, 1)} – {number(one.high, 1)}",
            count(one.count),
            number(one.confidence),
            number(one.accuracy.estimate),
            interval_text(one.accuracy.low, one.accuracy.high),
        )
        for one in result.bins
    )
    header = ("confidence", what, "mean confidence", "fraction correct", "95 % interval")
    return Table(header, rows, folded="The bins in numbers")


def _facts(result: Calibration, n_classes: int, what: str) -> tuple[tuple[str, str], ...]:
    leaning = "overconfident" if result.mean_confidence > result.accuracy else "underconfident"
    return (
        ("expected calibration error", f"{number(result.error)} (0 is best; bins of equal width)"),
        ("Brier score", f"{number(result.brier)} (0 is best; equal probabilities give {number(1 - 1 / n_classes)})"),
        (
            "mean confidence",
            f"{number(result.mean_confidence)}, while {number(result.accuracy)} of {count(result.n_cases)} {what} are "
            f"correct: on the whole {leaning}",
        ),
    )
