"""Chapter on training: losses and accuracies over the epochs."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from locgraph.run_folder import HISTORY
from locgraph.show.report.parts import MISSING, Note, Part, Plot, Section, Table
from locgraph.show.report.source import Absent, Source, read_csv
from locgraph.show.report.style import NONE, TRAINING, VALIDATION, number

_EPOCH: Final = "epoch"
_PARTS: Final = {"train": ("training", TRAINING), "val": ("validation", VALIDATION)}
_LOSS: Final = "val/loss"


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
