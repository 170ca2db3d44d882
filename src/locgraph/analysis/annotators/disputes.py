"""Fields of view (FOVs) that annotators disagree about most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.annotators import columns
from locgraph.analysis.annotators.tables import Overlap
from locgraph.analysis.annotators.values import SortedUnits
from locgraph.schema import annotation
from locgraph.stats.raters.nominal import MISSING

DTYPES = {name: column.dtype for name, column in columns.DISPUTED_COLUMNS.items()}


def rank_disputes(
    table: pl.DataFrame, sorted_units: Mapping[str, SortedUnits], overlaps: Mapping[str, Sequence[Overlap]]
) -> pl.DataFrame:
    """Return the FOVs that at least two annotated, the most disputed first.

    Args:
        table: Standing statements.
        sorted_units: ``fov`` and ``cluster`` -> units with a class by each annotator.
        overlaps: ``point`` and ``region`` -> what pairs of annotators marked.

    Returns:
        One row for each FOV: `locgraph.analysis.annotators.columns.DISPUTED_COLUMNS`.
    """
    by_level = {level: _of_sorted(units) for level, units in sorted_units.items()}
    by_level |= {level: _of_overlaps(own) for level, own in overlaps.items()}
    annotators = dict(table.group_by(annotation.FOV_ID).agg(pl.col(annotation.ANNOTATOR).n_unique()).iter_rows())
    rows = []
    for fov_id in sorted({fov for values in by_level.values() for fov in values}):
        values = {level: own[fov_id] for level, own in by_level.items() if fov_id in own}
        about = {schema.FOV_ID: fov_id, columns.N_ANNOTATORS: annotators[fov_id]}
        rows.append(about | {columns.DISAGREEMENT: max(values.values())} | values)
    frame = pl.DataFrame(rows, schema=DTYPES)
    order = [columns.DISAGREEMENT, columns.N_ANNOTATORS, schema.FOV_ID]
    return frame.sort(order, descending=[True, True, False])


def _of_sorted(units: SortedUnits) -> dict[str, float]:
    """Return FOV -> fraction of the pairs of annotators whose classes differ, the mean of its units."""
    by_fov: dict[str, list[float]] = {}
    for fov, codes in zip(units.fovs.tolist(), units.codes.T, strict=True):
        stated = codes[codes != MISSING].tolist()
        if len(stated) > 1:
            differ = [first != second for first, second in combinations(stated, 2)]
            by_fov.setdefault(fov, []).append(float(np.mean(differ)))
    return {fov: float(np.mean(values)) for fov, values in by_fov.items()}


def _of_overlaps(overlaps: Iterable[Overlap]) -> dict[str, float]:
    """Return FOV -> 1 - Dice, or 1 - F1, over all pairs and classes; 0 where all agree that there is nothing."""
    sums: dict[str, tuple[int, int]] = {}
    for each in overlaps:
        both, sizes = sums.get(each.fov_id, (0, 0))
        sums[each.fov_id] = (both + 2 * each.n_both, sizes + each.n_first + each.n_second)
    return {fov: 1 - both / sizes if sizes else 0.0 for fov, (both, sizes) in sums.items()}
