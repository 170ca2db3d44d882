"""``locgraph benchmark RUN ...``: representations of the same units beside each other."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf
from rich import box
from rich.table import Table

from locgraph.analysis.representations.benchmark_text import NOT_THERE, reasons, rows
from locgraph.analysis.representations.scores import REPRESENTATION
from locgraph.api.config import plain
from locgraph.api.representations.benchmark import Benchmark, benchmark, output_folder
from locgraph.cli.console import TextConsole, print_line
from locgraph.run_folder import BENCHMARK_PICTURE, BENCHMARK_TABLE
from locgraph.storage import locked

_LABEL, _NUMBER, _INTERVAL = 36, 12, 26  # letters of a label, of a value, and of one with its interval


def run(cfg: DictConfig) -> Path:
    """Compare representations, and print a row for each number.

    Returns:
        The folder with table, record and picture.

    Raises:
        LocgraphError: There is nothing to compare, the units differ, or a setting cannot work.
    """
    given = None if OmegaConf.is_missing(cfg, "folders") else cfg.folders
    sources = [str(each) for each in (given if isinstance(given, ListConfig) else [given]) if each]
    cfg.folders = sources
    settings = plain(cfg)
    result = benchmark(sources, settings)
    folder = output_folder(settings)
    with locked(folder, "output"):
        result.write(folder)
    console = TextConsole()
    for table in _shown(result, console.width):
        console.print(table)
    for line in (*reasons(result.table), *result.notes):
        print_line(console, f"! {line}", style="yellow")
    print_line(console, f"benchmark: {folder / BENCHMARK_PICTURE}")
    return folder


def _shown(result: Benchmark, width: int) -> list[Table]:
    """Return the numbers as tables of as many columns as fit."""
    n_columns = result.table[REPRESENTATION].n_unique()
    intervals = width >= _LABEL + _INTERVAL * n_columns
    names, cells = rows(result.table, intervals)
    about = "95 % intervals" if intervals else f"95 % intervals in {BENCHMARK_TABLE}"
    title = f"{result.about['units']} {result.about['unit']}s ({about})"
    at_once = n_columns if intervals else max(1, (width - _LABEL) // _NUMBER)
    tables = []
    for first in range(0, n_columns, at_once):
        shown = Table(title=title, box=box.SIMPLE, pad_edge=False)
        shown.add_column("", min_width=_LABEL - 6, overflow="fold")
        for name in names[first : first + at_once]:
            shown.add_column(name, justify="right", overflow="fold", max_width=None if intervals else _NUMBER - 2)
        for label, *values in cells:
            part = values[first : first + at_once]
            if any(value != NOT_THERE for value in part):
                shown.add_row(label, *part)
        tables.append(shown)
    return tables
