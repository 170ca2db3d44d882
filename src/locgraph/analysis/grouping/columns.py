"""Columns of the tables of groups."""

from __future__ import annotations

from typing import Final

import polars as pl

from locgraph import schema

GROUP: Final = "group"
"""Group that was found, from 0, the largest first; -1 where a unit has none."""
NO_GROUP: Final = -1
PATIENT: Final = "patient"
"""Group of the manifest: patient, animal, coverslip."""
CASE: Final = "case"
"""What is independent: the patient, else the FOV that objects lie in, else the FOV."""
PROBABILITY: Final = schema.PROBABILITY
DISTANCE: Final = "distance"
SILHOUETTE: Final = "silhouette"
IS_MEDOID: Final = "medoid"

GROUP_COLUMNS: Final = {
    column.name: column
    for column in (
        schema.Column(schema.FOV_ID, pl.String, "1", "the FOV"),
        schema.Column(schema.CLUSTER_ID, pl.Int64, "1", "cluster of view 0; absent where a unit is a FOV"),
        schema.Column(GROUP, pl.Int64, "1", "from 0, the largest first; -1: none"),
        schema.Column(PROBABILITY, pl.Float64, "1", "of the group: of the mixture or density, or part of the votes"),
        schema.Column(DISTANCE, pl.Float64, "1", "to the mean of its group, in robust standard deviations"),
        schema.Column(SILHOUETTE, pl.Float64, "1", "-1 to 1; 1 is far from all other groups"),
        schema.Column(IS_MEDOID, pl.Boolean, "1", "whether it is the nearest to the mean of its group"),
        schema.Column(schema.LABEL, pl.String, "1", "class of the FOV; null where it has none"),
        schema.Column(PATIENT, pl.String, "1", "group of the manifest: patient, animal, coverslip"),
        schema.Column(schema.PARENT_FOV, pl.String, "1", "objects: the FOV that it lies in"),
    )
}

N_GROUPS: Final = "n_groups"
STABILITY: Final = "stability"
STABILITY_LOW: Final = "stability_low"
STABILITY_HIGH: Final = "stability_high"
CHOSEN: Final = "chosen"
REASON: Final = schema.REASON

NUMBER_COLUMNS: Final = {
    N_GROUPS: pl.Int64,
    STABILITY: pl.Float64,
    STABILITY_LOW: pl.Float64,
    STABILITY_HIGH: pl.Float64,
    SILHOUETTE: pl.Float64,
    CHOSEN: pl.Boolean,
    REASON: pl.String,
}
"""One row for each number of groups that was tried."""

DIFFERENCE_COLUMNS: Final = {
    "column": pl.String,
    "unit": pl.String,
    "block": pl.String,
    "used": pl.Boolean,
    GROUP: pl.Int64,
    "n": pl.Int64,
    "median": pl.Float64,
    "median_of_others": pl.Float64,
    "delta": pl.Float64,
    "p": pl.Float64,
    "q": pl.Float64,
    "epsilon_squared": pl.Float64,
    "kruskal_p": pl.Float64,
    "kruskal_q": pl.Float64,
}
"""One row for each column and group."""

COMPOSITION_COLUMNS: Final = {
    "of": pl.String,
    "name": pl.String,
    GROUP: pl.Int64,
    "n": pl.Int64,
    "n_units": pl.Int64,
    "fraction": pl.Float64,
    "mean_fraction": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n_cases": pl.Int64,
}
"""One row for each FOV, class or patient and group."""

COMPOSITION_TEST_COLUMNS: Final = {
    GROUP: pl.Int64,
    "statistic": pl.Float64,
    "p": pl.Float64,
    "p_holm": pl.Float64,
}
"""One row for all groups together (null) and for each."""
