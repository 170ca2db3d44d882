"""FOVs as a user gives them: a folder, files, or a table of localisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.api.config import compose
from locgraph.build import TARGET, build, build_part
from locgraph.data.prepared import Prepared
from locgraph.errors import DataError
from locgraph.io.catalogue import Catalogue, FovSource, is_folder, scan
from locgraph.io.columns import ColumnMap, ColumnSource
from locgraph.io.groups import NoGroups
from locgraph.io.labels import NoLabels
from locgraph.preparation.objects.base import ObjectFinder

Source = str | Path | Sequence[str | Path] | pl.DataFrame | Prepared
"""FOVs: a folder, a file, several files, a table of localisations, or prepared data."""

Objects = str | Mapping[str, Any] | None
"""What is classified in new FOVs: a choice of the config group ``objects``, its settings, or as in the training."""


def list_sources(
    source: str | Path | Sequence[str | Path],
    columns: Mapping[str, Any],
    class_names: Sequence[str],
    leave_out: Sequence[Path] = (),
) -> Catalogue:
    """List FOVs without labels: all files below a folder, or single files.

    Args:
        source: A folder, a file, or several files.
        columns: Settings of the column map.
        class_names: Classes that the catalogue names.
        leave_out: Files of a folder that are no FOVs.

    Raises:
        DataError: A path does not exist, or no file can be read.
    """
    paths = [Path(source)] if isinstance(source, (str, Path)) else [Path(path) for path in source]
    absent = [str(path) for path in paths if not path.exists()]
    if absent or not paths:
        raise DataError(f"no such file or folder: {', '.join(absent) or 'none was given'}", setting="source")
    source_of_columns: ColumnSource = build(columns, "columns")
    if len(paths) == 1 and is_folder(paths[0], source_of_columns):
        listed = scan(paths[0].resolve(), source_of_columns, NoLabels(), NoGroups(), leave_out)
        return Catalogue(listed.sources, tuple(class_names), listed.failures)
    folders = [str(path) for path in paths if is_folder(path, source_of_columns)]
    if folders:
        raise DataError(
            f"expected one folder or several files, found the folders {folders} among them", setting="source"
        )
    names = [path.stem for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"expected files of different names, found several of {twice}", setting="source")
    sources = [FovSource(name, path.resolve(), None, None) for name, path in zip(names, paths, strict=True)]
    return Catalogue(tuple(sorted(sources, key=lambda each: each.fov_id)), tuple(class_names), {})


def nanometres() -> dict[str, Any]:
    """Return settings of columns that have locgraph's names and are in nm."""
    hidden = (schema.VIEW, schema.CLUSTER_ID)
    names = {name: name for name in schema.LOCALISATION_COLUMNS if name not in hidden}
    return {TARGET: class_target(ColumnMap), "names": names, "unit": "nm"}


def columns_settings(columns: Mapping[str, Any] | ColumnMap) -> dict[str, Any]:
    """Return a column map as settings."""
    if isinstance(columns, Mapping):
        return dict(columns)
    return {TARGET: class_target(type(columns))} | vars(columns)


def objects_settings(objects: str | Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how objects are found, as settings; None where whole FOVs are classified.

    Raises:
        ConfigError: There is no such choice, or a setting cannot work.
    """
    if isinstance(objects, Mapping):
        settings: dict[str, Any] | None = dict(objects)
    else:
        settings = compose("prepare", "data.raw_dir=null", f"objects={objects}")["objects"]
    if settings is not None:
        build_part(ObjectFinder, settings, "objects")
    return settings


def write_table(table: pl.DataFrame, folder: Path) -> Path:
    """Write a table of localisations as one parquet file for each FOV, and return the folder.

    Raises:
        DataError: The table has no rows.
    """
    if table.is_empty():
        raise DataError("expected a table with at least one localisation, found no rows", setting="source")
    folder.mkdir(parents=True, exist_ok=True)
    if schema.FOV_ID not in table.columns:
        table.write_parquet(folder / "table.parquet")
        return folder
    for (fov_id,), rows in table.group_by(schema.FOV_ID, maintain_order=True):
        path = (folder / f"{fov_id}.parquet").resolve()
        if folder.resolve() not in path.parents:
            raise DataError(f"{fov_id!r} is no name of a FOV", setting=schema.FOV_ID)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.drop(schema.FOV_ID).write_parquet(path)
    return folder


def class_target(cls: type) -> str:
    """Return the full name of a class, as settings hold it."""
    return f"{cls.__module__}.{cls.__qualname__}"
