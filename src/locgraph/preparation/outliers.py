"""Fields of view (FOVs) far from the rest of a data set, which would decide scaling, time and memory for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema

FAR: Final = 5.0
"""Robust z-score of a logarithm from which on a FOV is far from the rest."""

_USUAL: Final = 1.3
"""Least factor that counts as one standard deviation: FOVs of (nearly) equal size make no outlier of a small one."""

_FEWEST: Final = 8
"""Fewer FOVs have no rest to be far from."""

_SHOWN: Final = 5

_LOCALISATIONS, _EXTENT, _DENSITY, _PRECISION = "localisations", "extent", "density", "precision"


def measure_fov(locs: pl.DataFrame, dimensions: int) -> dict[str, float]:
    """Return the measures of a FOV that the manifest holds.

    Args:
        locs: Localisations of view 0; those without a cluster are left out.
        dimensions: 2 or 3.

    Returns:
        ``extent``, the root mean square distance from the centre in nm, and ``precision``, the median lateral precision
        in nm where there is one.
    """
    is_clustered = locs[schema.CLUSTER_ID].to_numpy() != schema.NOISE
    points = np.stack([locs[name].to_numpy()[is_clustered] for name in schema.position_columns(dimensions)]).T
    measures = {schema.EXTENT: float(np.sqrt(points.var(axis=0).sum())) if len(points) else 0.0}
    if schema.PRECISION in locs.columns:
        precision = locs[schema.PRECISION].filter(pl.Series(is_clustered))
        median = precision.cast(pl.Float64).drop_nans().median()
        return measures if median is None else measures | {schema.PRECISION: float(median)}  # type: ignore[arg-type]
    return measures


@dataclass(frozen=True)
class Outlier:
    """FOV that is far from the rest in one measure.

    Attributes:
        fov_id: The FOV.
        measure: ``localisations``, ``extent``, ``density`` or ``precision``.
        value: Its value: a number, nm, localisations in a square (cube) of the extent per nm^2 (nm^3), nm.
        factor: Value over the median of all FOVs.
        z: Robust z-score of the logarithm.
    """

    fov_id: str
    measure: str
    value: float
    factor: float
    z: float


def find_outliers(manifest: pl.DataFrame) -> list[Outlier]:
    """Return the FOVs that are far from the rest, the farthest first.

    With x the logarithm of a measure, a FOV is far from the rest where |x - median| is at least `FAR` times the spread,
    1.4826 times the median absolute deviation (the modified z-score of Iglewicz and Hoaglin 1993, ISBN 0873892476, in
    which 3.5 is usual), which counts as at least log 1.3. So no FOV within a factor of 3.7 of the median is named.

    Args:
        manifest: Table with ``fov_id``, ``dimensions``, ``n_localisations``, ``extent`` and ``precision``, as of
            `locgraph.io.manifest.Manifest`.

    Returns:
        One entry for each FOV and measure; none of fewer than eight FOVs.
    """
    names = manifest[schema.FOV_ID].to_list()
    count, extent, precision = (
        manifest[name].cast(pl.Float64).fill_null(0.0).to_numpy()
        for name in (schema.N_LOCALISATIONS, schema.EXTENT, schema.PRECISION)
    )
    dimensions = manifest[schema.DIMENSIONS].cast(pl.Float64).fill_null(2.0).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        density = count / extent**dimensions
    measures = {_LOCALISATIONS: count, _EXTENT: extent, _DENSITY: density, _PRECISION: precision}
    outliers = [
        Outlier(names[row], measure, float(values[row]), factor, z)
        for measure, values in measures.items()
        for row, factor, z in _far(values)
    ]
    return sorted(outliers, key=lambda outlier: (-abs(outlier.z), outlier.fov_id))


def _far(values: np.ndarray) -> list[tuple[int, float, float]]:
    """Return row, factor over the median, and z-score of each value (n,) that is far; 0 and NaN are no values."""
    known = np.flatnonzero((values > 0) & np.isfinite(values))
    if len(known) < _FEWEST:
        return []
    logarithms = np.log(values[known])
    offsets = logarithms - np.median(logarithms)
    spread = max(1.4826 * float(np.median(np.abs(offsets))), float(np.log(_USUAL)))
    z = offsets / spread
    return [(int(known[i]), float(np.exp(offsets[i])), float(z[i])) for i in np.flatnonzero(np.abs(z) >= FAR)]


def describe_outliers(manifest: pl.DataFrame) -> tuple[str, ...]:
    """Return a warning that names the FOVs of `find_outliers`; none where there is none."""
    by_fov: dict[str, list[Outlier]] = {}
    for outlier in find_outliers(manifest):
        by_fov.setdefault(outlier.fov_id, []).append(outlier)
    if not by_fov:
        return ()
    total = float(manifest[schema.N_LOCALISATIONS].sum() or 1)
    shown = "; ".join(
        f"{fov_id}: {', '.join(_words(outlier, total) for outlier in outliers)}"
        for fov_id, outliers in list(by_fov.items())[:_SHOWN]
    )
    more = f"; and {len(by_fov) - _SHOWN} more" if len(by_fov) > _SHOWN else ""
    which = "1 FOV is" if len(by_fov) == 1 else f"{len(by_fov)} FOVs are"
    return (
        f"{which} far from the rest of {manifest.height}: {shown}{more}. Check files and units; cut a large FOV to the "
        "size of the others with preprocess=[region], divide it with objects=tiles, thin it alone with "
        "preprocess=[thin], or refuse it with limits.max_localisations",
    )


def _words(outlier: Outlier, total: float) -> str:
    """Return what is far about a FOV; localisations with their share of the ``total``, which is that of the time."""
    values = {
        _LOCALISATIONS: f"{outlier.value:,.0f} localisations, {outlier.value / total:.0%} of all",
        _EXTENT: f"an extent of {outlier.value:,.0f} nm",
        _DENSITY: "a density",
        _PRECISION: f"a precision of {outlier.value:,.1f} nm",
    }
    factor = outlier.factor if outlier.factor >= 1 else 1 / outlier.factor
    return f"{values[outlier.measure]} ({factor:,.3g} times {'above' if outlier.factor >= 1 else 'below'} the median)"
