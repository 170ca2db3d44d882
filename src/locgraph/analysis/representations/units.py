"""What a benchmark knows of its units beside the vectors: what they belong to, how they were taken, their clouds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.checks.acquisition import read_whole
from locgraph.analysis.representations.embeddings import Embeddings
from locgraph.analysis.representations.probe import COUNT, COVARIATES, DENSITY, PRECISION, SIZE
from locgraph.analysis.source import read_manifest
from locgraph.errors import DataError
from locgraph.provenance import read_csv
from locgraph.storage import storage_error

_SHOWN: Final = 5


@dataclass(frozen=True)
class Units:
    """Units in the order of the embeddings.

    Attributes:
        fovs: (N,) FOV; of objects the FOV that they lie in.
        groups: (N,) group; None where some unit has none.
        owners: (N,) what is never on both sides of a fold: group, FOV, or the unit itself.
        covariates: Names of `COVARIATES` -> (N,) float64, NaN where unknown.
        factors: Known factor -> (N,) float64, NaN where unknown.
    """

    fovs: np.ndarray
    groups: np.ndarray | None
    owners: np.ndarray
    covariates: dict[str, np.ndarray]
    factors: dict[str, np.ndarray]

    def take(self, rows: np.ndarray) -> Units:
        """Return some of the units."""
        return replace(
            self,
            fovs=self.fovs[rows],
            groups=None if self.groups is None else self.groups[rows],
            owners=self.owners[rows],
            covariates={name: values[rows] for name, values in self.covariates.items()},
            factors={name: values[rows] for name, values in self.factors.items()},
        )


def read_units(embeddings: Embeddings, tables: Path, factors: Path | None) -> Units:
    """Read groups, covariates and known factors of units.

    Args:
        embeddings: The units.
        tables: Folder of the prepared tables.
        factors: Table of known factors; None where there is none.

    Raises:
        DataError: A FOV is not in the tables, or the factors are those of other FOVs.
    """
    fovs, groups = _read_company(embeddings, tables)
    return Units(
        fovs=fovs,
        groups=groups,
        owners=fovs if groups is None else groups,
        covariates=read_covariates(embeddings.keys, tables),
        factors={} if factors is None else read_factors(embeddings.keys, factors),
    )


def read_owners(embeddings: Embeddings, tables: Path) -> np.ndarray:
    """Return what each unit belongs to (N,): its group, or where some have none its FOV, of objects that they lie in.

    Raises:
        DataError: A FOV is not in the tables.
    """
    fovs, groups = _read_company(embeddings, tables)
    return fovs if groups is None else groups


def _read_company(embeddings: Embeddings, tables: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return FOV and group (N,) of each unit; no groups where some unit has none."""
    manifest = read_manifest(tables).table.select(schema.FOV_ID, schema.GROUP, schema.PARENT_FOV)
    table = embeddings.keys.join(manifest, on=schema.FOV_ID, how="left", maintain_order="left")
    known = set(manifest[schema.FOV_ID])
    strange = [name for name in dict.fromkeys(embeddings.fovs.tolist()) if name not in known]
    if strange:
        raise DataError(
            f"{tables}: expected the FOVs of {embeddings.folder}, found none of the name "
            f"{', '.join(strange[:_SHOWN])}; give the folder of their tables",
            setting="tables",
        )
    fovs = table.select(pl.coalesce(schema.PARENT_FOV, schema.FOV_ID)).to_series().to_numpy().astype(str)
    grouped = table[schema.GROUP].null_count() == 0
    return fovs, table[schema.GROUP].to_numpy().astype(str) if grouped else None


def read_covariates(keys: pl.DataFrame, tables: Path) -> dict[str, np.ndarray]:
    """Measure how units were taken: `COVARIATES`.

    Count: localisations (of a FOV those outside clusters too). Size: root mean square distance from the centre, nm.
    Density: count over size to the power of the dimension. Precision: median lateral precision, nm.

    Args:
        keys: ``fov_id``, and ``cluster_id`` where the unit is a cluster.
        tables: Folder of the prepared tables.

    Returns:
        Name -> (N,) float64, NaN where a table does not hold it.
    """
    columns = (schema.X, schema.Y, schema.Z, schema.PRECISION)
    parts = []
    for fov_id in keys[schema.FOV_ID].unique(maintain_order=True):
        locs = read_whole(tables, fov_id, columns)
        parts.append(_measured(locs, fov_id, schema.CLUSTER_ID in keys.columns))
    table = keys.join(pl.concat(parts), on=keys.columns, how="left", maintain_order="left")
    return {name: table[name].to_numpy().astype(np.float64) for name in COVARIATES}


def _measured(locs: pl.DataFrame, fov_id: str, by_cluster: bool) -> pl.DataFrame:
    """Return the covariates of one FOV, or of each of its clusters."""
    axes = [name for name in (schema.X, schema.Y, schema.Z) if name in locs.columns]
    precision = pl.col(schema.PRECISION).median() if schema.PRECISION in locs.columns else pl.lit(None, pl.Float64)
    size = pl.sum_horizontal(pl.col(axis).var(ddof=0) for axis in axes).sqrt()
    keys = [schema.CLUSTER_ID] if by_cluster else [schema.FOV_ID]
    rows = locs.with_columns(pl.lit(fov_id).alias(schema.FOV_ID))
    measured = rows.group_by(keys).agg(
        pl.len().cast(pl.Float64).alias(COUNT), size.alias(SIZE), precision.cast(pl.Float64).alias(PRECISION)
    )
    density = pl.when(pl.col(SIZE) > 0).then(pl.col(COUNT) / pl.col(SIZE) ** len(axes))
    return measured.with_columns(density.alias(DENSITY), pl.lit(fov_id).alias(schema.FOV_ID)).select(
        schema.FOV_ID, *([schema.CLUSTER_ID] if by_cluster else []), *COVARIATES
    )


def read_factors(keys: pl.DataFrame, path: Path) -> dict[str, np.ndarray]:
    """Read known factors of units, such as those that a simulation was drawn with.

    Args:
        keys: ``fov_id``, and ``cluster_id`` where the unit is a cluster.
        path: CSV or parquet with ``fov_id`` (and ``cluster_id``, if factors are those of clusters) and numbers.

    Returns:
        Factor -> (N,) float64, NaN for units without it.

    Raises:
        DataError: It cannot be read, has no number, or no FOV of the units.
    """
    table = _read_table(path)
    on = [name for name in keys.columns if name in table.columns]
    numbers = [name for name, dtype in table.schema.items() if dtype.is_numeric() and name != schema.CLUSTER_ID]
    if schema.FOV_ID not in on or not numbers:
        raise DataError(
            f"{path}: expected {schema.FOV_ID} and columns of numbers, found {', '.join(table.columns[:8])}",
            setting="factors",
        )
    table = table.with_columns(pl.col(schema.FOV_ID).cast(pl.String))
    if table.select(on).is_duplicated().any():
        raise DataError(f"{path}: expected one row for each {' and '.join(on)}, found several", setting="factors")
    table = table.select(*on, *(pl.col(name).cast(pl.Float64) for name in numbers))
    joined = keys.join(table, on=on, how="left", maintain_order="left")
    if keys.join(table, on=on, how="semi").is_empty():
        raise DataError(
            f"{path}: expected factors of FOVs such as {keys[schema.FOV_ID][0]}, found such as "
            f"{table[schema.FOV_ID][0] if table.height else 'no row'}",
            setting="factors",
        )
    columns = {name: joined[name].to_numpy().astype(np.float64) for name in numbers}
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}


def _read_table(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise DataError(f"no such file: {path}", setting="factors")
    try:
        return read_csv(path) if path.suffix.lower() == ".csv" else pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise storage_error(error, path) or DataError(
            f"{path}: expected CSV or parquet, cannot read it ({error})", setting="factors"
        ) from error


def read_clouds(keys: pl.DataFrame, tables: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the localisations of units: those of view 0 in clusters.

    Args:
        keys: ``fov_id``, and ``cluster_id`` where the unit is a cluster.
        tables: Folder of the prepared tables.

    Returns:
        The localisations (N_u, D) of each unit in nm relative to their centre, and the extent (U,) of the FOV of each,
        their root mean square distance from its centre, nm.
    """
    clouds: list[np.ndarray] = []
    extents: list[float] = []
    for fov_id, part in keys.group_by(schema.FOV_ID, maintain_order=True):
        locs = read_whole(tables, str(fov_id[0]), (schema.X, schema.Y, schema.Z))
        axes = [name for name in (schema.X, schema.Y, schema.Z) if name in locs.columns]
        inside = locs.filter(pl.col(schema.CLUSTER_ID) != schema.NOISE)
        places, owners = inside.select(axes).to_numpy(), inside[schema.CLUSTER_ID].to_numpy()
        wanted = part[schema.CLUSTER_ID].to_list() if schema.CLUSTER_ID in part.columns else [None]
        for cluster in wanted:
            points = places if cluster is None else places[owners == cluster]
            if not len(points):
                raise DataError(f"{fov_id[0]}: expected localisations of cluster {cluster} in {tables}, found none")
            clouds.append(points - points.mean(axis=0))
            extents.append(float(np.sqrt(places.var(axis=0).sum())))
    return clouds, np.array(extents)
