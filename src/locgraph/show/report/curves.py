"""Chapters with curves: calibration of the probabilities, and training over the epochs."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.data.folds import TEST
from locgraph.errors import DataError
from locgraph.run_folder import HISTORY
from locgraph.show.report.parts import INFO, MISSING, Facts, Note, Part, Plot, Section, Table
from locgraph.show.report.source import Absent, Source, read_csv
from locgraph.show.report.style import MODEL, NONE, OTHERS, TRAINING, VALIDATION, count, interval_text, number
from locgraph.stats.calibration import Calibration, calibration_of

_CALIBRATION: Final = (
    "Confidence is the largest probability of a prediction. Where the model is calibrated, of the predictions with a "
    "confidence of 80 %, 80 % are correct, and the dots lie on the diagonal."
)
_FEW: Final = 50
_EPOCH: Final = "epoch"
_PARTS: Final = {"train": ("training", TRAINING), "val": ("validation", VALIDATION)}
_LOSS: Final = "val/loss"


def calibration_section(source: Source) -> Section:
    """Return the chapter with the reliability curve, expected calibration error and Brier score of the test side."""
    result = calibrate(source)
    if isinstance(result, Absent):
        note = Note(f"Calibration cannot be shown. {result.reason}", MISSING)
        return Section("calibration", "Calibration", _CALIBRATION, (note,))
    what = "localisations" if source.of_localisations else "FOVs"
    facts = Facts(_facts(result, len(source.class_names), what))
    parts: list[Part] = [reliability_plot(result, what), facts, bin_table(result, what)]
    if result.n_cases < _FEW:
        few = f"{result.n_cases} test {what} are few: the error is then too large by chance alone."
        parts.append(Note(few, INFO))
    return Section("calibration", "Calibration", _CALIBRATION, tuple(parts))


def calibrate(source: Source) -> Calibration | Absent:
    """Return the calibration over the test cases of all folds, or why there is none."""
    table = source.localisations if source.of_localisations else source.predictions
    if isinstance(table, Absent):
        return table
    try:
        return calibration_of(table.filter(pl.col(schema.SPLIT) == TEST), source.class_names)
    except DataError as error:
        return Absent(f"{error}.")


def reliability_plot(result: Calibration, what: str) -> Plot:
    """Plot accuracy over confidence, and the number of cases in each bin."""
    alt = f"Reliability curve of {result.n_cases} test {what}; expected calibration error {number(result.error)}."
    caption = (
        "Dots: mean of each bin with its 95 % interval, where independent cases determine one. Below: how many "
        f"{what} each bin holds."
    )
    return Plot("calibration", _traces(result, what), _layout(what), alt, caption, height=430, narrow=True)


def _traces(result: Calibration, what: str) -> list[dict[str, Any]]:
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


def training_section(source: Source) -> Section:
    """Return the chapter with losses and accuracies over the epochs of every fold."""
    histories: dict[int, pl.DataFrame] = {}
    parts: list[Part] = []
    for run in source.completed:
        fold = int(run.fold or 0)
        history = read_csv(run.folder / HISTORY)
        if isinstance(history, Absent):
            parts.append(Note(f"Training of fold {fold} cannot be shown. {history.reason}", MISSING))
        elif _EPOCH not in history.columns:
            parts.append(Note(f"Training of fold {fold} cannot be shown: {HISTORY} has no epochs.", MISSING))
        else:
            histories[fold] = by_epoch(history)
    drawn = [name for name in ("loss", "accuracy") if any(_columns(table, name) for table in histories.values())]
    parts += [training_plot(histories, name) for name in drawn]
    best = best_epochs(histories)
    if best:
        rows = tuple((str(fold), str(epoch), number(value), str(last)) for fold, (epoch, value, last) in best.items())
        header = ("fold", "epoch of the lowest validation loss", "that loss", "last epoch")
        parts.append(Table(header, rows, "The weights that were tested are those of the lowest validation loss."))
    lead = (
        "Loss and accuracy over the epochs; a validation loss that rises while the training loss falls is overfitting."
    )
    return Section("training", "Training", lead, tuple(parts))


def by_epoch(history: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each epoch: the mean of its rows in ``metrics.csv``."""
    numbers = [name for name, dtype in history.schema.items() if dtype.is_numeric() and name != _EPOCH]
    return history.filter(pl.col(_EPOCH).is_not_null()).group_by(_EPOCH).agg(pl.col(numbers).mean()).sort(_EPOCH)


def best_epochs(histories: dict[int, pl.DataFrame]) -> dict[int, tuple[int, float, int]]:
    """Return fold -> epoch of the lowest validation loss, that loss, and the last epoch."""
    best = {}
    for fold, table in histories.items():
        if _LOSS not in table.columns:
            continue
        known = table.filter(pl.col(_LOSS).is_finite())
        if known.height:
            epoch, value = known.sort(_LOSS, _EPOCH).select(_EPOCH, _LOSS).row(0)
            best[fold] = (int(epoch), float(value), int(table[_EPOCH].max()))  # type: ignore[arg-type]
    return best


def training_plot(histories: dict[int, pl.DataFrame], name: str) -> Plot:
    """Plot one quantity of training and validation, a line for each fold."""
    data: list[dict[str, Any]] = []
    seen: set[str] = set()
    for fold, table in histories.items():
        for column in _columns(table, name):
            words, colour = _PARTS[column.split("/")[0]]
            drawn = table.filter(pl.col(column).is_finite())
            data.append(
                {
                    "x": drawn[_EPOCH].to_list(),
                    "y": [round(value, 5) for value in drawn[column].to_list()],
                    "type": "scatter",
                    "mode": "lines" if drawn.height > 1 else "markers",
                    "name": words,
                    "legendgroup": words,
                    "showlegend": words not in seen,
                    "line": {"color": colour, "width": 1.6},
                    "opacity": 1.0 if len(histories) == 1 else 0.65,
                    "hovertemplate": f"fold {fold}, {words}, epoch %{{x}}: %{{y:.3f}}<extra></extra>",
                }
            )
            seen.add(words)
    if name == "loss":
        data += _lowest(histories)
    layout = {
        "xaxis": {"title": {"text": _EPOCH}, "zeroline": False},
        "yaxis": {"title": {"text": name}, "rangemode": "tozero", "zeroline": False},
        "legend": {"orientation": "h", "y": 1.08, "x": 0, "yanchor": "bottom"},
        "margin": {"l": 56, "r": 16, "t": 40, "b": 44},
        "hovermode": "closest",
    }
    last = [f"fold {fold}: {_last(table, name)}" for fold, table in histories.items()]
    alt = f"{name} of training and validation over the epochs. Last validation value: {'; '.join(last)}."
    return Plot(f"training-{name}", data, layout, alt, height=320)


def _lowest(histories: dict[int, pl.DataFrame]) -> list[dict[str, Any]]:
    best = best_epochs(histories)
    if not best:
        return []
    return [
        {
            "x": [epoch for epoch, _, _ in best.values()],
            "y": [value for _, value, _ in best.values()],
            "type": "scatter",
            "mode": "markers",
            "name": "lowest validation loss",
            "marker": {"color": VALIDATION, "size": 8, "symbol": "circle"},
            "hovertemplate": [f"fold {fold}, lowest at epoch %{{x}}: %{{y:.3f}}<extra></extra>" for fold in best],
        }
    ]


def _columns(table: pl.DataFrame, name: str) -> list[str]:
    columns = [f"{part}/{name}" for part in _PARTS]
    return [
        column for column in columns if column in table.columns and table[column].cast(pl.Float64).is_finite().any()
    ]


def _last(table: pl.DataFrame, name: str) -> str:
    column = f"val/{name}"
    known = table[column].drop_nulls() if column in table.columns else pl.Series([], dtype=pl.Float64)
    return number(known[-1]) if len(known) else NONE
