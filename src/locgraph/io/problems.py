"""Possible faults of localisations, most often the unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.io.columns import ColumnMap
from locgraph.io.values import PIXEL

SMALLEST_EXTENT_NM: Final = 1.0
LARGEST_EXTENT_NM: Final = 1e7
"""A FOV of more than 10 mm does not fit under an objective."""
LARGEST_DEPTH_NM: Final = 2e4
"""Above 20 um no objective for single molecules keeps its focus through a sample."""
SMALLEST_SIGMA_NM: Final = 20.0
"""Visible light gives a point-spread function with a standard deviation of about 100 nm."""
LARGEST_DENSITY_PER_NM2: Final = 1.0

_NOT_IN_NM: Final = "this looks like camera pixels or another unit: check unit and pixel_size_nm"
_VARYING: Final = (schema.CHANNEL, schema.N_FRAMES, schema.SITE, schema.SOURCE_CLUSTER, schema.LOC_LABEL)
"""Columns that may well be the same in every row."""


def find_problems(
    canonical: pl.DataFrame,
    kept: pl.DataFrame,
    refused: Mapping[str, int],
    chosen: ColumnMap,
    max_refused_fraction: float,
) -> list[str]:
    """Look for what is often wrong.

    Args:
        canonical: All rows, lengths in nm.
        kept: The rows that are not refused.
        refused: Reason -> number of rows refused for it.
        chosen: Which column was taken from where, in which unit.
        max_refused_fraction: Largest part of the rows that may be refused.

    Returns:
        One sentence for each thing, with what to do.
    """
    if canonical.is_empty():
        return ["no rows: the file holds a header alone"]
    problems = _refused(canonical.height, refused, max_refused_fraction)
    if kept.is_empty():
        return problems
    checks: tuple[Callable[[pl.DataFrame], list[str]], ...] = (_extent, _constant, _zero, _repeated, _frames)
    problems += [problem for check in checks for problem in check(kept)]
    if PIXEL not in map(chosen.unit_of, chosen.length_columns):
        problems += _looks_like_pixels(kept)
    return problems


def _refused(rows: int, refused: Mapping[str, int], max_refused_fraction: float) -> list[str]:
    lost = sum(refused.values())
    if lost <= max_refused_fraction * rows and lost < rows:
        return []
    return [
        f"{lost:,} of {rows:,} rows are refused, more than max_refused_fraction={max_refused_fraction:g} allows: "
        "leave out the column that is the reason, or raise the limit"
    ]


def _extent(kept: pl.DataFrame) -> list[str]:
    problems = []
    if kept.height < 2:
        return [f"{kept.height} localisation alone"]
    for name in (schema.X, schema.Y):
        extent = _span(kept, name)
        if extent < SMALLEST_EXTENT_NM:
            problems.append(f"{name} spans {extent:.3g} nm only: {_NOT_IN_NM}")
        elif extent > LARGEST_EXTENT_NM:
            problems.append(
                f"{name} spans {extent / 1e6:.3g} mm, more than a FOV can: check unit, and single rows far away"
            )
    depth = _span(kept, schema.Z) if schema.Z in kept.columns else 0.0
    if depth > LARGEST_DEPTH_NM:
        problems.append(
            f"z spans {depth / 1e3:.3g} µm, deeper than one focus reaches: check its unit. Some versions of Picasso "
            "multiplied z by the size of a pixel in CSV for ThunderSTORM"
        )
    return problems


def _span(kept: pl.DataFrame, name: str) -> float:
    return float(kept[name].max()) - float(kept[name].min())  # type: ignore[arg-type]


def _looks_like_pixels(kept: pl.DataFrame) -> list[str]:
    """Return signs that lengths taken as nm are in pixels: widths, precisions and distances far too small."""
    problems = []
    if schema.SIGMA in kept.columns and 0 < _median(kept, schema.SIGMA) < SMALLEST_SIGMA_NM:
        problems.append(
            f"sigma has a median of {_median(kept, schema.SIGMA):.3g} nm, where a point-spread function has about "
            f"100 nm: {_NOT_IN_NM}"
        )
    spans = [_span(kept, name) for name in (schema.X, schema.Y)]
    area = spans[0] * spans[1]
    if min(spans) >= SMALLEST_EXTENT_NM and kept.height > LARGEST_DENSITY_PER_NM2 * area:
        problems.append(
            f"{kept.height:,} localisations in {spans[0]:.3g} x {spans[1]:.3g} nm, more than one for each nm²: "
            f"{_NOT_IN_NM}"
        )
    return problems


def _constant(kept: pl.DataFrame) -> list[str]:
    if kept.height < 2:
        return []
    same = [name for name in kept.columns if name not in _VARYING and kept[name].min() == kept[name].max()]
    same = [name for name in same if not (name == schema.Z and kept[name].item(0) == 0)]
    return [f"{name} is {kept[name].item(0):g} in every row: it holds no information" for name in same]


def _zero(kept: pl.DataFrame) -> list[str]:
    names = [name for name in (schema.PRECISION, schema.PRECISION_Z, schema.SIGMA) if name in kept.columns]
    zeros = {name: int((kept[name] == 0).sum()) for name in names}
    return [
        f"{name} is 0 in {count:,} rows, which no fit gives: filter them out, or leave the column out"
        for name, count in zeros.items()
        if count
    ]


def _repeated(kept: pl.DataFrame) -> list[str]:
    """Count localisations that are the same in position, frame and channel."""
    names = (*schema.position_columns(3), schema.FRAME, schema.CHANNEL)
    shared = kept.select(name for name in names if name in kept.columns)
    # two of 10^7 different rows share a hash of 64 bits once in 400,000 such files
    repeated = kept.height - shared.hash_rows().n_unique()
    what = ", ".join(shared.columns)
    return [f"{repeated:,} localisations are repeated ({what} the same): were tables joined twice?"] if repeated else []


def _frames(kept: pl.DataFrame) -> list[str]:
    if schema.FRAME in kept.columns:
        return []
    return ["no frames: blinking cannot be merged or measured; name the column where there is one"]


def _median(table: pl.DataFrame, name: str) -> float:
    return float(table[name].median())  # type: ignore[arg-type]
