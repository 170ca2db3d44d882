"""What tells groups apart: every column that was measured, used for the grouping or not."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from locgraph.analysis.grouping.columns import DIFFERENCE_COLUMNS, GROUP
from locgraph.analysis.grouping.units import Units
from locgraph.stats.rank_tests import rank_tests
from locgraph.stats.standardise import varies
from locgraph.stats.tests import false_discovery

CIRCULAR: Final = (
    "the groups were made from the columns marked used, so that their p-values are small wherever a cloud is divided: "
    "go by the effect sizes there; and units of one patient or FOV are not independent"
)
"""What has to stand beside the tests (Gao, Bien and Witten 2022, 10.1080/01621459.2022.2116331)."""


def group_differences(units: Units, labels: np.ndarray, used: frozenset[str]) -> pl.DataFrame:
    """Compare each column between the groups.

    Cliff's delta of each group against all other units with the test of Mann and Whitney, and over all groups epsilon
    squared with that of Kruskal and Wallis; ``q`` are p-values after Benjamini and Hochberg over all rows of a test.
    A unit without a value is left out of that column; a column without two groups that vary has no row.

    Args:
        units: The units.
        labels: Group of each (N,) int64; those of none (-1) do not count.
        used: Columns from which the groups were made.

    Returns:
        One row for each column and group, the columns that differ most first: `columns.DIFFERENCE_COLUMNS`.
    """
    grouped = labels >= 0
    own, n_groups = labels[grouped], int(labels.max(initial=-1)) + 1
    table = units.values.filter(grouped)
    complete = [name for name in table.columns if not table[name].null_count()]
    gaps = [name for name in table.columns if name not in complete]
    rows: list[dict[str, Any]] = []
    for names in ([complete] if complete else []) + [[name] for name in gaps]:
        values = table.select(names).fill_null(np.nan).to_numpy().astype(np.float64)
        there = ~np.isnan(values).any(axis=1)
        rows += _rows(units, names, values[there], own[there], n_groups, used)
    result = pl.DataFrame(rows, schema=DIFFERENCE_COLUMNS)
    by_column = result.unique("column", maintain_order=True)
    kruskal = by_column.select("column", kruskal_q=pl.Series(false_discovery(by_column["kruskal_p"].to_numpy())))
    corrected = result.with_columns(q=pl.Series(false_discovery(result["p"].to_numpy()))).drop("kruskal_q")
    joined = corrected.join(kruskal, on="column", how="left", maintain_order="left")
    largest = pl.col("epsilon_squared").fill_nan(-1.0)
    return joined.select(*DIFFERENCE_COLUMNS).sort(-largest, "column", GROUP, maintain_order=True)


def _rows(
    units: Units, names: list[str], values: np.ndarray, labels: np.ndarray, n_groups: int, used: frozenset[str]
) -> list[dict[str, Any]]:
    if len(np.unique(labels)) < 2:
        return []
    differs = varies(values)
    names = [name for name, is_different in zip(names, differs, strict=True) if is_different]
    values = values[:, differs]
    if not names:
        return []
    tests = rank_tests(values, labels, n_groups)
    rows = []
    for group in np.unique(labels):
        inside = labels == group
        medians, others = np.median(values[inside], axis=0), np.median(values[~inside], axis=0)
        for place, name in enumerate(names):
            rows.append(
                {
                    "column": name,
                    "unit": units.units[name],
                    "block": units.blocks[name],
                    "used": name in used,
                    GROUP: int(group),
                    "n": int(inside.sum()),
                    "median": float(medians[place]),
                    "median_of_others": float(others[place]),
                    "delta": float(tests.delta[group, place]),
                    "p": float(tests.p[group, place]),
                    "epsilon_squared": float(tests.epsilon_squared[place]),
                    "kruskal_p": float(tests.kruskal_p[place]),
                }
            )
    return rows
