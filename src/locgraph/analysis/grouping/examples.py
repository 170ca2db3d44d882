"""Units that show a group: its medoid, and members at quantiles of the distance to the mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.grouping.columns import DISTANCE, GROUP
from locgraph.errors import LocgraphError
from locgraph.io.featextracted import read_fov

QUANTILES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the distances of the members; 0 is the medoid."""


@dataclass(frozen=True)
class Example:
    """One member of a group.

    Attributes:
        quantile: Of the distances to the mean of the group.
        name: Of the unit.
        points: Its localisations (N, 2 or 3) float64 nm.
    """

    quantile: float
    name: str
    points: np.ndarray


def choose_examples(table: pl.DataFrame, most_groups: int) -> dict[int, dict[float, dict]]:
    """Return rows of a table of groups: group -> quantile -> row, each row once; the largest groups first."""
    chosen: dict[int, dict[float, dict]] = {}
    for group in range(min(int(table[GROUP].to_numpy().max(initial=-1)) + 1, most_groups)):
        rows = table.filter(pl.col(GROUP) == group).sort(DISTANCE, maintain_order=True).to_dicts()
        places = {round(quantile * (len(rows) - 1)): quantile for quantile in reversed(QUANTILES)}
        chosen[group] = {quantile: rows[place] for place, quantile in sorted(places.items())}
    return chosen


def read_examples(
    table: pl.DataFrame, tables: Path, most_groups: int
) -> tuple[dict[int, list[Example]], dict[str, str]]:
    """Read the localisations of members of each group.

    Args:
        table: Of groups.
        tables: Folder of the prepared tables.
        most_groups: Groups that are shown, the largest.

    Returns:
        Group -> its examples; unit that could not be read -> why.
    """
    examples: dict[int, list[Example]] = {}
    failed: dict[str, str] = {}
    for group, rows in choose_examples(table, most_groups).items():
        for quantile, row in rows.items():
            name = unit_name(row)
            try:
                fov = read_fov(tables, row[schema.FOV_ID])
            except LocgraphError as error:
                failed[name] = str(error)
                continue
            locs = fov.locs.filter(pl.col(schema.VIEW) == 0, pl.col(schema.CLUSTER_ID) != schema.NOISE)
            if schema.CLUSTER_ID in row:
                locs = locs.filter(pl.col(schema.CLUSTER_ID) == row[schema.CLUSTER_ID])
            points = locs.select(schema.position_columns(fov.dimensions)).to_numpy().astype(np.float64)
            examples.setdefault(group, []).append(Example(quantile, name, points))
    return examples, failed


def unit_name(row: dict) -> str:
    """Return the name of the unit of a row: its FOV, and the number of its cluster."""
    return row[schema.FOV_ID] if schema.CLUSTER_ID not in row else f"{row[schema.FOV_ID]}, {row[schema.CLUSTER_ID]}"
