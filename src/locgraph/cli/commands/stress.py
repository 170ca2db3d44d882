"""``locgraph stress``: accuracy and calibration of trained models on perturbed FOVs, beside forests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from omegaconf import DictConfig
from rich.table import Table

from locgraph import schema
from locgraph.api.config import plain
from locgraph.cli.console import TextConsole, model_setting, print_line
from locgraph.storage import locked


def run(cfg: DictConfig) -> Path:
    """Test a checkpoint, run or sweep on perturbed FOVs, and print scores and one sentence for each perturbation.

    Returns:
        The folder with tables and picture.

    Raises:
        LocgraphError: The models, the data or a setting cannot be used.
    """
    path = model_setting(cfg, "ckpt_path", "locgraph stress RUN/checkpoints/best.ckpt, or locgraph stress SWEEP")
    settings = plain(cfg)
    from locgraph.api.checks.stress import output_folder, stress  # torch, after the settings are known to be complete

    folder = output_folder(path, settings)
    with locked(folder, "output"):
        result = stress(path, settings)
        result.write(folder)
    console = TextConsole()
    console.print(_scores(result.table))
    for sentence in (*result.sentences.values(), *result.about["notes"]):
        print_line(console, sentence)
    print_line(console, f"robustness: {folder}")
    return folder


def _scores(table: pl.DataFrame) -> Table:
    """Return a row for each severity of each perturbation, and a column for each method."""
    shown = Table(title="accuracy and ECE on perturbed FOVs (*: as they are)")
    shown.add_column("perturbation")
    for name in ("severity", "FOVs", *table[schema.METHOD].unique(maintain_order=True)):
        shown.add_column(name.replace("_", " "), justify="right")
    for part in table.partition_by(schema.PERTURBATION, maintain_order=True):
        for (severity,), rows in part.group_by(schema.SEVERITY, maintain_order=True):
            mark = "*" if rows[schema.NEUTRAL][0] else ""
            about = (str(rows[schema.PERTURBATION][0]), f"{mark}{severity:g}", str(rows[schema.N_FOVS].max()))
            shown.add_row(*about, *map(_cell, rows.to_dicts()))
        shown.add_section()
    return shown


def _cell(row: Mapping[str, Any]) -> str:
    return "-" if row["accuracy"] is None else f"{row['accuracy']:.3f} {row['ece']:.2f}"
