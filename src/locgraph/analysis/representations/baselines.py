"""Representations that need no training: hand-made features, and pair distances. Learned ones are held against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.controls import fit_max_distance, fov_descriptor
from locgraph.analysis.fov_features import fov_features, whole_fovs
from locgraph.errors import DataError
from locgraph.io.featextracted import ExtractedFov, feature_columns

HAND_MADE: Final = "hand_made"
PAIR_DISTANCES: Final = "pair_distances"


def hand_made(tables: Path, fovs: pl.DataFrame, unit: str) -> tuple[pl.DataFrame, list[str]]:
    """Return the features of clusters, or of FOVs what `locgraph.analysis.fov_features` makes of them.

    Args:
        tables: Folder of the prepared tables.
        fovs: ``fov_id``, ``label`` and ``group``, as a manifest has them.
        unit: ``fov`` or ``cluster``.

    Returns:
        One row for each unit: ``fov_id`` (and ``cluster_id``), then the features, null where there is no value; and
        the names of these.

    Raises:
        DataError: A file is absent or damaged, or the tables hold no feature.
    """
    names = fovs[schema.FOV_ID].to_list()
    if unit == schema.FOV:
        features = fov_features(whole_fovs(tables, names), fovs)
        columns = list(features.columns)
        table = features.table.select(schema.FOV_ID, *columns)
    else:
        parts = [_clusters(fov) for fov in whole_fovs(tables, names)]
        table = pl.concat(parts, how="diagonal") if parts else pl.DataFrame({schema.FOV_ID: []})
        columns = [name for name in table.columns if name not in (schema.FOV_ID, schema.CLUSTER_ID)]
    if not columns:
        raise DataError(f"{tables}: expected features of clusters, found none; prepare them with features=standard")
    values = [pl.col(name).cast(pl.Float64) for name in columns]
    return table.with_columns(pl.when(value.is_finite()).then(value) for value in values), columns


def _clusters(fov: ExtractedFov) -> pl.DataFrame:
    columns = feature_columns(fov.clusters)
    return fov.clusters.select(pl.lit(fov.fov_id).alias(schema.FOV_ID), schema.CLUSTER_ID, *columns)


def pair_distances(tables: Path, fovs: pl.DataFrame, unit: str) -> tuple[pl.DataFrame, list[str]]:
    """Return the histogram of pair distances of each unit and its deviations along principal axes, without its count.

    See `locgraph.analysis.controls.fov_descriptor`; the range of distances is that of all units together.

    Args:
        tables: Folder of the prepared tables.
        fovs: ``fov_id``, as a manifest has it.
        unit: ``fov`` or ``cluster``.

    Returns:
        One row for each unit: ``fov_id`` (and ``cluster_id``), then the numbers; and their names.

    Raises:
        DataError: A file is absent or damaged, or no unit has localisations at two places.
    """
    keys: list[dict[str, object]] = []
    clouds: list[np.ndarray] = []
    for fov in whole_fovs(tables, fovs[schema.FOV_ID]):
        for key, cloud in _units(fov, unit):
            keys.append(key)
            clouds.append(cloud)
    longest = fit_max_distance(clouds)
    values = np.stack([fov_descriptor(cloud, max_distance_nm=longest, with_count=False) for cloud in clouds])
    axes = clouds[0].shape[1]
    names = [f"pairs_{index}" for index in range(values.shape[1] - axes)] + [f"deviation_{i}" for i in range(axes)]
    return pl.DataFrame(keys).with_columns(pl.Series(name, values[:, i]) for i, name in enumerate(names)), names


def _units(fov: ExtractedFov, unit: str) -> Iterator[tuple[dict[str, object], np.ndarray]]:
    """Yield the keys and localisations (n, D) of each unit of a FOV."""
    places = fov.locs.select(schema.position_columns(fov.dimensions)).to_numpy()
    if unit == schema.FOV:
        yield {schema.FOV_ID: fov.fov_id}, places
        return
    clusters, first = np.unique(fov.locs[schema.CLUSTER_ID].to_numpy(), return_index=True)  # localisations are sorted
    for cluster, cloud in zip(clusters.tolist(), np.split(places, first[1:]), strict=True):
        yield {schema.FOV_ID: fov.fov_id, schema.CLUSTER_ID: cluster}, cloud


BASELINES: Final[dict[str, Callable[[Path, pl.DataFrame, str], tuple[pl.DataFrame, list[str]]]]] = {
    HAND_MADE: hand_made,
    PAIR_DISTANCES: pair_distances,
}
"""Name -> what computes it."""
