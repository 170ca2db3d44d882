"""Sources that are files: one raw file, a folder of them, prepared tables, graphs of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.graphs.layout import SUFFIX
from locgraph.io.catalogue import is_folder, scan
from locgraph.io.featextracted import list_fovs
from locgraph.io.groups import NoGroups
from locgraph.io.header import RawFile
from locgraph.io.labels import Labelling
from locgraph.io.manifest import Manifest
from locgraph.io.read import read_header
from locgraph.run_folder import ANNOTATIONS, CLUSTERS, LEVELS, LOCS, MANIFEST
from locgraph.viewer.graph_file import read_edges
from locgraph.viewer.levels.cache import LevelCache
from locgraph.viewer.opened import FILE, FOLDER, GRAPHS, PROBLEM, TABLES, Opened, OpeningSettings, pick
from locgraph.viewer.reading import graph_scene, own_label, raw_scene, table_scene
from locgraph.viewer.scene import Scene

_TABLES_FOLDERS: Final = "tables-*"
_GRAPHS_FOLDERS: Final = "graphs-*"
_TORCH_SUFFIXES: Final = (".pt", ".pth")
_QUICK_BYTES: Final = 32_000_000
"""A raw file up to this size is read for a picture alone: it takes about a second."""


class PlainLabels:
    """Classes as far as they are plain: of the metadata, else of folders, where there are several side by side."""

    tables: tuple[Path, ...] = ()

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Find the class of each FOV; None where it is not plain."""
        by_fov = {file.fov_id: own_label(file.metadata) for file in files}
        folders = {file.fov_id: file.fov_id.rpartition("/")[0] for file in files}
        several = len(set(folders.values())) > 1 and all(folders.values())
        if several and not any(by_fov.values()):
            by_fov = {fov_id: folder.rpartition("/")[2] for fov_id, folder in folders.items()}
        return Labelling(tuple(sorted({label for label in by_fov.values() if label})), by_fov, {})


class Files(Opened):
    """Files, of which each is a FOV.

    Args:
        title: What they are called.
        kind: `FILE`, `FOLDER`, `TABLES` or `GRAPHS`.
        table: One row for each FOV, with `PROBLEM` where it cannot be shown.
        read: Reads the scene of a FOV by its name.
        paths: FOV -> raw file, where reading may take long.
    """

    def __init__(
        self,
        title: str,
        kind: str,
        table: pl.DataFrame,
        read: Callable[[str], Scene],
        paths: Mapping[str, Path] | None = None,
    ) -> None:
        self.title, self.kind = title, kind
        self._table, self._fov_ids = table, table[schema.FOV_ID].to_list()
        self._read, self._paths = read, dict(paths or {})

    def fovs(self) -> pl.DataFrame:
        """Return one row for each FOV."""
        return self._table

    def scene(self, index: int) -> Scene:
        """Read a FOV.

        Raises:
            LocgraphError: It cannot be read, or is listed with a problem.
        """
        fov_id = pick(self._fov_ids, index, "FOV")
        problem = self._table[PROBLEM][index]
        if problem is not None:
            raise DataError(f"{fov_id}: {problem}")
        return self._read(fov_id)

    def is_quick(self, index: int) -> bool:
        """Return whether the file is small."""
        path = self._paths.get(pick(self._fov_ids, index, "FOV"))
        try:
            return path is None or path.stat().st_size <= _QUICK_BYTES
        except OSError:  # reading it states what is wrong
            return True


def open_files(path: Path, settings: OpeningSettings) -> Files:
    """Open a raw file, a folder of raw files, prepared tables, a graph of the store or a folder of graphs.

    Args:
        path: The file or folder, which exists.
        settings: How raw files are read, and where the levels of large FOVs are kept.

    Raises:
        LocgraphError: Nothing of it can be read.
    """
    cache = LevelCache(settings.cache / LEVELS)
    if not is_folder(path, settings.columns):
        return open_graphs(path, cache) if path.suffix == SUFFIX else open_file(path, settings, cache)
    if (path / LOCS).is_dir() and (path / CLUSTERS).is_dir():
        return open_tables(path, cache)
    prepared = sorted(path.glob(_TABLES_FOLDERS))
    if len(prepared) == 1:
        return open_tables(prepared[0], cache)
    if prepared:
        names = ", ".join(map(str, prepared))
        raise DataError(f"{path}: expected one folder of prepared tables; found several. Name one of them: {names}")
    if next(path.rglob(f"*{SUFFIX}"), None) is not None:
        return open_graphs(path, cache)
    return open_folder(path, settings, cache)


def open_file(path: Path, settings: OpeningSettings, cache: LevelCache) -> Files:
    """Open a raw file; its rows are read when they are asked for.

    Raises:
        LocgraphError: It is no file of localisations with these columns.
    """
    if path.suffix.lower() in _TORCH_SUFFIXES:
        raise DataError(
            f"{path}: expected graphs as safetensors; found {path.suffix}, which only torch reads, and which may run "
            "code. Build the graphs again (`locgraph prepare`)"
        )
    header = read_header(path, settings.columns)
    about = {schema.FOV_ID: path.stem, schema.LABEL: own_label(header.metadata), schema.PATH: str(path)}

    def read(fov_id: str) -> Scene:
        return raw_scene(path, fov_id, settings.columns, settings.max_refused_fraction, cache)

    return Files(path.name, FILE, _fov_table([about]), read, {path.stem: path})


def open_folder(folder: Path, settings: OpeningSettings, cache: LevelCache) -> Files:
    """Open a folder of raw files, of which the headers are read; those that cannot be read have a problem.

    Annotations may lie among them.

    Raises:
        LocgraphError: No file can be read.
    """
    catalogue = scan(folder, settings.columns, PlainLabels(), NoGroups(), folder.rglob(ANNOTATIONS))
    sources = {source.fov_id: source for source in catalogue.sources}
    rows: list[dict[str, Any]] = [
        {schema.FOV_ID: source.fov_id, schema.LABEL: source.label, schema.PATH: str(source.path)}
        for source in sources.values()
    ]
    problems = catalogue.failures | catalogue.skipped
    rows += [{schema.FOV_ID: name, PROBLEM: reason} for name, reason in problems.items()]

    def read(fov_id: str) -> Scene:
        source = sources[fov_id]
        return raw_scene(source.path, fov_id, settings.columns, settings.max_refused_fraction, cache, source.label)

    paths = {fov_id: source.path for fov_id, source in sources.items()}
    return Files(folder.name, FOLDER, _fov_table(rows), read, paths)


def open_tables(folder: Path, cache: LevelCache) -> Files:
    """Open prepared tables, with the edges of graphs that were built from them and lie beside them.

    Raises:
        DataError: There are no tables, or their manifest is damaged.
    """
    rows = [{schema.FOV_ID: fov_id} for fov_id in list_fovs(folder)]
    if (folder / MANIFEST).is_file():
        manifest = Manifest.read(folder / MANIFEST)
        rows = manifest.table.to_dicts()
        rows += [{schema.FOV_ID: name, PROBLEM: reason} for name, reason in manifest.failures.items()]
    if not rows:
        raise DataError(f"{folder}: expected tables of FOVs in {CLUSTERS}; found none. Prepare the data again")
    stores = sorted(folder.parent.glob(_GRAPHS_FOLDERS))

    def read(fov_id: str) -> Scene:
        return table_scene(folder, fov_id, cache, [store / f"{fov_id}{SUFFIX}" for store in stores])

    return Files(_title(folder), TABLES, _fov_table(rows), read)


def open_graphs(path: Path, cache: LevelCache) -> Files:
    """Open a graph of the store, or a folder of them.

    Raises:
        DataError: The single file cannot be read.
    """
    root = path if path.is_dir() else path.parent
    files = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    paths = {file.relative_to(root).as_posix().removesuffix(SUFFIX): file for file in files}
    if path.is_file():
        read_edges(path)

    def read(fov_id: str) -> Scene:
        return graph_scene(paths[fov_id], fov_id, cache, root)

    return Files(_title(path), GRAPHS, _fov_table([{schema.FOV_ID: fov_id} for fov_id in paths]), read)


def _title(path: Path) -> str:
    """Return the name of a folder or file; before one that is a fingerprint stands that of the data."""
    made = any(path.match(pattern) for pattern in (_TABLES_FOLDERS, _GRAPHS_FOLDERS))
    return f"{path.parent.name}/{path.name}" if made else path.name


def _fov_table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return a row for each FOV; columns of which nothing is known are left out."""
    dtypes = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items() if name != schema.PATH}
    dtypes |= {schema.PATH: pl.String, PROBLEM: pl.String}  # what is long comes last
    table = pl.DataFrame({name: [row.get(name) for row in rows] for name in dtypes}, schema=dtypes)
    kept = [name for name in dtypes if name in (schema.FOV_ID, PROBLEM) or table[name].null_count() < table.height]
    return table.select(kept)
