"""Pictures of the checks of a run or sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.probes import CLASS, NETWORK
from locgraph.run_folder import CONFOUNDERS
from locgraph.show.figures.bars import Bar, comparison_figure
from locgraph.show.figures.style import save_figure

_PICTURE: Final = ".png"


def picture_of(path: Path) -> Path:
    """Return where the picture of the table of a check lies."""
    return path.with_suffix(_PICTURE)


def draw_confounders(folder: Path, check: Check) -> Path:
    """Draw how well single numbers and the batch name the class, beside the network.

    Args:
        folder: Where to draw.
        check: Result of `locgraph.analysis.checks.probes.probe_confounders`.

    Returns:
        The picture.
    """
    rows = check.table.filter(pl.col("asked") == CLASS)
    bars = [_bar(row, "network" if row["known"] == NETWORK else "known alone") for row in rows.to_dicts()]
    chance = float(rows["chance"][0])
    title = "What names the class?"
    figure = comparison_figure(bars, str(rows["metric"][0]), title, chance)
    path = picture_of(folder / CONFOUNDERS)
    save_figure(figure, path)
    return path


def _bar(row: dict[str, Any], kind: str) -> Bar:
    ends = row["interval_low"], row["interval_high"]
    return Bar(row["known"], row["value"], *ends, [], kind, is_control=kind != "network")
