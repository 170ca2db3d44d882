"""Area of a field of view (FOV), and whether its objects of each class lie at random."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.objects import columns as c
from locgraph.errors import DataError
from locgraph.preparation.objects.base import SHARED
from locgraph.preparation.objects.extract import FovObjects
from locgraph.stats.point_patterns import FEWEST_POINTS, Window, bounding_box, neighbour_tests
from locgraph.stats.tests import false_discovery

HULL, BOX = "hull", "box"
AREAS: Final = {HULL: "convex hull", BOX: "bounding box"}
_NM2_PER_UM2: Final = 1e6


@dataclass(frozen=True)
class FovSpace:
    """The region that the localisations of a FOV span.

    Attributes:
        n_localisations: Localisations after filters; None where the FOV could not be read.
        dimensions: 2 or 3.
        kind: `HULL` or `BOX`.
        area_um2: Its area, seen from above; None where there is none.
        window: The region in all dimensions, in nm; None where there is none.
        reason: Why there is no area or window.
    """

    n_localisations: int | None
    dimensions: int
    kind: str
    area_um2: float | None = None
    window: Window | None = None
    reason: str = ""

    def describe(self) -> str:
        """Return what the area is of, or why there is none."""
        if self.area_um2 is None:
            return self.reason
        seen = ", seen from above" if self.dimensions > 2 else ""
        return f"{AREAS[self.kind]} of {self.n_localisations:,} localisations{seen}"


def measure_space(points: np.ndarray, kind: str) -> FovSpace:
    """Return the region that localisations span.

    Args:
        points: (N, D) float64 positions in nm.
        kind: `HULL` or `BOX`.
    """
    n, dimensions = points.shape
    area = None
    try:
        seen = Window(points[:, :2] if kind == HULL else bounding_box(points[:, :2]))
        area = seen.size / _NM2_PER_UM2
        window = seen if dimensions == 2 else Window(points if kind == HULL else bounding_box(points))
    except DataError as error:
        return FovSpace(n, dimensions, kind, area, reason=str(error))
    return FovSpace(n, dimensions, kind, area, window)


def find_neighbours(
    objects: pl.DataFrame,
    records: Mapping[str, FovObjects],
    spaces: Mapping[str, FovSpace],
    n_simulations: int,
    seed: int,
    untested: str = "",
) -> pl.DataFrame:
    """Test in each FOV whether objects lie at random, within and between classes.

    Args:
        objects: From `tabulate_objects`.
        records: FOV -> its objects.
        spaces: FOV -> its region.
        n_simulations: Simulations of each null hypothesis.
        seed: Of the simulations.
        untested: Why nothing is tested; empty where it is.

    Returns:
        The columns of `columns.NEIGHBOURS`; a row with the reason for what is not tested.
    """
    rows: list[dict[str, Any]] = []
    for place, (fov_id, record) in enumerate(records.items()):
        used = objects.filter(pl.col(schema.FOV_ID) == fov_id, pl.col(c.STATUS).is_in((c.COUNTED, c.UNDECIDED)))
        reason = untested or _untestable(used, record)
        tests = _test_fov(used, spaces[fov_id], n_simulations, seed + place, reason)
        rows += [{schema.FOV_ID: fov_id} | row for row in tests]
    table = c.make_table(c.NEIGHBOURS, rows)
    p = table[c.P].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return table.with_columns(pl.Series(c.Q, false_discovery(p)).fill_nan(None)) if table.height else table


def _test_fov(
    used: pl.DataFrame, space: FovSpace, n_simulations: int, seed: int, reason: str
) -> Iterable[dict[str, Any]]:
    if reason:
        return [{schema.REASON: reason}]
    axes = schema.position_columns(space.dimensions)
    points = used.select(axes).to_numpy().astype(np.float64)
    tests = neighbour_tests(points, used[schema.DECISION].to_list(), space.window, n_simulations, seed)
    rows = [
        {
            c.NULL: test.null,
            c.FROM: test.source,
            c.TO: test.target,
            c.N_FROM: test.n_source,
            c.N_TO: test.n_target,
            c.MEAN: test.observed,
            c.EXPECTED: test.expected,
            c.LOW: test.low,
            c.HIGH: test.high,
            c.RATIO: test.ratio,
            c.P: test.p,
        }
        for test in tests
    ]
    if space.window is None:
        rows.append({schema.REASON: f"no test against complete spatial randomness: {space.reason}"})
    for name, n in used[schema.DECISION].drop_nulls().value_counts(sort=True).iter_rows():
        if n < FEWEST_POINTS:
            reason = f"expected at least {FEWEST_POINTS} objects of a class, found {n}"
            rows.append({c.FROM: name, c.TO: name, c.N_FROM: n, c.N_TO: n, schema.REASON: reason})
    return rows


def _untestable(used: pl.DataFrame, record: FovObjects) -> str:
    if record.counts.get(SHARED):
        return "objects share localisations, as tiles do, so that their places are no result"
    if used.height < FEWEST_POINTS:
        return f"expected at least {FEWEST_POINTS} objects, found {used.height}"
    return ""
