"""Units read from prepared tables, and vectors joined with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.fov_features import Aggregation, fov_features, whole_fovs
from locgraph.analysis.grouping.blocks import LEARNED, SIZE, blocks_of
from locgraph.analysis.grouping.columns import PATIENT
from locgraph.analysis.grouping.units import Units, make_units
from locgraph.analysis.statistics import feature_by_column
from locgraph.errors import DataError, LocgraphError
from locgraph.io.featextracted import ExtractedFov, feature_columns, fov_path
from locgraph.io.manifest import Manifest
from locgraph.io.readers.columnar import read_parquet
from locgraph.run_folder import CLUSTERS

_FROM_MANIFEST: Final = (schema.LABEL, schema.GROUP, schema.PARENT_FOV)
_SPREAD: Final = ("sd",)


def read_units(tables: Path, manifest: Manifest, unit: str, aggregation: Aggregation | None = None) -> Units:
    """Read units with what was measured of them.

    Args:
        tables: Folder of prepared tables.
        manifest: Its FOVs.
        unit: ``fov`` or ``cluster``.
        aggregation: Statistics that aggregate the clusters of a FOV.

    Returns:
        The units; FOVs that cannot be read are named in the notes, and stop no others.

    Raises:
        DataError: There is no unit.
    """
    failed: dict[str, str] = {}
    if unit == schema.CLUSTER:
        units = _clusters(tables, manifest, failed)
    else:
        units = _fovs(tables, manifest, aggregation or Aggregation(), failed)
    if failed:
        name, reason = next(iter(failed.items()))
        note = f"{len(failed)} FOVs could not be read and are left out, such as {name}: {reason}"
        units = replace(units, notes=(*units.notes, note))
    return units


def _clusters(tables: Path, manifest: Manifest, failed: dict[str, str]) -> Units:
    """Return one row for each cluster of view 0."""
    parts: list[pl.DataFrame] = []
    units: dict[str, str] = {}
    scales: dict[str, str] = {}
    notes: dict[str, str] = {}
    for fov_id in manifest.table[schema.FOV_ID]:
        try:
            table, metadata = read_parquet(fov_path(tables, CLUSTERS, fov_id))
            own, own_scales = (json.loads(metadata.get(name, "{}")) for name in (schema.META_UNITS, schema.META_SCALES))
        except (LocgraphError, OSError, ValueError) as error:
            failed[fov_id] = str(error)
            continue
        rows = table.filter(pl.col(schema.VIEW) == 0)
        for name in feature_columns(rows):
            unit = own.get(name, "1")
            if units.setdefault(name, unit) != unit:
                notes[name] = f"{name} is in {units[name]} in some FOVs and in {unit} in others, and is left out"
        scales |= own_scales
        parts.append(rows.with_columns(pl.lit(fov_id).alias(schema.FOV_ID)))
    if not sum(part.height for part in parts):
        raise DataError(f"{tables}: expected clusters to group, found none ({_some(failed)})")
    table = pl.concat(parts, how="diagonal_relaxed").join(_known(manifest), on=schema.FOV_ID, how="left")
    units = {name: unit for name, unit in units.items() if name not in notes}
    places = tuple(name for name in schema.centre_columns(3) if name in table.columns)
    return make_units(schema.CLUSTER, table, table, units, scales, blocks_of(units), tuple(notes.values()), places)


def _fovs(tables: Path, manifest: Manifest, aggregation: Aggregation, failed: dict[str, str]) -> Units:
    """Return one row for each FOV: statistics of its clusters, and its extent."""
    scales: dict[str, str] = {}
    features = fov_features(_readable(tables, manifest, scales, failed), manifest.table, aggregation)
    if features.table.is_empty():
        raise DataError(f"{tables}: expected FOVs to group, found none ({_some(failed)})")
    columns = [name for name in (schema.EXTENT, schema.X, schema.Y, schema.Z) if name in manifest.table.columns]
    table = features.table.join(
        manifest.table.select(schema.FOV_ID, schema.PARENT_FOV, *columns), on=schema.FOV_ID, how="left"
    ).rename({schema.GROUP: PATIENT})
    feature_of = feature_by_column(features.columns, aggregation.prefixes)
    units = {schema.EXTENT: "nm", **features.units}
    blocks = {**blocks_of(features.units, feature_of), schema.EXTENT: SIZE}
    # the spread of a column is on no scale that its feature states
    of_columns = {
        name: scales[feature_of[name]]
        for name in features.columns
        if feature_of[name] in scales and not name.startswith(_SPREAD)
    }
    of_columns |= {schema.EXTENT: schema.LOG, schema.N_CLUSTERS: schema.LOG, schema.N_LOCALISATIONS: schema.LOG}
    places = (schema.X, schema.Y, *([schema.Z] if table[schema.Z].null_count() == 0 else []))
    return make_units(schema.FOV, table, table, units, of_columns, blocks, _clashes(features.warnings), places)


def _clashes(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Return the warnings about units; gaps are counted where the matrix is made."""
    return tuple(each for each in warnings if "do not compare it" in each)


def _readable(
    tables: Path, manifest: Manifest, scales: dict[str, str], failed: dict[str, str]
) -> Iterator[ExtractedFov]:
    for fov_id in manifest.table[schema.FOV_ID]:
        try:
            fov = next(whole_fovs(tables, [fov_id]))
        except LocgraphError as error:
            failed[fov_id] = str(error)
            continue
        scales |= fov.scales
        yield fov


def _known(manifest: Manifest) -> pl.DataFrame:
    return manifest.table.select(schema.FOV_ID, *_FROM_MANIFEST).rename({schema.GROUP: PATIENT})


def _some(failed: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in list(failed.items())[:3]) or "the tables are empty"


def vectors_of(vectors: pl.DataFrame, where: str) -> pl.DataFrame:
    """Return vectors of units of one network, each unit once.

    Args:
        vectors: ``fov_id``, ``cluster_id`` where a unit is a cluster, ``fold``, ``v_0``, ``v_1``, ...
        where: The file, for errors.

    Raises:
        DataError: It is no such table, or holds vectors of several networks, or of a unit twice.
    """
    columns = vector_columns(vectors)
    if schema.FOV_ID not in vectors.columns or not columns:
        raise DataError(f"{where}: expected fov_id and v_0, v_1, ..., found the columns {vectors.columns}")
    if schema.FOLD in vectors.columns and vectors[schema.FOLD].n_unique() > 1:
        folds = sorted(vectors[schema.FOLD].unique().to_list())
        raise DataError(f"{where}: expected vectors of one network, found those of the folds {folds}; choose one run")
    keys = [name for name in (schema.FOV_ID, schema.CLUSTER_ID) if name in vectors.columns]
    if vectors.select(keys).is_duplicated().any():
        raise DataError(f"{where}: expected one vector of each unit, found several of some")
    return vectors


def vector_columns(vectors: pl.DataFrame) -> list[str]:
    """Return the columns of a table that hold learned values."""
    return [name for name in vectors.columns if name.startswith(schema.VECTOR_PREFIX)]


def units_of_vectors(vectors: pl.DataFrame) -> Units:
    """Return units with learned columns alone; the class is that of the column ``label``, where there is one."""
    columns = vector_columns(vectors)
    unit = schema.CLUSTER if schema.CLUSTER_ID in vectors.columns else schema.FOV
    units = dict.fromkeys(columns, "1")
    return make_units(unit, vectors, vectors, units, {}, dict.fromkeys(columns, LEARNED))


def join_vectors(units: Units, vectors: pl.DataFrame) -> Units:
    """Return units with their learned vectors; those without one have no value there.

    Raises:
        DataError: Vectors are of other units.
    """
    of_vectors = schema.CLUSTER if schema.CLUSTER_ID in vectors.columns else schema.FOV
    if of_vectors != units.unit:
        raise DataError(
            f"expected vectors of units that are a {units.unit}, found those of a {of_vectors}", setting="unit"
        )
    columns = vector_columns(vectors)
    keys = [schema.FOV_ID, *([schema.CLUSTER_ID] if units.unit == schema.CLUSTER else [])]
    learned = units.keys.select(keys).join(
        vectors.select(*keys, pl.col(columns).cast(pl.Float64)), on=keys, how="left", maintain_order="left"
    )
    missing = learned[columns[0]].null_count()
    if missing == len(units):
        raise DataError(f"expected vectors of the {units.words} of the tables, found none of them")
    notes = (f"{missing} of {len(units)} {units.words} have no learned vector",) if missing else ()
    return replace(
        units,
        values=pl.concat([units.values, learned.select(columns)], how="horizontal"),
        units={**units.units, **dict.fromkeys(columns, "1")},
        blocks={**units.blocks, **dict.fromkeys(columns, LEARNED)},
        notes=(*units.notes, *notes),
    )
