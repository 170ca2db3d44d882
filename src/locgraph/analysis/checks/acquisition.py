"""How each field of view (FOV) was taken: numbers that a network could use in place of the shape of a structure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.featextracted import fov_path
from locgraph.run_folder import LOCS

COUNT: Final = "count"
DENSITY: Final = "density"
EXTENT: Final = schema.EXTENT
PRECISION: Final = schema.PRECISION
UNCLUSTERED: Final = "unclustered"
FRAMES: Final = "frames"
PHOTONS: Final = schema.PHOTONS
FILE_DATE: Final = "file_date"


@dataclass(frozen=True)
class Measure:
    """One number of a FOV.

    Attributes:
        words: What it is, as the subject of a sentence.
        unit: Its unit.
    """

    words: str
    unit: str


MEASURES: Final = {
    COUNT: Measure("the number of localisations", "1"),
    DENSITY: Measure("the density (localisations per extent squared or cubed)", "nm^-D"),
    EXTENT: Measure("the extent (r.m.s. distance from the centre)", "nm"),
    PRECISION: Measure("the median localisation precision", "nm"),
    UNCLUSTERED: Measure("the background (fraction of localisations outside clusters)", "1"),
    FRAMES: Measure("the range of frames", "frames"),
    PHOTONS: Measure("the median number of photons", "photons"),
    FILE_DATE: Measure("the date of the raw file (which copying may change)", "s"),
}
"""What is measured, in the order of tables."""

_SAME_TIME_S: Final = 3600.0
"""Raw files written within this time were copied, simulated or exported together: their dates mean nothing."""

_COLUMNS: Final = (schema.X, schema.Y, schema.Z, schema.PRECISION, schema.FRAME, schema.PHOTONS)


def read_whole(tables: Path, fov_id: str, columns: Iterable[str] | None = None) -> pl.DataFrame:
    """Return the localisations of one FOV, those without a cluster included where the tables hold them.

    Args:
        tables: Folder of the prepared tables.
        fov_id: The FOV.
        columns: What is wanted where it is there, beside ``view`` and ``cluster_id``; None reads every column.

    Raises:
        DataError: The file is absent or damaged.
    """
    path = fov_path(tables, LOCS, fov_id)
    try:
        lazy = pl.scan_parquet(path, glob=False)
        if columns is not None:
            wanted = {*columns, schema.VIEW, schema.CLUSTER_ID}
            lazy = lazy.select(name for name in lazy.collect_schema().names() if name in wanted)
        return lazy.filter(pl.col(schema.VIEW) == 0).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{fov_id}: expected its localisations at {path}, found none that can be read") from error


def measure_fovs(tables: Path, fovs: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Measure how each FOV was taken.

    Args:
        tables: Folder of the prepared tables.
        fovs: ``fov_id``, ``label``, ``group`` and ``path``, as a manifest has them.

    Returns:
        One row for each FOV that can be read: ``fov_id``, ``label``, ``group`` and the columns of `MEASURES`, null
        where it is not known; and the FOVs that cannot be read.
    """
    rows: list[dict[str, Any]] = []
    failed = []
    for row in fovs.select(schema.FOV_ID, schema.LABEL, schema.GROUP, schema.PATH).to_dicts():
        try:
            locs = read_whole(tables, row[schema.FOV_ID], _COLUMNS)
        except DataError as error:
            failed.append(str(error))
            continue
        rows.append({**row, **measure(locs), FILE_DATE: _date(row[schema.PATH])})
    texts = dict.fromkeys((schema.FOV_ID, schema.LABEL, schema.GROUP), pl.String)
    table = pl.DataFrame(rows, schema={**texts, **dict.fromkeys(MEASURES, pl.Float64)})
    dates = table[FILE_DATE].drop_nulls()
    if dates.len() < table.height or float(np.ptp(dates.to_numpy()) if dates.len() else 0.0) < _SAME_TIME_S:
        table = table.with_columns(pl.lit(None, pl.Float64).alias(FILE_DATE))
    return table, tuple(failed)


def measure(locs: pl.DataFrame) -> dict[str, float | None]:
    """Return the numbers of `MEASURES` of one FOV, but for the date of its file; None for those without a column."""
    axes = [name for name in (schema.X, schema.Y, schema.Z) if name in locs.columns]
    points = locs.select(axes).to_numpy()
    extent = float(np.sqrt(points.var(axis=0).sum())) if len(points) else 0.0
    outside = float((locs[schema.CLUSTER_ID] == schema.NOISE).sum())
    frames = _values(locs, schema.FRAME)
    return {
        COUNT: float(locs.height),
        DENSITY: locs.height / extent ** len(axes) if extent > 0 else None,
        EXTENT: extent,
        PRECISION: _median(_values(locs, schema.PRECISION)),
        UNCLUSTERED: outside / locs.height if locs.height else None,
        FRAMES: float(np.ptp(frames)) + 1 if len(frames) else None,
        PHOTONS: _median(_values(locs, schema.PHOTONS)),
    }


def _values(locs: pl.DataFrame, name: str) -> np.ndarray:
    if name not in locs.columns:
        return np.empty(0)
    values = locs[name].cast(pl.Float64).drop_nulls().to_numpy()
    return values[np.isfinite(values)]


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


def _date(path: str | None) -> float | None:
    """Return when a file was changed last, in seconds; None where it is not there."""
    try:
        return Path(path).stat().st_mtime if path else None
    except OSError:
        return None
