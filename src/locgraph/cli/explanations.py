"""Explanations on the console: mean metrics of each explainer, what failed, and where the files are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from locgraph.cli.console import print_line
from locgraph.explain.metrics import columns
from locgraph.explain.summary import N_FOVS

_HEADINGS: Final = {
    N_FOVS: "FOVs",
    columns.FIDELITY_PLUS: "fid+",
    columns.FIDELITY_MINUS: "fid-",
    columns.CHARACTERISATION: "char",
    columns.UNFAITHFULNESS: "unfaith",
    columns.SPARSITY: "sparse",
    columns.STABILITY: "stable",
    columns.RANDOMISED_WEIGHTS: "random",
    columns.SECONDS: "s/FOV",
}
"""Headings of the metrics, short since lines are."""


def show(record: Mapping[str, Any], folder: Path, console: Console) -> None:
    """Print the record of explanations.

    Args:
        record: Content of ``explanations.json``.
        folder: Where the files are.
        console: Where to print.
    """
    settings = record["settings"]
    about = " against ".join(map(str, settings["contrast"] or [settings["explained_class"]]))
    title = f"explanations of {record['fovs']} FOVs (class: {about})"
    table = Table(title=title, box=None, padding=(0, 1, 0, 0))
    present = {name for row in record["metrics"].values() for name in row}
    shown = {name: heading for name, heading in _HEADINGS.items() if name in present}
    for heading in ("", *shown.values()):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for explainer, row in record["metrics"].items():
        table.add_row(explainer, *(_cell(row[name]) for name in shown))
    table.caption = "high is good: fid+, char, stable; low: fid-, unfaith" + "; near 0: random" * (
        columns.RANDOMISED_WEIGHTS in shown
    )
    console.print(table)
    for name, caution in record["cautions"].items():
        print_line(console, f"caution: {name}: {caution}", style="yellow")
    for name, reason in record["left_out"].items():
        print_line(console, f"left out: {name}: {reason}", style="yellow")
    if record.get("partial"):
        fov_id, missing = next(iter(record["partial"].items()))
        text = f"partial: {len(record['partial'])} FOVs, such as {fov_id}: not complete: {missing}"
        print_line(console, f"{text}; raise explain.max_seconds_per_fov", style="yellow")
    if record["failed"]:
        fov_id, reason = next(pair for reasons in record["failures"].values() for pair in reasons.items())
        print_line(console, f"failed: {record['failed']} FOVs, such as {fov_id}: {reason}", style="red")
    print_line(console, f"explanations: {folder}")


def _cell(value: float | int | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.2f}"
