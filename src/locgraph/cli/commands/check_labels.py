"""``locgraph check-labels``: FOVs whose class may be wrong, and new FOVs to label next."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from omegaconf import DictConfig
from rich.table import Table

from locgraph.analysis.checks.labels import GIVEN, SUGGESTED
from locgraph.api.studies.studies import study
from locgraph.cli.console import TextConsole, path_setting, print_line
from locgraph.run_folder import TRUST
from locgraph.storage import locked


def run(cfg: DictConfig) -> Path:
    """Compare given classes with predictions of the test sides, and choose FOVs to label next.

    Returns:
        The folder with tables and picture.

    Raises:
        LocgraphError: The folder holds no completed run, or a setting cannot work.
    """
    studied = study(path_setting(cfg, "folder", "locgraph check-labels SWEEP"))
    folder, console = studied.folder / TRUST, TextConsole()
    with locked(folder):
        check = studied.check_labels(tables=cfg.tables)
        contradicted = check.table.filter(pl.col(GIVEN) != pl.col(SUGGESTED))
        if not contradicted.is_empty():
            console.print(_table("FOVs whose class may be wrong (issue: confidently)", contradicted, cfg.shown))
        for line in (*check.sentences, *check.warnings):
            print_line(console, line)
        if cfg.new is not None:
            console.print(_table("FOVs to label next", studied.next_labels(cfg.new, cfg.number), cfg.number))
    print_line(console, f"labels: {folder}")
    return folder


def _table(title: str, rows: pl.DataFrame, shown: int) -> Table:
    table = Table(title=title)
    for name, dtype in rows.schema.items():
        table.add_column(name.replace("_", " "), justify="right" if dtype.is_numeric() else "left")
    for row in rows.head(shown).rows():
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row))
    return table
