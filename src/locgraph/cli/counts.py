"""Counts of objects on the console, as ``counts.json`` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from locgraph.cli.console import print_line, print_more
from locgraph.run_folder import COUNTS_RECORD, read_record

_SHOWN = 20


def show_counts(folder: Path, console: Console) -> None:
    """Print how many objects of each class the FOVs of a folder have; nothing where no objects were counted."""
    record = read_record(folder / COUNTS_RECORD)
    if not record:
        return
    rows = record["fovs"]
    is_known = any(each["n_true"] is not None for row in rows for each in row["classes"])
    title = f"objects by predicted class{' (of those with a label: true)' if is_known else ''}"
    table = Table(title=title, box=box.SIMPLE, pad_edge=False)
    table.add_column("")
    for name in ("objects", *record["class_names"], "undecided", "left out", "failed"):
        table.add_column(name, justify="right")
    for row in rows[:_SHOWN]:
        rest = (f"{row[name]:,}" for name in ("n_undecided", "n_left_out", "n_failed"))
        table.add_row(row["fov_id"], f"{row['n_objects']:,}", *map(_number, row["classes"]), *rest)
    console.print(table)
    print_more(console, len(rows), _SHOWN, "counts.csv has all")
    for each in record["conditions"]:
        ends = "" if each["low"] is None else f" ({each['low']:.3f} to {each['high']:.3f} over {each['n_fovs']} FOVs)"
        print_line(console, f"{each['condition']}: {each['class']} {each['fraction']:.3f}{ends}")
    for name, reason in (*record["failed_fovs"].items(), *record["problems"].items()):
        print_line(console, f"! {name}: {reason}", style="yellow")


def _number(row: Mapping[str, Any]) -> str:
    return f"{row['n']:,}" if row["n_true"] is None else f"{row['n']:,} ({row['n_true']:,})"
