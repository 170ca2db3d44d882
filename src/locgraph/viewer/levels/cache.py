"""Level of detail on disk: a folder for each large field of view (FOV), made once and read as it is needed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph.errors import ConfigError
from locgraph.preparation.stage import ABANDONED_AFTER_S
from locgraph.provenance import fingerprint
from locgraph.run_folder import LEVELS, LEVELS_COLUMN, LEVELS_INDEX
from locgraph.storage import locked_file, make_folder, storage_error
from locgraph.viewer.levels.columns import ColumnAbout, ColumnNames
from locgraph.viewer.levels.levels import POSITION, ROW, Levels, build_levels

log = logging.getLogger(__name__)

LEVELS_VERSION: Final = 1
"""Raised whenever the same table gives other files than before: those of earlier versions are made again."""

IN_MEMORY: Final = 200_000
"""Up to this number of localisations nothing is written: reading the file again takes no longer."""

MOST_BYTES: Final = 20e9
"""Room for all levels of one cache folder: a localisation with six columns takes 32 bytes."""


class LevelCache:
    """Folders of levels, of which the oldest make room.

    Args:
        folder: Where they are.
        max_bytes: Room for all of them together; what was not opened for the longest time is removed beyond it.
    """

    def __init__(self, folder: Path, max_bytes: float = MOST_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def open(self, key: str) -> Levels | None:
        """Return the levels of a key; None where there are none, or files are missing, truncated or damaged."""
        folder = self._path(key)
        try:
            index = json.loads((folder / LEVELS_INDEX).read_text(encoding="utf-8"))
            levels = _from_index(index, folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if folder.exists():
                log.warning("%s is damaged (%s): made again", folder, error)
            return None
        try:
            os.utime(folder / LEVELS_INDEX)  # opened last
        except OSError as error:
            log.debug("%s keeps its time: %s", folder, error)
        return levels

    def build(
        self,
        key: str,
        table: pl.DataFrame,
        dimensions: int,
        names: ColumnNames | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> Levels:
        """Make the levels of a table; those of a large one are kept on disk.

        Args:
            key: Fingerprint of all that decides the table.
            table: As of `build_levels`.
            dimensions: 2 or 3.
            names: Names and units that the table does not hold itself.
            about: Plain values to keep with it.

        Raises:
            DataError: A position is missing or not finite.
            ConfigError: The cache folder cannot be written to.
            StorageError: The disk is full.
        """
        if table.height <= IN_MEMORY:
            return build_levels(table, dimensions, names, dict(about or {}))
        make_folder(self.folder, "cache")
        self._remove_abandoned()
        temporary = Path(tempfile.mkdtemp(dir=self.folder, prefix=f".{key}.", suffix=".part"))
        try:
            columns = _ColumnFiles(temporary)
            levels = build_levels(table, dimensions, names, dict(about or {}), columns.keep)
            text = json.dumps(_to_index(levels, columns.files), ensure_ascii=False, allow_nan=False)
            (temporary / LEVELS_INDEX).write_text(text, encoding="utf-8")
            levels = self._put(temporary, key)
        except OSError as error:
            refused = storage_error(error, temporary)
            if refused is None:
                raise
            raise refused from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._make_room(key)
        return levels

    def _path(self, key: str) -> Path:
        return self.folder / fingerprint(LEVELS_VERSION, key)

    def _put(self, temporary: Path, key: str) -> Levels:
        """Give a finished folder its name, unless another process was faster; return what is there then."""
        target = self._path(key)
        with locked_file(self.folder / LEVELS):
            levels = self.open(key)
            if levels is None:
                shutil.rmtree(target, ignore_errors=True)
                temporary.rename(target)
                levels = self.open(key)
        if levels is None:
            raise ConfigError(
                f"{self.folder}: expected what was just written, found it damaged; choose another disk", setting="cache"
            )
        return levels

    def _make_room(self, key: str) -> None:
        """Remove what was not opened for the longest time until the rest fits, but never the newest."""
        sizes = {}
        for folder in self.folder.glob("[!.]*"):
            index = folder / LEVELS_INDEX
            if index.is_file() and folder != self._path(key):
                sizes[folder] = (index.stat().st_mtime, _size(folder))
        room = self.max_bytes - _size(self._path(key))
        for folder, (_, size) in sorted(sizes.items(), key=lambda item: item[1][0], reverse=True):
            room -= size
            if room < 0:
                shutil.rmtree(folder, ignore_errors=True)
                log.info("removed %s: the cache has no more room", folder)

    def _remove_abandoned(self) -> None:
        """Remove what processes left that were killed, a day ago or more."""
        for folder in self.folder.glob(".*.part"):
            if time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)


class _ColumnFiles:
    """Writes columns into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, dict[str, Any]] = {}

    def keep(self, name: str, values: np.ndarray) -> np.ndarray:
        """Write the values of a column, and return none of them: they are read once the folder has its name."""
        file = LEVELS_COLUMN.format(len(self.files))
        content = np.ascontiguousarray(values).view(np.uint8).data
        (self.folder / file).write_bytes(content)
        checksum = zlib.crc32(content)
        self.files[name] = {"file": file, "dtype": values.dtype.str, "shape": values.shape, "crc32": checksum}
        return values[:0].copy()


def _map(folder: Path, file: Mapping[str, Any]) -> np.ndarray:
    return np.memmap(folder / file["file"], dtype=file["dtype"], mode="r", shape=tuple(file["shape"]))


def _to_index(levels: Levels, files: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {name: getattr(levels, name).astype(np.float64).tolist() for name in ("origin", "box", "spacing")}
    arrays |= {name: getattr(levels, name).tolist() for name in ("first", "level", "parent")}
    columns = [column.header() for column in levels.columns]
    return {"dimensions": levels.dimensions, "about": levels.about, "columns": columns, "files": files} | arrays


def _from_index(index: Mapping[str, Any], folder: Path) -> Levels:
    """Return levels whose values are read from the disk when they are asked for.

    Raises:
        ValueError: A file is not as it was written.
        OSError: A file is missing.
        KeyError: An entry of the index is missing.
    """
    values = {}
    for name, file in index["files"].items():
        values[name] = _map(folder, file)
        if zlib.crc32(values[name].view(np.uint8).data) != file["crc32"]:
            raise ValueError(f"{file['file']} has another checksum")
    columns = tuple(ColumnAbout.from_header(about) for about in index["columns"])
    missing = {POSITION, ROW, *(column.name for column in columns)} - set(values)
    if missing:
        raise ValueError(f"no file of {', '.join(sorted(missing))}")
    whole = {name: np.array(index[name], dtype=np.int64) for name in ("first", "level", "parent")}
    return Levels(
        dimensions=index["dimensions"],
        origin=np.array(index["origin"], dtype=np.float64),
        box=np.array(index["box"], dtype=np.float32),
        spacing=np.array(index["spacing"], dtype=np.float64),
        columns=columns,
        values=values,
        about=index["about"],
        **whole,
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
