"""Objects as clouds of localisations with a width each, ready to be laid upon each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError

LEAST_LOCALISATIONS: Final = 3
"""An object of fewer has no pose: two localisations are a line that can lie either way."""

_UNKNOWN_WIDTH: Final = 0.03
_NARROWEST: Final = 0.005


@dataclass(frozen=True)
class Cloud:
    """One object.

    Attributes:
        name: Its name.
        points: (N, D) float64, positions in nm relative to its centre of mass.
        widths: (N,) float64, localisation precision in nm.
        centre: (D,) float64, its centre of mass in nm, as it was given.
    """

    name: str
    points: np.ndarray
    widths: np.ndarray
    centre: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return self.points.shape[1]


@dataclass(frozen=True)
class Clouds:
    """Objects that are averaged together.

    Attributes:
        kept: The objects.
        left_out: Name of an object -> why it has no pose.
        notes: What was assumed, one sentence each.
    """

    kept: tuple[Cloud, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return self.kept[0].dimensions

    @property
    def extent_nm(self) -> float:
        """Median root mean square distance of the localisations of an object from their centre."""
        return float(np.median([np.sqrt((cloud.points**2).sum(axis=1).mean()) for cloud in self.kept]))

    @property
    def width_nm(self) -> float:
        """Median localisation precision."""
        return float(np.median(np.concatenate([cloud.widths for cloud in self.kept])))


def read_clouds(objects: Mapping[str, pl.DataFrame]) -> Clouds:
    """Return objects as clouds, without those that have no pose.

    In 3D one width stands for both precisions of a localisation: the cube root of the product over the axes.

    Args:
        objects: Name -> localisations with x and y (z where they have three dimensions) in nm, and ``precision``, in
            3D also ``precision_z``, where they are known.

    Raises:
        DataError: Objects of two and of three dimensions are mixed, or a table has no positions.
    """
    dimensions = {3 if schema.Z in table.columns else 2 for table in objects.values()}
    if len(dimensions) > 1:
        raise DataError("expected objects of equal dimensions, found some with z and some without: average them apart")
    kept, left_out, unknown = [], {}, 0
    for name, table in objects.items():
        missing = [column for column in (schema.X, schema.Y) if column not in table.columns]
        if missing:
            raise DataError(f"{name}: expected columns x and y in nm, found {', '.join(table.columns) or 'none'}")
        cloud, known = _cloud(name, table, max(dimensions))
        reason = _reason(cloud)
        if reason is None:
            kept.append(cloud)
            unknown += not known
        else:
            left_out[name] = reason
    notes = []
    lost = sum(objects[cloud.name].height - len(cloud) for cloud in kept)
    if lost:
        notes.append(f"{lost} localisations without a position are not in the average")
    if unknown:
        notes.append(
            f"{unknown} of {len(kept)} objects have localisations without precision: "
            f"{_UNKNOWN_WIDTH:g} of the object's extent, or the median of the others, stands in for it"
        )
    return Clouds(tuple(kept), left_out, tuple(notes))


def _cloud(name: str, table: pl.DataFrame, dimensions: int) -> tuple[Cloud, bool]:
    """Return an object, and whether all its localisations have a precision."""
    points = table.select(schema.position_columns(dimensions)).to_numpy().astype(np.float64)
    widths = _widths(table, dimensions)
    finite = np.isfinite(points).all(axis=1)
    points, widths = points[finite], widths[finite]
    centre = points.mean(axis=0) if len(points) else np.zeros(dimensions)
    points = points - centre
    extent = float(np.sqrt((points**2).sum(axis=1).mean())) if len(points) else 0.0
    known = np.isfinite(widths) & (widths > 0)
    stand_in = float(np.median(widths[known])) if known.any() else _UNKNOWN_WIDTH * extent
    # a precision of next to nothing would need a grid without end
    widths = np.maximum(np.where(known, widths, stand_in), _NARROWEST * extent)
    return Cloud(name, points, widths, centre), bool(known.all())


def _widths(table: pl.DataFrame, dimensions: int) -> np.ndarray:
    """Return the precision (N,) of localisations in nm, NaN where it is unknown."""
    if schema.PRECISION not in table.columns:
        return np.full(table.height, np.nan)
    lateral = table[schema.PRECISION].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if dimensions == 2 or schema.PRECISION_Z not in table.columns:
        return lateral
    axial = table[schema.PRECISION_Z].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return np.cbrt(lateral**2 * axial)


def _reason(cloud: Cloud) -> str | None:
    """Return why an object has no pose; None where it has one."""
    if len(cloud) < LEAST_LOCALISATIONS:
        return f"{len(cloud)} localisations; at least {LEAST_LOCALISATIONS} are needed for a pose"
    if not np.ptp(cloud.points, axis=0).any():
        return f"its {len(cloud)} localisations are at one place"
    return None
