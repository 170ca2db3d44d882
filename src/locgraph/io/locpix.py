"""Folders that locpix-points wrote, read as if they had been extracted here.

Its files do not state their unit, call columns otherwise, and hold the *squared* radius of gyration as ``RGyration``.
Cluster features are taken as written: see ``docs/read.md`` for what is known to be inexact in them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.columns import MAPPABLE, ColumnMap
from locgraph.io.featextracted import ExtractedFov, fov_path
from locgraph.io.readers.columnar import SUFFIX, read_names, read_parquet
from locgraph.provenance import file_digest, fingerprint
from locgraph.run_folder import CLUSTERS, LOCS
from locgraph.schema import Column

LOCPIX_ID: Final = "clusterID"
_FOLDERS: Final = (".", "featextract", "preprocessed/featextract")
_SQUARED_RADIUS: Final = "RGyration"
_DIMENSION_KEYS: Final = ("dim", schema.META_DIMENSIONS)  # its files and its documents differ
_FWHM: Final = 2.35  # of a Gaussian, in standard deviations, as locpix-points rounds it

LOC_COLUMNS: Final = tuple(name for name in MAPPABLE if name != schema.Z)
"""Columns of localisations that are called the same here."""

CLUSTER_COLUMNS: Final = {
    "count": Column(schema.COUNT, pl.Int64, "1", "localisations in the cluster"),
    "x_mean": Column(schema.X_MEAN, pl.Float64, "nm", "centre of mass"),
    "y_mean": Column(schema.Y_MEAN, pl.Float64, "nm", "centre of mass"),
    _SQUARED_RADIUS: Column("radius_of_gyration", pl.Float64, "nm", "root mean square distance from the centre"),
    "linearity": Column("linearity", pl.Float64, "1", "(s0 - s1) / s0, with s the standard deviations of the PCA"),
    "length_pca": Column("length_pca", pl.Float64, "nm", "2.35 s0"),
    "area_pca": Column("area_pca", pl.Float64, "nm^2", "2.35 s0 * 2.35 s1"),
    "density_pca": Column("density_pca", pl.Float64, "1/nm^2", "count / area_pca"),
    "perimeter": Column("perimeter_hull", pl.Float64, "nm", "perimeter of the convex hull"),
    "area_convex_hull": Column("area_hull", pl.Float64, "nm^2", "area of the convex hull"),
    "length_convex_hull": Column("length_hull", pl.Float64, "nm", "largest distance between hull vertices"),
    "density_convex_hull": Column("density_hull", pl.Float64, "1/nm^2", "count / area_hull"),
}
"""Column of locpix-points -> column here. Its planarity is left out: 1 - linearity in 2D adds nothing."""


def is_locpix(folder: Path) -> bool:
    """Return whether ``folder`` is a locpix-points project with extracted features, or its featextract folder."""
    return _find(folder) is not None


def list_fovs(folder: Path) -> list[str]:
    """Return the names of the fields of view (FOVs) in a locpix-points folder, sorted.

    Raises:
        DataError: It is no such folder.
    """
    return sorted(path.stem for path in (_root(folder) / CLUSTERS).glob(f"*{SUFFIX}"))


def read_fov(folder: Path, fov_id: str, unit: str | None, pixel_size_nm: float | None = None) -> ExtractedFov:
    """Read one FOV of a locpix-points folder.

    Args:
        folder: The project, or its featextract folder.
        fov_id: Name of its files, without suffix.
        unit: Unit of every length in the files: ``nm``, ``um``, ``m`` or ``px``; the files do not state it.
        pixel_size_nm: Side of a camera pixel in nm, where ``unit`` is ``px``.

    Returns:
        The FOV in nm, in one view, with the columns that have a meaning here; ``recipe`` names those left out.

    Raises:
        ConfigError: The unit is unknown, or the pixel size does not fit it.
        DataError: A file is absent or damaged, lacks a column, or does not fit the other; the FOV is 3D; or the files
            come from an early version, whose PCA lengths are variances.
    """
    columns = _columns(unit, pixel_size_nm)
    root = _root(folder)
    paths = {kind: fov_path(root, kind, fov_id) for kind in (LOCS, CLUSTERS)}
    tables, metadata = _read(paths, fov_id)
    _check_dimensions(metadata, paths[CLUSTERS])
    locs, clusters, noise = _renumbered(tables[LOCS], tables[CLUSTERS], fov_id)
    _check_version(clusters, paths[CLUSTERS])
    label, class_names = _label(metadata, paths[CLUSTERS])
    view = pl.lit(0, pl.Int64).alias(schema.VIEW)
    canonical = columns.to_canonical(locs, str(paths[LOCS]))
    return ExtractedFov(
        fov_id=fov_id,
        locs=canonical.with_columns(view, locs[schema.CLUSTER_ID]),
        clusters=clusters.select(view, schema.CLUSTER_ID, *_features(clusters, columns.nm_per_unit(schema.X))),
        dimensions=2,
        label=label,
        class_names=class_names,
        group=None,
        units=_units(canonical, clusters),
        counts={
            schema.DIMENSIONS: 2,
            "localisations_unclustered": noise,
            schema.N_LOCALISATIONS: locs.height,
            schema.N_CLUSTERS: clusters.height,
        },
        recipe={
            "source": "locpix-points",
            "unit": unit,
            "pixel_size_nm": pixel_size_nm,
            "columns_left_out": _left_out(tables),
        },
        fingerprint=fingerprint(*(file_digest(path) for path in paths.values()), unit, pixel_size_nm),
    )


def _columns(unit: str | None, pixel_size_nm: float | None) -> ColumnMap:
    return ColumnMap({name: name for name in LOC_COLUMNS}, unit=unit or "", pixel_size_nm=pixel_size_nm)


def _find(folder: Path) -> Path | None:
    for below in _FOLDERS:
        root = folder / below
        example = next((root / CLUSTERS).glob(f"*{SUFFIX}"), None)
        if example is None or not (root / LOCS).is_dir():
            continue
        try:
            if LOCPIX_ID in read_names(example):
                return root
        except DataError:
            continue
    return None


def _root(folder: Path) -> Path:
    root = _find(folder)
    if root is None:
        raise DataError(
            f"{folder}: expected a folder of locpix-points, with {LOCS} and {CLUSTERS} ({LOCPIX_ID} among the columns) "
            "in it or in preprocessed/featextract; found none. Check the path"
        )
    return root


def _read(paths: dict[str, Path], fov_id: str) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    """Read both tables, and the metadata of the clusters."""
    tables: dict[str, pl.DataFrame] = {}
    metadata: dict[str, str] = {}
    for kind, path in paths.items():
        if not path.is_file():
            raise DataError(
                f"{fov_id}: expected its {kind} at {path}; found no file. Run locpix-points' featextract again"
            )
        tables[kind], metadata = read_parquet(path)
        needed = (LOCPIX_ID,) if kind == LOCS else (LOCPIX_ID, schema.COUNT, schema.X_MEAN, schema.Y_MEAN)
        missing = [name for name in needed if name not in tables[kind].columns]
        if missing:
            raise DataError(f"{path}: expected the columns of locpix-points; {', '.join(missing)} missing")
    return tables, metadata


def _check_dimensions(metadata: dict[str, str], path: Path) -> None:
    dimensions = next((metadata[key] for key in _DIMENSION_KEYS if key in metadata), None)
    if dimensions not in ("2", None):
        raise DataError(
            f"{path}: expected 2 dimensions; found {dimensions}. locpix-points computes cluster features in x and y "
            "alone: extract the features again from the localisations"
        )


def _renumbered(locs: pl.DataFrame, clusters: pl.DataFrame, fov_id: str) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return both tables sorted by cluster, numbered from 0, and the number of localisations outside clusters."""
    kept = locs.filter(pl.col(LOCPIX_ID) >= 0)
    ids = clusters[LOCPIX_ID].cast(pl.Int64).sort()
    if ids.is_duplicated().any() or not kept[LOCPIX_ID].cast(pl.Int64).unique().sort().equals(ids):
        raise DataError(
            f"{fov_id}: expected one row of clusters for each {LOCPIX_ID} of locs; found otherwise. "
            "Run locpix-points' featextract again"
        )
    number = pl.DataFrame({LOCPIX_ID: ids}).with_row_index(schema.CLUSTER_ID)

    def renumber(table: pl.DataFrame) -> pl.DataFrame:
        joined = table.with_columns(pl.col(LOCPIX_ID).cast(pl.Int64)).join(number, on=LOCPIX_ID, maintain_order="left")
        return joined.with_columns(pl.col(schema.CLUSTER_ID).cast(pl.Int64)).sort(
            schema.CLUSTER_ID, maintain_order=True
        )

    return renumber(kept), renumber(clusters), locs.height - kept.height


def _check_version(clusters: pl.DataFrame, path: Path) -> None:
    """Refuse early versions, in which length_pca is six variances.

    Both variances together must give the squared radius. The median over clusters decides, as single ones are inexact.
    """
    if not {_SQUARED_RADIUS, "length_pca", "area_pca"} <= set(clusters.columns):
        return
    length, width = pl.col("length_pca"), pl.col("area_pca") / pl.col("length_pca")
    variance = pl.col(_SQUARED_RADIUS) * pl.col(schema.COUNT) / (pl.col(schema.COUNT) - 1)
    now = ((length / _FWHM) ** 2 + (width / _FWHM) ** 2) / variance
    early = (length + width) / 6 / variance
    errors = clusters.select(
        ratio.log().abs().fill_nan(None).median().alias(name) for name, ratio in (("now", now), ("early", early))
    ).row(0)
    if None not in errors and errors[1] < errors[0]:
        raise DataError(
            f"{path}: expected length_pca = 2.35 standard deviations; found 6 variances, as early versions of "
            "locpix-points wrote. Extract the features again from the localisations"
        )


def _features(clusters: pl.DataFrame, nm: float) -> list[pl.Expr]:
    """Return the known columns, renamed and in nanometres."""
    features = []
    for source, column in CLUSTER_COLUMNS.items():
        if source in clusters.columns:
            values = pl.col(source).cast(pl.Float64)
            if source == _SQUARED_RADIUS:
                values = values.sqrt()
            features.append((values * nm**column.length_power).cast(column.dtype).alias(column.name))
    return features


def _left_out(tables: dict[str, pl.DataFrame]) -> dict[str, list[str]]:
    """Return columns of either table that have no meaning here, or add nothing."""
    known = {LOCS: (*LOC_COLUMNS, LOCPIX_ID), CLUSTERS: (*CLUSTER_COLUMNS, LOCPIX_ID)}
    return {kind: [name for name in table.columns if name not in known[kind]] for kind, table in tables.items()}


def _units(locs: pl.DataFrame, clusters: pl.DataFrame) -> dict[str, str]:
    units = {name: schema.LOCALISATION_COLUMNS[name].unit for name in locs.columns}
    return units | {
        column.name: column.unit for source, column in CLUSTER_COLUMNS.items() if source in clusters.columns
    }


def _label(metadata: dict[str, str], path: Path) -> tuple[str | None, tuple[str, ...]]:
    """Return class name and all classes; none where the files hold no label of the whole FOV."""
    names_text, label_text = metadata.get(schema.META_LABEL_MAP, "null"), metadata.get(schema.META_LABEL, "None")
    try:
        names = {int(key): str(name) for key, name in (json.loads(names_text) or {}).items()}
        label = None if label_text == "None" else names[int(label_text)]
    except (ValueError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path}: expected {schema.META_LABEL} among the integers of {schema.META_LABEL_MAP}; found "
            f"{label_text!r} and {names_text!r}. Write the labels again"
        ) from error
    return label, tuple(names[key] for key in sorted(names))
