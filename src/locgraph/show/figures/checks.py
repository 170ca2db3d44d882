"""Pictures of the checks of a run or sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.matched import AS_TAKEN, FOVS, KIND, TRAINED
from locgraph.analysis.checks.probes import CLASS, NETWORK
from locgraph.analysis.sweeps.outcomes import MODEL, SOURCE
from locgraph.run_folder import CONFOUNDERS, MATCHED
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


def draw_matched(folder: Path, check: Check) -> Path:
    """Draw network and best control before and after FOVs are made equal.

    Args:
        folder: Where to draw.
        check: Result of `locgraph.analysis.checks.matched.summarise_matched`.

    Returns:
        The picture.
    """
    bars = []
    for (kind, fovs, trained), rows in check.table.group_by(KIND, FOVS, TRAINED, maintain_order=True):
        words = "as taken" if fovs == AS_TAKEN else f"matched, trained {trained}"
        controls = rows.filter(pl.col(SOURCE) != MODEL).sort("accuracy", descending=True).head(1)
        for row in (*rows.filter(pl.col(SOURCE) == MODEL).to_dicts(), *controls.to_dicts()):
            ends = row["interval_low"], row["interval_high"]
            name = f"{'network' if row[SOURCE] == MODEL else row[SOURCE]}, {words}"
            bars.append(Bar(name, row["accuracy"], *ends, [], f"equal {kind}"))
    figure = comparison_figure(bars, "accuracy", "Network and best control on FOVs made equal")
    path = picture_of(folder / MATCHED)
    save_figure(figure, path)
    return path


def _bar(row: dict[str, Any], kind: str) -> Bar:
    ends = row["interval_low"], row["interval_high"]
    return Bar(row["known"], row["value"], *ends, [], kind, is_control=kind != "network")
