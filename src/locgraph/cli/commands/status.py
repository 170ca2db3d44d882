"""``locgraph status FOLDER``: which jobs of a sweep are done, running, failed or lost, and why."""

from __future__ import annotations

from typing import Any

import polars as pl
from omegaconf import DictConfig
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from locgraph.cli.console import path_setting, print_line

_STYLES = {
    "completed": "green",
    "running": "blue",
    "waiting": "cyan",
    "failed": "red",
    "lost": "red",
    "interrupted": "yellow",
    "missing": "dim",
}


def run(cfg: DictConfig) -> pl.DataFrame:
    """Print the state of each job below a folder.

    Args:
        cfg: The composed configuration of ``status.yaml``.

    Returns:
        What was printed, as a table.

    Raises:
        LocgraphError: There is no run below the folder.
    """
    folder = path_setting(cfg, "folder", "locgraph status FOLDER")
    from locgraph.analysis.sweeps.status import status

    jobs, console = status(folder), Console()
    counts = jobs["state"].value_counts(sort=True)
    console.print(", ".join(f"{number} {state}" for state, number in counts.iter_rows()))
    console.print(status_table(jobs))
    for row in jobs.filter(pl.col("reason").is_not_null()).to_dicts():
        print_line(console, f"{row['job']}: {row['reason']}")
    return jobs


def status_table(jobs: pl.DataFrame) -> Table:
    """Return jobs as a table for the terminal; overrides that all share are left out."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("job", "state", "fold", "epochs", "validation", "test accuracy", "settings"):
        table.add_column(column, justify="left" if column in ("job", "state", "settings") else "right")
    own = [set(overrides or ()) for overrides in jobs["overrides"].to_list()]
    named = [overrides for overrides in own if overrides]
    shared = set.intersection(*named) if len(named) > 1 else set()
    for row, overrides in zip(jobs.to_dicts(), own, strict=True):
        settings = sorted(text for text in overrides - shared if not text.startswith("fold.index="))
        cells = (_cell(row["job"]), Text(row["state"], style=_STYLES[row["state"]]))
        numbers = (_cell(row[name]) for name in ("fold", "epochs", "validation", "test"))
        table.add_row(*cells, *numbers, Text(" ".join(settings)))
    return table


def _cell(value: Any) -> Text:
    if value is None:
        return Text("-")
    return Text(f"{value:.3f}" if isinstance(value, float) else str(value))
