"""The history of training: ``metrics.csv``, also of a run that was interrupted and went on."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from locgraph.provenance import whole_file

HISTORY = "metrics.csv"
_EARLIER = "metrics.earlier.csv"


def read_history(folder: Path) -> pl.DataFrame | None:
    """The history of a run, as Lightning's CSV logger writes it; None where there is none."""
    path = folder / HISTORY
    return pl.read_csv(path, glob=False, infer_schema_length=None) if path.is_file() else None


def set_aside(folder: Path) -> None:
    """Keeps the history of an interrupted run from the logger, which would overwrite it."""
    found = _joined(folder)
    if found is not None:
        _write(folder / _EARLIER, found)


def join(folder: Path) -> None:
    """Puts the part set aside before the part written since; an epoch done twice counts as it was done last."""
    found = _joined(folder)
    if found is not None and (folder / _EARLIER).is_file():
        _write(folder / HISTORY, found)
        (folder / _EARLIER).unlink()


def _joined(folder: Path) -> pl.DataFrame | None:
    earlier, later = _earlier(folder), read_history(folder)
    if earlier is None or later is None or later.is_empty():
        return earlier if earlier is not None else later
    return pl.concat([earlier.filter(pl.col("step") < later["step"].min()), later], how="diagonal_relaxed")


def _earlier(folder: Path) -> pl.DataFrame | None:
    path = folder / _EARLIER
    return pl.read_csv(path, glob=False, infer_schema_length=None) if path.is_file() else None


def _write(path: Path, table: pl.DataFrame) -> None:
    with whole_file(path) as temporary:
        table.write_csv(temporary)
