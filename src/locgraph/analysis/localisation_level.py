"""Features of the localisations of a FOV, before any clustering: brightness, precision, crowding, blinking.

A difference between classes here is also a warning: photons, precision and background depend on laser, buffer and
focus, so that a model may learn the day of the experiment.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable, feature_table
from locgraph.analysis.fov_features import Aggregation
from locgraph.io.featextracted import ExtractedFov
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.neighbourhood import ball
from locgraph.preparation.features.photophysics import Blinking, MergedBlinking
from locgraph.settings import check_length, check_whole

MEASURED: Final = (schema.PHOTONS, schema.PRECISION, schema.SIGMA, schema.BACKGROUND)
"""Columns of localisations that are compared where the files have them."""
NEAREST: Final = "nearest_neighbour_distance"
DENSITY: Final = "local_density"
_AT_MOST: Final = 1 + 1e-9  # a distance equal to the radius counts, whatever its rounding


@dataclass(frozen=True)
class LocalisationSettings:
    """Settings of the features of localisations.

    Args:
        quantiles: Of the values within each FOV, 0 to 1.
        radius_nm: Radius of the local density; larger is smoother.
        dark_tolerance: Dark frames within one event of blinking.
        sample: Upper limit of the localisations of a FOV, drawn at random, whose neighbours among all are looked for;
            more takes longer.
        seed: Of the draw.

    Raises:
        ConfigError: A setting is out of range.
    """

    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    radius_nm: float = 50.0
    dark_tolerance: int = 1
    sample: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        Aggregation((), self.quantiles)
        check_length("radius_nm", self.radius_nm)
        check_whole("dark_tolerance", self.dark_tolerance, at_least=0)
        check_whole("sample", self.sample, at_least=1)
        check_whole("seed", self.seed, at_least=0)


def localisation_level(
    extracted: Iterable[ExtractedFov], fovs: pl.DataFrame, settings: LocalisationSettings | None = None
) -> FeatureTable:
    """Return quantiles of the properties of the localisations of each FOV; `feature_tests` compares them.

    Only localisations in clusters of view 0 count, as for a network.

    Args:
        extracted: FOVs as `whole_fovs` reads them.
        fovs: ``fov_id``, ``label`` and ``group``, as a manifest has them.
        settings: None is the default.

    Returns:
        ``n_localisations``; and ``q<percent>_<what>`` of ``photons``, ``precision``, ``sigma`` and ``background`` where
        there are such columns, of ``nearest_neighbour_distance`` (nm, to the nearest other localisation of the FOV) and
        ``local_density`` (other localisations within the radius; edges of the FOV are not corrected for), and, where
        there are frames, of ``blinking_events``, ``on_time_mean`` and ``dark_time_mean`` of the clusters
        (`locgraph.preparation.features.photophysics`). Null where a FOV has no such column; warnings name these,
        and those that no FOV has.
    """
    settings = settings or LocalisationSettings()
    aggregation = Aggregation((), settings.quantiles)
    rows: list[dict[str, Any]] = []
    units: dict[str, str] = {}
    for fov in extracted:
        values, own = measure(fov, settings)
        units |= own
        about: dict[str, Any] = {schema.FOV_ID: fov.fov_id, schema.N_LOCALISATIONS: float(fov.locs.height)}
        rows.append(about | _aggregate(values, aggregation))
    columns = {schema.N_LOCALISATIONS: "1"}
    columns |= {f"{prefix}_{name}": unit for name, unit in units.items() for prefix in aggregation.prefixes}
    types = {schema.FOV_ID: pl.String, **dict.fromkeys(columns, pl.Float64)}
    warnings = [f"no FOV has the column {name}: it is not compared" for name in MEASURED if name not in units]
    if "on_time_mean" not in units:
        warnings.append(f"no FOV has the column {schema.FRAME}: blinking is not compared")
    return feature_table(pl.DataFrame(rows, schema=types), columns, fovs, warnings)


def _aggregate(values: Mapping[str, np.ndarray], aggregation: Aggregation) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, array in values.items():
        row |= pl.DataFrame({name: array}).select(**aggregation.expressions([name])).row(0, named=True)
    return row


def measure(fov: ExtractedFov, settings: LocalisationSettings) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Measure the localisations of one FOV.

    Args:
        fov: Localisations in clusters of view 0, at least one.
        settings: The settings.

    Returns:
        Name -> values (n,) of its localisations, or of its clusters for blinking; name -> unit.
    """
    table, dimensions = fov.locs, fov.dimensions
    values: dict[str, np.ndarray] = {}
    units: dict[str, str] = {}
    for name in MEASURED:
        if name in table.columns:
            values[name] = table[name].cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
            units[name] = schema.LOCALISATION_COLUMNS[name].unit
    points = table.select(schema.position_columns(dimensions)).to_numpy()
    values[NEAREST], values[DENSITY] = crowding(points, settings, fov.fov_id)
    units |= {NEAREST: "nm", DENSITY: f"1/nm^{dimensions}"}
    if schema.FRAME in table.columns and not table[schema.FRAME].null_count():
        merged = schema.N_FRAMES in table.columns and not table[schema.N_FRAMES].null_count()
        feature = (MergedBlinking if merged else Blinking)(settings.dark_tolerance)
        extra = {name: table[name].to_numpy() for name in feature.needs}
        groups = Groups.from_labels(points, table[schema.CLUSTER_ID].to_numpy(), extra)
        values |= feature.compute(groups)
        units |= {column.name: column.unit for column in feature.columns(dimensions)}
    return values, units


def crowding(points: np.ndarray, settings: LocalisationSettings, fov_id: str) -> tuple[np.ndarray, np.ndarray]:
    """Return nearest-neighbour distances and local densities.

    Args:
        points: All localisations of a FOV (N, D) float64 nm.
        settings: Radius, and how many localisations are sampled.
        fov_id: The FOV, which seeds the draw together with the seed.

    Returns:
        Of at most ``settings.sample`` localisations: distance to the nearest other one (n,) float64 nm, empty where
        there is no other; density of others within the radius (n,) float64 1/nm^D.
    """
    points = points - points.mean(axis=0)
    tree, chosen = cKDTree(points), points
    if len(points) > settings.sample:
        generator = np.random.default_rng([settings.seed, zlib.crc32(fov_id.encode())])
        chosen = points[generator.choice(len(points), settings.sample, replace=False)]
    nearest = tree.query(chosen, k=[2])[0][:, 0] if len(points) > 1 else np.empty(0)
    within = tree.query_ball_point(chosen, settings.radius_nm * _AT_MOST, return_length=True) - 1
    return nearest, within / ball(settings.radius_nm, points.shape[1])
