"""Reads what a run, an explanation or an analysis left behind; a damaged file is told, and stops nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from locgraph.show.report.absent import Absent
from locgraph.show.report.words import one_line

_DAMAGED = (OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


def read_parquet(path: Path) -> pl.DataFrame | Absent:
    """A parquet table, or why there is none."""
    if not path.is_file():
        return Absent(f"There is no {path.name} in {path.parent}.")
    try:
        return pl.read_parquet(path, glob=False)
    except _DAMAGED as error:
        return Absent(f"{path} cannot be read ({one_line(str(error), 120)}): write or copy it again.")


def read_csv(path: Path) -> pl.DataFrame | Absent:
    """A CSV table, or why there is none."""
    if not path.is_file():
        return Absent(f"There is no {path.name} in {path.parent}.")
    try:
        return pl.read_csv(path, glob=False, infer_schema_length=None)
    except _DAMAGED as error:
        return Absent(f"{path} cannot be read ({one_line(str(error), 120)}): write or copy it again.")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON mapping; empty where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; empty where there is none."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
