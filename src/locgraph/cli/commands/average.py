"""``locgraph average``: the objects of each class laid upon each other, as picture and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from omegaconf import DictConfig
from rich.table import Table

from locgraph import schema
from locgraph.analysis.averages import columns
from locgraph.api.averages import averages, output_folder
from locgraph.api.config import plain
from locgraph.cli.console import TextConsole, path_setting, print_line
from locgraph.run_folder import AVERAGES_PICTURE
from locgraph.storage import locked

_SHOWN = {
    columns.CLASS: "class",
    schema.METHOD: "method",
    columns.N_OBJECTS: "objects",
    columns.SYMMETRY: "symmetry",
    columns.FRC: "FRC 1/7 (nm)",
    columns.FRC_HALF_BIT: "half-bit (nm)",
    columns.MEAN_SCORE: "score",
    columns.N_OUTLIERS: "outliers",
    columns.N_LEFT_OUT: "left out",
}


def run(cfg: DictConfig) -> Path:
    """Average the objects of each class of a folder, and print a row for each class and method.

    Returns:
        The folder with tables and picture.

    Raises:
        LocgraphError: There is nothing to average, or a setting cannot work.
    """
    path = path_setting(cfg, "folder", "locgraph average FOLDER")
    settings = plain(cfg)
    result = averages(path, settings)
    folder = output_folder(path, settings)
    with locked(folder, "output"):
        result.write(folder)
    console = TextConsole()
    console.print(_rows(result.table))
    for name, reason in result.failed.items():
        print_line(console, f"{name}: no average: {reason}")
    for note in result.notes:
        print_line(console, note)
    print_line(console, f"averages: {folder / AVERAGES_PICTURE}")
    return folder


def _rows(table: pl.DataFrame) -> Table:
    shown = Table(title="averages")
    for place, title in enumerate(_SHOWN.values()):
        shown.add_column(title, justify="left" if place < 2 else "right")
    for row in table.to_dicts():
        shown.add_row(*(_cell(name, row[name]) for name in _SHOWN))
    return shown


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == columns.SYMMETRY:
        return f"C{value}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
