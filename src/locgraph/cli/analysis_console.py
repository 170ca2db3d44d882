"""Console tables of an analysis: methods beside each other, the top features, and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from locgraph.analysis.comparison import CONTROL, GRAPH, LOCALISATIONS
from locgraph.analysis.results import Analysis
from locgraph.analysis.settings import HAND_MADE, LEARNED
from locgraph.analysis.sweeps.summary_text import number
from locgraph.cli.console import TextConsole, print_line
from locgraph.show.figures.analysis import effect_words, interval_of, readable, readable_unit
from locgraph.stats.metrics import ACCURACY, AUROC, BALANCED_ACCURACY, METRICS

_TITLES: Final = {ACCURACY: "accuracy", BALANCED_ACCURACY: "balanced", AUROC: "AUROC"}
_MORE: Final = (BALANCED_ACCURACY, AUROC)
_INPUTS: Final = {GRAPH: "graph", LOCALISATIONS: "points", HAND_MADE: "features", LEARNED: "vectors"}


def print_analysis(analysis: Analysis, folder: Path, console: Console | None = None) -> None:
    """Print the tables of an analysis that a user looks at first.

    Args:
        analysis: The analysis.
        folder: Where it is written.
        console: Where to print; None takes standard output.
    """
    console = console or TextConsole()
    classifiers = analysis.tables.get("classifiers")
    if classifiers is not None and classifiers.height:
        console.print(_methods(classifiers))
    if analysis.top_features:
        console.print(_features(analysis.top_features))
    for text in analysis.warnings:
        print_line(console, f"! {text}", style="yellow")
    print_line(console, f"analysis: {folder}")


def _methods(table: pl.DataFrame) -> Table:
    n_folds = int(table.select(pl.col("n_folds").max()).item())
    shown = Table(title=f"test, mean of {n_folds} fold{'s' if n_folds > 1 else ''}", box=box.SIMPLE, pad_edge=False)
    for column in ("", "sees"):
        shown.add_column(column, no_wrap=True)
    for column in (_TITLES[ACCURACY], "95 %", *(_TITLES[name] for name in _MORE)):
        shown.add_column(column, justify="right", no_wrap=True)
    keys = table.select("kind", "name", "features").unique(maintain_order=True).rows()
    values = {(row["kind"], row["name"], row["features"], row["metric"]): row for row in table.to_dicts()}
    for place, (kind, name, features) in enumerate(keys):
        scores = {metric: values.get((kind, name, features, metric)) for metric in METRICS}
        first = scores[ACCURACY]
        low, high = (None, None) if first is None else interval_of(first)
        width = "" if low is None or high is None else f"{low:.2f}-{high:.2f}"
        cells = [number((scores[metric] or {}).get("mean")) for metric in (ACCURACY, *_MORE)]
        last = place + 1 == len(keys) or keys[place + 1][0] != kind or keys[place + 1][2] != features
        style = "dim" if kind == CONTROL else None
        words = (name.replace("_", " "), _INPUTS[features])
        shown.add_row(*words, cells[0], width, *cells[1:], end_section=last, style=style)
    return shown


def _features(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = Table(title="features that differ most between the classes", box=box.SIMPLE, pad_edge=False)
    for column in ("feature", "unit", "effect, corrected p"):
        shown.add_column(column, no_wrap=True)
    for row in rows:
        unit = "" if row["unit"] == "1" else readable_unit(row["unit"])
        shown.add_row(readable(row["feature"]), unit, effect_words(row))
    return shown
