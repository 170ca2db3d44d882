"""Localisations with the group of the unit that they are in, as parquet and for other software."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.grouping.columns import GROUP, NO_GROUP, PROBABILITY
from locgraph.analysis.grouping.groups import Groups
from locgraph.api.objects.counts import ExportSettings
from locgraph.build import build_part
from locgraph.errors import LocgraphError
from locgraph.io.columns import ColumnSource
from locgraph.io.featextracted import read_fov
from locgraph.io.manifest import Manifest
from locgraph.io.read import read_localisations
from locgraph.io.writers.groups import ObjectGroups
from locgraph.io.writers.source import Source, source_of
from locgraph.io.writers.volumes import write_relabelled as write_volume
from locgraph.io.writers.write import write_localisations
from locgraph.provenance import whole_file
from locgraph.run_folder import EXPORTS, RECIPE, RELABELLED, read_record

_UNIT: Final = "_unit"
_ANY: Final = 1.0  # rows that were refused when the tables were made are no reason to refuse the file now


def relabel(groups: Groups, tables: Path, manifest: Manifest) -> Iterator[tuple[str, pl.DataFrame | LocgraphError]]:
    """Yield each FOV with its localisations of view 0 and their ``group``; objects of one FOV together.

    Args:
        groups: Groups of the units of these tables.
        tables: Folder of the prepared tables.
        manifest: Its FOVs.

    Yields:
        The FOV, and its localisations: ``fov_id`` (of an object, the object), all columns of the tables, and ``group``,
        -1 for none; or why they cannot be read.
    """
    whole = pl.coalesce(schema.PARENT_FOV, schema.FOV_ID).alias("whole")
    for (name,), rows in manifest.table.group_by(whole, maintain_order=True):
        try:
            yield (
                str(name),
                pl.concat([_relabelled(groups, tables, each) for each in rows[schema.FOV_ID]], how="diagonal"),
            )
        except LocgraphError as error:
            yield str(name), error


def _relabelled(groups: Groups, tables: Path, fov_id: str) -> pl.DataFrame:
    locs = read_fov(tables, fov_id).locs.filter(pl.col(schema.VIEW) == 0).drop(schema.VIEW)
    own = groups.table.filter(pl.col(schema.FOV_ID) == fov_id)
    if groups.units.unit == schema.CLUSTER:
        keys = own.select(pl.col(schema.CLUSTER_ID).cast(locs.schema[schema.CLUSTER_ID]), GROUP)
        locs = locs.join(keys, on=schema.CLUSTER_ID, how="left", maintain_order="left")
    else:
        inside = pl.when(pl.col(schema.CLUSTER_ID) != schema.NOISE)
        locs = locs.with_columns(inside.then(pl.lit(own[GROUP].first(), pl.Int64)).alias(GROUP))
    return locs.select(pl.lit(fov_id).alias(schema.FOV_ID), pl.exclude(GROUP), pl.col(GROUP).fill_null(NO_GROUP))


def write_relabelled(
    groups: Groups, tables: Path, manifest: Manifest, folder: Path, as_parquet: bool, export: ExportSettings
) -> dict[str, str]:
    """Write the localisations of every FOV with their groups.

    Args:
        groups: Groups of the units of these tables.
        tables: Folder of the prepared tables.
        manifest: Its FOVs.
        folder: Where to write.
        as_parquet: Whether each FOV is written as ``relabelled/<FOV>.parquet``, and where it is a label volume, also as
            one in the format of its file, with the number of the group from 1 in place of the label.
        export: Formats of other software, below ``exports``.

    Returns:
        What could not be written -> why.

    Raises:
        StorageError: The folder cannot be written to.
    """
    problems: dict[str, str] = {}
    if not as_parquet and not export.formats:
        return problems
    paths = dict(manifest.table.select(pl.coalesce(schema.PARENT_FOV, schema.FOV_ID), schema.PATH).iter_rows())
    for name, locs in relabel(groups, tables, manifest):
        if isinstance(locs, LocgraphError):
            problems[name] = str(locs)
            continue
        if as_parquet:
            with whole_file(folder / RELABELLED / f"{name}.parquet") as temporary:
                locs.write_parquet(temporary)
            problems |= _write_volume(locs, name, paths[name], tables, folder / RELABELLED)
        for format in export.formats:
            try:
                _export(groups, locs, folder / EXPORTS / format / name, format, _source(paths[name], tables), export)
            except LocgraphError as error:
                problems[f"{format} of {name}"] = str(error)
    return problems


def _write_volume(locs: pl.DataFrame, name: str, path: str | None, tables: Path, folder: Path) -> dict[str, str]:
    """Write the label volume that a FOV was read from, with groups in place of labels; nothing of other files."""
    columns = _columns(tables)
    if path is None or columns is None or columns.volume is None:
        return {}
    inside = locs.filter(pl.col(GROUP) != NO_GROUP)
    try:
        labels = inside.group_by(schema.SOURCE_CLUSTER).agg(
            pl.col(GROUP).mode().min(), several=pl.col(GROUP).n_unique() > 1
        )
        groups = {label: group + 1 for label, group in labels.select(schema.SOURCE_CLUSTER, GROUP).iter_rows()}
        write_volume(Path(path), groups, (folder / name).with_name(Path(path).name), columns.volume)
    except LocgraphError as error:
        return {f"volume of {name}": str(error)}
    divided = int(labels["several"].sum())
    words = f"{divided} objects are in several groups; the one of most of their points is written"
    return {f"volume of {name}": words} if divided else {}


def _export(
    groups: Groups, locs: pl.DataFrame, path: Path, format: str, source: Source, export: ExportSettings
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = asdict(export)
    del options["formats"]
    about: Mapping[str, Any] = {"groups": groups.n_groups, "weights": dict(groups.matrix.weights)}
    plain = locs.drop(schema.FOV_ID, GROUP)
    write_localisations(path, plain, object_groups(groups, locs), source, format=format, provenance=about, **options)


def object_groups(groups: Groups, locs: pl.DataFrame) -> ObjectGroups:
    """Return the units of a FOV as objects whose class is their group.

    Args:
        groups: The groups.
        locs: Localisations of the FOV, as `relabel` yields them.
    """
    keys = [schema.FOV_ID, *([schema.CLUSTER_ID] if groups.units.unit == schema.CLUSTER else [])]
    inside = locs.with_row_index(schema.ROW).filter(pl.col(schema.CLUSTER_ID) != schema.NOISE)
    by_unit = inside.group_by(keys, maintain_order=True).agg(pl.col(schema.ROW), pl.col(GROUP).first())
    probabilities = groups.table.select(*keys, PROBABILITY)
    typed = by_unit.with_columns(pl.col(name).cast(probabilities.schema[name]) for name in keys)
    units = typed.join(probabilities, on=keys, how="left", maintain_order="left")
    sizes = units[schema.ROW].list.len().to_numpy()
    names = [":".join(map(str, row)) for row in units.select(keys).iter_rows()]
    return ObjectGroups(
        names=names,
        predictions=[None if group == NO_GROUP else str(group) for group in units[GROUP]],
        probabilities=units[PROBABILITY].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        rows=units[schema.ROW].explode().cast(pl.Int64).to_numpy(),
        offsets=np.append(0, np.cumsum(sizes)).astype(np.int64),
        class_names=[str(group) for group in range(groups.n_groups)],
    )


def _source(path: str | None, tables: Path) -> Source:
    """Return what the raw file states of camera and frames; nothing where it cannot be read any more."""
    columns = _columns(tables)
    if path is None or columns is None or not Path(path).is_file():
        return Source()
    try:
        return source_of(read_localisations(Path(path), columns, _ANY))
    except LocgraphError:
        return Source()


def _columns(tables: Path) -> ColumnSource | None:
    """Return how the raw files of tables were read; None where this is not recorded, or not known to this version."""
    settings = read_record(tables / RECIPE).get("columns")
    try:
        return None if settings is None else build_part(ColumnSource, settings, "columns")
    except LocgraphError:
        return None
