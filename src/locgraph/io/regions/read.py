"""Regions of one FOV from a table, GeoJSON, ROIs of ImageJ, or a folder of such files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.lookup import as_text
from locgraph.io.readers.base import OpenFile
from locgraph.io.readers.columnar import ParquetReader
from locgraph.io.readers.delimited import DelimitedReader
from locgraph.io.regions import geojson, imagej
from locgraph.io.regions.base import Region, make_region, number_equal_names

BESIDE: Final = (imagej.SUFFIX, "_rois.zip", ".geojson")
"""Ends of the names of files with the regions of one FOV, behind the name of the FOV."""

TABLE_SUFFIXES: Final = (".parquet", ".csv", ".tsv", ".txt", ".hdf5", ".h5", ".hdf", ".mat", ".smlm", ".npy", ".json")
"""Suffixes that a file of regions may write behind the name of a FOV."""

_COLUMNS: Final = (schema.FOV_ID, schema.REGION, schema.X, schema.Y)


@dataclass(frozen=True)
class RegionFile:
    """The regions of one file.

    Attributes:
        by_fov: FOV as the file names it -> its regions; None where the file names none.
        in_pixels: Whether the format states that coordinates are pixels.
    """

    by_fov: dict[str | None, tuple[Region, ...]]
    in_pixels: bool


def read_region_file(path: Path) -> RegionFile:
    """Read one file, whose format its content tells. A file is read again when it has changed.

    Raises:
        DataError: It is absent, damaged, or has another format.
    """
    try:
        about = path.stat()
        return _read(path, about.st_mtime_ns, about.st_size)
    except OSError as error:
        raise DataError(f"expected a file of regions at {path}; found none ({error.strerror})") from error


@lru_cache(maxsize=64)
def _read(path: Path, _written: int, _size: int) -> RegionFile:
    with path.open("rb") as handle:
        start = handle.read(64)
    if start.startswith(imagej.MAGIC) or zipfile.is_zipfile(path):
        return RegionFile({None: number_equal_names(imagej.read_rois(path))}, in_pixels=True)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        by_fov = geojson.read_geojson(path)
    else:
        by_fov = _read_table(path)
    return RegionFile({fov: number_equal_names(regions) for fov, regions in by_fov.items()}, in_pixels=False)


def _read_table(path: Path) -> dict[str | None, list[Region]]:
    """Return the polygons of a table with a row for each vertex, in their order."""
    table = _open_table(path)
    absent = [name for name in _COLUMNS if name not in table.columns]
    if absent:
        raise DataError(f"{path}: expected the columns {', '.join(_COLUMNS)}, found {', '.join(table.columns)}")
    fovs, names = as_text(table, schema.FOV_ID), as_text(table, schema.REGION)
    unnamed = int((fovs.is_null() | names.is_null() | (fovs == "") | (names == "")).sum())
    if unnamed:
        raise DataError(f"{path}: expected a FOV and a region in each row, found {unnamed} rows without; fill them in")
    vertices = table.select(pl.col(schema.X, schema.Y).cast(pl.Float64, strict=False)).fill_null(np.nan).to_numpy()
    rows: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(fovs, names, strict=True)):
        rows.setdefault(key, []).append(row)
    by_fov: dict[str | None, list[Region]] = {}
    for (fov, name), own in rows.items():
        by_fov.setdefault(fov, []).append(make_region(name, [[vertices[own]]]))
    return by_fov


def _open_table(path: Path) -> pl.DataFrame:
    with OpenFile(path) as file:
        if ParquetReader.accepts(file):
            return ParquetReader(file).read_table()[0]
        if DelimitedReader.accepts(file):
            return DelimitedReader(file).read_text()
    raise DataError(f"{path}: expected a table (parquet or delimited text), GeoJSON or ROIs of ImageJ; found another")


def region_files(path: Path, fov_id: str) -> list[Path]:
    """Return the files that may hold regions of one FOV: ``path`` itself, or in a folder those with the FOV's name."""
    if not path.is_dir():
        return [path]
    return [own for end in BESIDE if (own := path / f"{fov_id}{end}").is_file()]


def is_named(name: str, fov_id: str) -> bool:
    """Return whether a file of regions means a FOV by a name: its own, with or without the suffix of its file."""
    name = name.replace("\\", "/").removeprefix("./")
    return name == fov_id or any(name.lower() == f"{fov_id}{suffix}".lower() for suffix in TABLE_SUFFIXES)


def strangers(path: Path, fov_ids: Iterable[str]) -> list[str]:
    """Return the names in a file, or of the files of a folder, that mean none of some FOVs.

    Raises:
        DataError: The file cannot be read.
    """
    known = set(fov_ids)
    if path.is_dir():
        files = [own.relative_to(path).as_posix() for own in path.rglob("*") if own.name.lower().endswith(BESIDE)]
        ends = {name: next(end for end in BESIDE if name.lower().endswith(end)) for name in files}
        return sorted(name for name, end in ends.items() if name[: -len(end)] not in known)
    names = [name for name in read_region_file(path).by_fov if name is not None]
    return [name for name in names if name not in known and not any(is_named(name, fov) for fov in known)]
