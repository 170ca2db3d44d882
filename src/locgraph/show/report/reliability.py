"""Whether the probabilities of the model are honest."""

from __future__ import annotations

from typing import Any

import polars as pl

from locgraph import schema
from locgraph.data.folds import TEST
from locgraph.errors import DataError
from locgraph.show.report.absent import Absent
from locgraph.show.report.palette import MODEL, OTHERS
from locgraph.show.report.parts import INFO, MISSING, Facts, Note, Part, Plot, Section, Table
from locgraph.show.report.source import Source
from locgraph.show.report.words import count, number, spread
from locgraph.stats.calibration import Calibration, calibration_of

_LEAD = (
    "Confidence is the largest probability of a prediction. Where the model is honest, of the predictions that it is "
    "80 % sure of, 80 % are right, and the dots lie on the diagonal."
)
_FEW = 50


def section(source: Source) -> Section:
    """Reliability curve, expected calibration error and Brier score of the test side."""
    found = calibrated(source)
    parts: tuple[Part, ...]
    if isinstance(found, Absent):
        parts = (Note(f"Calibration cannot be shown. {found.reason}", MISSING),)
    else:
        what = "localisations" if source.of_localisations else "FOVs"
        parts = (curve(found, what), Facts(_facts(found, len(source.class_names), what)), bin_table(found, what))
        if found.n_cases < _FEW:
            few = f"{found.n_cases} test {what} are few: the error is then too large by chance alone."
            parts = (*parts, Note(few, INFO))
    return Section("calibration", "Calibration", _LEAD, parts)


def calibrated(source: Source) -> Calibration | Absent:
    """Calibration of all test cases of all folds, or why there is none."""
    table = source.localisations if source.of_localisations else source.predictions
    if isinstance(table, Absent):
        return table
    try:
        return calibration_of(table.filter(pl.col(schema.SPLIT) == TEST), source.class_names)
    except DataError as error:
        return Absent(f"{error}.")


def curve(found: Calibration, what: str) -> Plot:
    """Accuracy over confidence, and how many cases each bin holds."""
    alt = f"Reliability curve of {found.n_cases} test {what}; expected calibration error {number(found.error)}."
    caption = f"Dots: mean of each bin with Wilson's 95 % interval. Below: how many {what} each bin holds."
    return Plot("calibration", _traces(found, what), _layout(what), alt, caption, height=430, narrow=True)


def _traces(found: Calibration, what: str) -> list[dict[str, Any]]:
    """The diagonal, the curve, and the bars of the counts."""
    x = [one.confidence for one in found.bins]
    accuracy = [one.accuracy for one in found.bins]
    y = [one.estimate for one in accuracy]
    error = {
        "type": "data",
        "symmetric": False,
        "array": [(one.high or one.estimate) - one.estimate for one in accuracy],
        "arrayminus": [one.estimate - (one.low or 0.0) for one in accuracy],
        "thickness": 1.5,
        "width": 4,
        "color": MODEL,
    }
    words = [
        f"{count(one.count)} {what} between {number(one.low, 1)} and {number(one.high, 1)}<br>confidence "
        f"{number(one.confidence)}, right {number(one.accuracy.estimate)}<extra></extra>"
        for one in found.bins
    ]
    return [
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
            "x": [(one.low + one.high) / 2 for one in found.bins],
            "y": [one.count for one in found.bins],
            "width": [0.92 * (one.high - one.low) for one in found.bins],
            "type": "bar",
            "yaxis": "y2",
            "marker": {"color": OTHERS, "opacity": 0.55},
            "hovertemplate": words,
        },
    ]


def _layout(what: str) -> dict[str, Any]:
    return {
        "xaxis": {"range": [-0.02, 1.02], "title": {"text": "confidence"}, "zeroline": False, "anchor": "y2"},
        "yaxis": {
            "range": [-0.04, 1.06],
            "title": {"text": "part that is right"},
            "domain": [0.3, 1],
            "zeroline": False,
        },
        "yaxis2": {"domain": [0, 0.2], "title": {"text": what}, "rangemode": "tozero", "nticks": 3},
        "margin": {"l": 62, "r": 16, "t": 8, "b": 44},
        "showlegend": False,
        "hovermode": "closest",
    }


def bin_table(found: Calibration, what: str) -> Table:
    """The bins in numbers."""
    rows = tuple(
        (
            f"{number(one.low, 1)} – {number(one.high, 1)}",
            count(one.count),
            number(one.confidence),
            number(one.accuracy.estimate),
            spread(one.accuracy.low, one.accuracy.high),
        )
        for one in found.bins
    )
    header = ("confidence", what, "mean confidence", "part that is right", "95 % interval")
    return Table(header, rows, folded="The bins in numbers")


def _facts(found: Calibration, n_classes: int, what: str) -> tuple[tuple[str, str], ...]:
    leaning = "too sure" if found.mean_confidence > found.accuracy else "not sure enough"
    return (
        ("expected calibration error", f"{number(found.error)} (0 is best; bins of equal width)"),
        ("Brier score", f"{number(found.brier)} (0 is best; equal probabilities give {number(1 - 1 / n_classes)})"),
        (
            "mean confidence",
            f"{number(found.mean_confidence)}, while {number(found.accuracy)} of {count(found.n_cases)} {what} are "
            "right: on "
            f"the whole {leaning}",
        ),
    )
