"""Measures of fields of view (FOVs) that tell whether they are like those of training, made by hand from tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from locgraph import schema
from locgraph.io.featextracted import ExtractedFov, feature_columns, read_fov

NEIGHBOURS: Final = (1, 4, 16)
"""Which nearest neighbours of a localisation the spacing is measured to."""

ACQUISITION: Final = (schema.PRECISION, schema.PRECISION_Z, schema.PHOTONS, schema.SIGMA, schema.BACKGROUND)
"""Localisation columns whose median is a measure, where the source has them."""

SPACING: Final = tuple(f"{schema.SPACING_PREFIX}{k}" for k in NEIGHBOURS)
SPREAD: Final = tuple(f"{schema.SPREAD_PREFIX}{k}" for k in NEIGHBOURS)

SHAPE: Final = (
    *(schema.N_LOCALISATIONS, schema.EXTENT, schema.PRECISION, schema.ELONGATION),
    *SPACING,
    *SPREAD,
    schema.KURTOSIS,
)
"""Measures that the typicality of a FOV looks at, each above 0 and seen as its logarithm."""

RANGED: Final = (schema.N_LOCALISATIONS, schema.N_CLUSTERS, schema.EXTENT, schema.DENSITY, *ACQUISITION)
"""Measures that are compared with their range in training."""

MAX_CLUSTERS: Final = 200
"""Of a FOV with more clusters this many, evenly spaced in the table, stand for all."""

_MAX_QUERIES: Final = 2000
_SEED: Final = 0


@dataclass(frozen=True)
class Measures:
    """Measures of FOVs and of their clusters.

    Attributes:
        fovs: One row for each FOV: ``fov_id`` and the measures as float64, null where the source lacks a column.
        clusters: At most `MAX_CLUSTERS` rows for each FOV: ``fov_id`` and the cluster features.
        units: Unit of each column of both.
    """

    fovs: pl.DataFrame
    clusters: pl.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)

    def select(self, fov_ids: Iterable[str]) -> Measures:
        """Return the same of some FOVs, in this order.

        Raises:
            KeyError: A FOV was not measured.
        """
        order = list(fov_ids)
        place = {fov_id: row for row, fov_id in enumerate(self.fovs[schema.FOV_ID])}
        fovs = self.fovs[[place[fov_id] for fov_id in order]]
        return Measures(fovs, self.clusters.filter(pl.col(schema.FOV_ID).is_in(order)), self.units)


def measure_fovs(tables: Path, fov_ids: Iterable[str]) -> Measures:
    """Measure FOVs: view 0, localisations of no cluster left out, as a network sees them.

    Args:
        tables: Featextracted folder.
        fov_ids: The FOVs, in the order of the result.

    Raises:
        DataError: A file is absent or damaged.
    """
    rows, clusters, units = [], [], {}
    for fov_id in fov_ids:
        fov = read_fov(tables, fov_id)
        inside, table = _whole(fov.locs), _whole(fov.clusters)
        rows.append({schema.FOV_ID: fov_id, schema.N_CLUSTERS: float(table.height), **_measure(inside, fov.dimensions)})
        clusters.append(_sample(table, fov_id))
        units.update(_units(fov))
    empty = {schema.FOV_ID: pl.String}
    return Measures(
        pl.DataFrame(rows, schema=empty | dict.fromkeys((*RANGED, *SHAPE), pl.Float64)),
        pl.concat(clusters, how="diagonal") if clusters else pl.DataFrame(schema=empty),
        units,
    )


def _whole(table: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of view 0 and of some cluster."""
    chosen = (table[schema.VIEW].to_numpy() == 0) & (table[schema.CLUSTER_ID].to_numpy() != schema.NOISE)
    rows = np.flatnonzero(chosen)
    in_one_piece = len(rows) and len(rows) == rows[-1] - rows[0] + 1
    return table[int(rows[0]) : int(rows[-1]) + 1] if in_one_piece else table.filter(pl.Series(chosen))


def _sample(clusters: pl.DataFrame, fov_id: str) -> pl.DataFrame:
    if clusters.height > MAX_CLUSTERS:
        clusters = clusters[np.linspace(0, clusters.height - 1, MAX_CLUSTERS).round().astype(int)]
    features = [clusters[name].cast(pl.Float64) for name in feature_columns(clusters)]
    return pl.DataFrame([pl.Series(schema.FOV_ID, [fov_id] * clusters.height, pl.String), *features])


def _units(fov: ExtractedFov) -> dict[str, str]:
    lengths = dict.fromkeys((schema.EXTENT, *SPACING), "nm")
    return {**fov.units, **lengths, schema.DENSITY: f"1/nm^{fov.dimensions}"}


def _measure(locs: pl.DataFrame, dimensions: int) -> dict[str, float | None]:
    points = np.stack([locs[name].cast(pl.Float64).to_numpy() for name in schema.position_columns(dimensions)]).T
    measures: dict[str, float | None] = measure_positions(points)
    for name in ACQUISITION:
        if name in locs.columns:
            median = locs[name].cast(pl.Float64).drop_nans().median()
            measures[name] = None if median is None else float(median)  # type: ignore[arg-type]
    return measures


def measure_positions(points: np.ndarray) -> dict[str, float | None]:
    """Return the measures that positions decide; shifts, rotations and reflections change none.

    Args:
        points: (N, D) float64 nm.

    Returns:
        ``n_localisations``; ``extent``, the root mean square distance from the centre in nm; ``density``, N over the
        extent to the power of D; ``elongation``, the least over the largest standard deviation along principal axes;
        ``kurtosis``, the mean fourth power of the distance from the centre over the square of the mean square;
        ``spacing_k``, the geometric mean of the distance to the k-th neighbour in nm, and ``spread_k``, the standard
        deviation of the logarithm of it. What cannot be measured, as of a single place, is None.
    """
    n, dimensions = points.shape
    measures: dict[str, float | None] = {schema.N_LOCALISATIONS: float(n)}
    centred = points - points.mean(axis=0) if n else points
    squared = np.einsum("ij,ij->i", centred, centred)
    mean_square = float(squared.mean()) if n else 0.0
    extent = measures[schema.EXTENT] = float(np.sqrt(mean_square))
    if mean_square == 0.0:
        return measures
    deviations = np.sqrt(np.clip(np.linalg.eigvalsh(centred.T @ centred / n), 0.0, None))
    measures[schema.DENSITY] = n / extent**dimensions
    measures[schema.ELONGATION] = float(deviations[0] / deviations[-1])
    measures[schema.KURTOSIS] = float((squared**2).mean() / mean_square**2)
    return measures | _spacings(centred, extent)


def _spacings(points: np.ndarray, extent: float) -> dict[str, float | None]:
    """Return mean and spread of the distance to neighbours; where there are too few, to the farthest."""
    n = len(points)
    asked = points
    if n > _MAX_QUERIES:
        asked = points[np.random.default_rng(_SEED).choice(n, _MAX_QUERIES, replace=False)]
    ranks = [min(k, n - 1) + 1 for k in NEIGHBOURS]  # each point finds itself first
    distances, _ = cKDTree(points).query(asked, k=ranks)
    logarithms = np.log(np.maximum(distances, 1e-6 * extent))
    means, spreads = np.exp(logarithms.mean(axis=0)), logarithms.std(axis=0)
    return dict(zip((*SPACING, *SPREAD), map(float, (*means, *spreads)), strict=True))
