"""What the controls see of each field of view (FOV): positions, and statistics of the cluster features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.fov_features import fov_features
from locgraph.io.featextracted import ExtractedFov, read_fov


@dataclass(frozen=True)
class ControlInputs:
    """What the controls see of each FOV.

    Attributes:
        positions: ``fov_id`` -> (N, D) float64 in nm, all localisations that the tables hold.
        clustered: ``fov_id`` -> (n, D) float64 in nm, those in clusters; None leaves out the control on them.
        features: ``fov_id`` -> (F,) float64, statistics of cluster features, NaN where one is missing; None leaves out
            the control on them.
        channels: ``fov_id`` -> (N,) int64, channel of each localisation; None where all are of one.
    """

    positions: Mapping[str, np.ndarray]
    clustered: Mapping[str, np.ndarray] | None = None
    features: Mapping[str, np.ndarray] | None = None
    channels: Mapping[str, np.ndarray] | None = None


def read_inputs(tables: Path, fov_ids: Iterable[str], fovs: pl.DataFrame) -> ControlInputs:
    """Read what the controls see from prepared tables: view 0, all localisations that are there, and the clusters.

    Args:
        tables: Folder of the tables.
        fov_ids: The FOVs.
        fovs: ``fov_id``, ``label`` and ``group``, as a manifest has them.

    Raises:
        DataError: A file is absent or damaged.
    """
    positions: dict[str, np.ndarray] = {}
    clustered: dict[str, np.ndarray] = {}
    channels: dict[str, np.ndarray] = {}

    def whole() -> Iterator[ExtractedFov]:
        for fov_id in fov_ids:
            fov = read_fov(tables, fov_id)
            locs = fov.locs.filter(pl.col(schema.VIEW) == 0)
            inside = locs.filter(pl.col(schema.CLUSTER_ID) != schema.NOISE)
            axes = schema.position_columns(fov.dimensions)
            positions[fov_id] = clustered[fov_id] = inside.select(axes).to_numpy()
            if inside.height < locs.height:
                positions[fov_id] = locs.select(axes).to_numpy()
            if schema.CHANNEL in locs.columns:
                channels[fov_id] = (locs if inside.height < locs.height else inside)[schema.CHANNEL].to_numpy()
            yield replace(fov, locs=inside, clusters=fov.clusters.filter(pl.col(schema.VIEW) == 0))

    table = fov_features(whole(), fovs)
    values = table.table.select(table.columns).cast(pl.Float64).fill_null(np.nan).to_numpy()
    # no infinities, which a forest refuses
    rows = np.where(np.isfinite(values), values, np.nan)
    features = dict(zip(table.table[schema.FOV_ID], rows, strict=True))
    several = len(channels) == len(positions) and len(np.unique(np.concatenate([*channels.values()]))) > 1
    return ControlInputs(positions, clustered, features, channels if several else None)


def read_positions(tables: Path, fov_id: str) -> np.ndarray:
    """Read the positions (N, D) float64 nm of one FOV from prepared tables: view 0, all localisations that are there.

    Raises:
        DataError: A file is absent or damaged.
    """
    fov = read_fov(tables, fov_id)
    whole = fov.locs.filter(pl.col(schema.VIEW) == 0)
    return whole.select(schema.position_columns(fov.dimensions)).to_numpy()
