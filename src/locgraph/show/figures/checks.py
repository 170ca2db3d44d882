"""Pictures of the checks of a run or sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.analysis.checks.acquisition import read_whole
from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.labels import GIVEN, SUGGESTED
from locgraph.analysis.checks.matched import AS_TAKEN, FOVS, KIND, TRAINED
from locgraph.analysis.checks.matched import MATCHED as EQUAL
from locgraph.analysis.checks.probes import CLASS, NETWORK
from locgraph.analysis.sweeps.outcomes import MODEL, SOURCE
from locgraph.run_folder import CONFOUNDERS, LABELS, MATCHED
from locgraph.show.figures.bars import Bar, comparison_figure
from locgraph.show.figures.gallery import Tile, gallery_figure
from locgraph.show.figures.style import save_figure

_PICTURE: Final = ".png"
_SHOWN: Final = 24


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
        words = AS_TAKEN if fovs == AS_TAKEN else EQUAL if trained == AS_TAKEN else "trained matched"
        controls = rows.filter(pl.col(SOURCE) != MODEL).sort("accuracy", descending=True).head(1)
        for row in (*rows.filter(pl.col(SOURCE) == MODEL).to_dicts(), *controls.to_dicts()):
            ends = row["interval_low"], row["interval_high"]
            name = f"{'network' if row[SOURCE] == MODEL else 'best control'}, {words}"
            bars.append(Bar(name, row["accuracy"], *ends, [], f"equal {kind}"))
    figure = comparison_figure(bars, "accuracy", "Network and best control on FOVs made equal")
    path = picture_of(folder / MATCHED)
    save_figure(figure, path)
    return path


def draw_labels(folder: Path, check: Check, tables: Path) -> Path | None:
    """Draw the FOVs whose class is contradicted most, below their given class, with the class they rather have.

    Args:
        folder: Where to draw.
        check: Result of `locgraph.analysis.checks.labels.check_labels`.
        tables: Folder of the prepared tables.

    Returns:
        The picture; None where no class is contradicted, and an earlier picture is removed.

    Raises:
        DataError: A FOV is not in the tables.
    """
    path = picture_of(folder / LABELS)
    rows = check.table.filter(pl.col(GIVEN) != pl.col(SUGGESTED)).head(_SHOWN).to_dicts()
    if not rows:
        path.unlink(missing_ok=True)
        return None
    tiles = [
        Tile(read_whole(tables, row[schema.FOV_ID]), row[GIVEN], f"{row[SUGGESTED]}? {row[schema.FOV_ID]}")
        for row in rows
    ]
    save_figure(gallery_figure(tiles, list(dict.fromkeys(row[GIVEN] for row in rows))), path)
    return path


def _bar(row: dict[str, Any], kind: str) -> Bar:
    ends = row["interval_low"], row["interval_high"]
    return Bar(row["known"], row["value"], *ends, [], kind, is_control=kind != "network")
