"""``locgraph agreement``: how annotators agree, and what they disagree about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
from omegaconf import DictConfig
from rich.table import Table

from locgraph.analysis.annotators import columns
from locgraph.api.annotations.agreement import agreement, output_folder
from locgraph.api.config import plain
from locgraph.cli.console import TextConsole, path_setting, print_line, print_more
from locgraph.run_folder import AGREEMENT_PICTURE, DISPUTED_PICTURE
from locgraph.storage import locked

_MOST_PAIRS: Final = 10


def run(cfg: DictConfig) -> Path:
    """Compare annotators, and print a row for each pair, and for all of them by class.

    Returns:
        The folder with tables and pictures.

    Raises:
        LocgraphError: There is nothing to compare, or a setting cannot work.
    """
    path = path_setting(cfg, "path", "locgraph agreement ANNOTATIONS [RAW_DIR]")
    settings = plain(cfg)
    result = agreement(path, settings)
    folder = output_folder(settings)
    with locked(folder, "output"):
        result.write(folder)
    console = TextConsole()
    shown = result.table.filter(pl.col(columns.MEASURE) != columns.IOU)  # it follows from Dice
    together = shown.filter(pl.col(columns.FIRST).is_null())
    pairs = shown.filter(pl.col(columns.FIRST).is_not_null() & pl.col(columns.CLASS).is_null())
    console.print(_rows("all annotators", together, {"class": _class}))
    console.print(_rows("pairs of annotators, all classes", pairs.head(_MOST_PAIRS), {"annotators": _pair}))
    print_more(console, pairs.height, _MOST_PAIRS, "rows of pairs, in agreement.csv")
    for level, (two, one) in result.compared.items():
        print_line(console, f"{level}: {two} FOVs of at least two annotators; {one} of one alone, which do not count")
    for note in result.notes:
        print_line(console, note, style="yellow")
    print_line(console, f"agreement: {folder / AGREEMENT_PICTURE}")
    if (folder / DISPUTED_PICTURE).is_file():
        print_line(console, f"disputed FOVs: {folder / DISPUTED_PICTURE}")
    return folder


def _rows(title: str, table: pl.DataFrame, about: Mapping[str, Callable[[dict[str, Any]], str]]) -> Table:
    shown = Table(title=title)
    for place, name in enumerate(("level", "measure", *about, "FOVs", "value", "95 % interval")):
        shown.add_column(name, justify="left" if place < 3 else "right")
    for row in table.to_dicts():
        cells = (row[columns.LEVEL], row[columns.MEASURE], *(words(row) for words in about.values()))
        shown.add_row(*cells, str(row[columns.N_FOVS]), _cell(row[columns.ESTIMATE]), _interval(row))
    return shown


def _class(row: dict[str, Any]) -> str:
    return row[columns.CLASS] or "all"


def _pair(row: dict[str, Any]) -> str:
    return f"{row[columns.FIRST]}, {row[columns.SECOND]}"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(row: dict[str, Any]) -> str:
    if row[columns.LOW] is None:
        return row[columns.REASON] or "-"
    return f"{row[columns.LOW]:.3f} to {row[columns.HIGH]:.3f}"
