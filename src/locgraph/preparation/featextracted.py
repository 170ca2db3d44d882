"""Featextracted tables as a start in place of raw files: locgraph's own, or those of locpix-points."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import polars as pl

from locgraph import schema
from locgraph.errors import DataError, LocgraphError
from locgraph.io import locpix
from locgraph.io.featextracted import ExtractedFov, list_fovs, read_fingerprint, read_fov, write_fov
from locgraph.io.manifest import Manifest
from locgraph.preparation.outliers import measure_fov
from locgraph.preparation.prepare import manifest_table
from locgraph.run_folder import CLUSTERS, LOCS, MANIFEST

log = logging.getLogger(__name__)


def manifest_of(folder: Path) -> Manifest:
    """Return the manifest of a featextracted folder, from the tables themselves.

    Args:
        folder: Holds ``locs`` and ``clusters``. Where it also holds a manifest, FOVs that this does not name are left
            out: their raw files were taken away after they were extracted.

    Returns:
        One row for each FOV that can be read, and the reason for each other one.

    Raises:
        DataError: The folder holds no tables, or its manifest is damaged.
    """
    if not (folder / CLUSTERS).is_dir() or not (folder / LOCS).is_dir():
        raise DataError(f"{folder}: expected the folders `locs` and `clusters` in it")
    fovs, failures = [], {}
    for fov_id in _current(folder):
        try:
            fovs.append(_manifest_row(read_fov(folder, fov_id)))
        except LocgraphError as error:
            failures[fov_id] = str(error)
    return _manifest(fovs, failures, folder)


def _current(folder: Path) -> list[str]:
    fov_ids, manifest = list_fovs(folder), folder / MANIFEST
    if not manifest.is_file():
        return fov_ids
    named = set(Manifest.read(manifest).table[schema.FOV_ID])
    left_out = [fov_id for fov_id in fov_ids if fov_id not in named]
    if left_out:
        log.warning("%d FOVs in %s are not in its manifest, such as %s: left out", len(left_out), folder, left_out[:5])
    return [fov_id for fov_id in fov_ids if fov_id in named]


def convert_locpix(folder: Path, target: Path, unit: str | None, pixel_size_nm: float | None) -> Manifest:
    """Write the tables of locpix-points as locgraph's own, where they are not there already.

    Args:
        folder: A folder that locpix-points wrote.
        target: Featextracted folder to write to.
        unit: Unit of its positions, which it does not record.
        pixel_size_nm: Size of a camera pixel, where the unit is ``px``.

    Returns:
        The manifest of the new folder.

    Raises:
        LocgraphError: The unit is missing, or no FOV can be read.
    """
    fovs, failures = [], {}
    for fov_id in locpix.list_fovs(folder):
        try:
            fov = locpix.read_fov(folder, fov_id, unit, pixel_size_nm)
            if read_fingerprint(target, fov_id) != fov.fingerprint:
                write_fov(target, fov)
        except DataError as error:
            failures[fov_id] = str(error)
            continue
        fovs.append(_manifest_row(fov))
    return _manifest(fovs, failures, folder)


def _manifest_row(fov: ExtractedFov) -> tuple[dict[str, object], tuple[str, ...]]:
    whole = pl.col(schema.VIEW) == 0
    row: dict[str, object] = {
        schema.FOV_ID: fov.fov_id,
        schema.PATH: None,
        schema.LABEL: fov.label,
        schema.GROUP: fov.group,
        schema.PARENT_FOV: fov.parent,
        schema.DIMENSIONS: fov.dimensions,
        schema.N_LOCALISATIONS: fov.locs.filter(whole, pl.col(schema.CLUSTER_ID) != schema.NOISE).height,
        schema.N_CLUSTERS: fov.clusters.filter(whole).height,
        **measure_fov(fov.locs.filter(whole), fov.dimensions),
        **{axis: fov.measures.get(axis) for axis in schema.position_columns(fov.dimensions)},
    }
    return row, fov.class_names


def _manifest(
    fovs: list[tuple[dict[str, object], tuple[str, ...]]], failures: dict[str, str], folder: Path
) -> Manifest:
    if not fovs:
        reasons = dict(list(failures.items())[:3])
        raise DataError(f"{folder}: expected FOVs that can be read, found none: {reasons}")
    agreed = Counter(names for _, names in fovs).most_common(1)[0][0]  # of equally frequent ones the first
    rows = []
    for row, names in fovs:
        if names == agreed:
            rows.append(row)
        else:
            disagreement = f"its label map {list(names)} disagrees with {list(agreed)} of most FOVs"
            failures[str(row[schema.FOV_ID])] = f"{disagreement}; extract all FOVs with the same classes"
    return Manifest(manifest_table(rows), agreed, failures)
