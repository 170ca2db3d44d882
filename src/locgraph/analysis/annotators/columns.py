"""Columns of the tables of agreement."""

from __future__ import annotations

from typing import Final

import polars as pl

from locgraph import schema
from locgraph.schema import Column

LEVEL: Final = "level"
MEASURE: Final = "measure"
CLASS: Final = "class"
FIRST: Final = "first"
SECOND: Final = "second"
N_UNITS: Final = "n_units"
N_FOVS: Final = "n_fovs"
N_GROUPS: Final = "n_groups"
N_FIRST: Final = "n_first"
N_SECOND: Final = "n_second"
N_BOTH: Final = "n_both"
ESTIMATE: Final = "estimate"
LOW: Final = "low"
HIGH: Final = "high"
REASON: Final = "reason"

AGREEMENT_COLUMNS: Final = {
    column.name: column
    for column in (
        Column(LEVEL, pl.String, "1", "what was annotated, one of LEVELS"),
        Column(MEASURE, pl.String, "1", "one of MEASURES"),
        Column(CLASS, pl.String, "1", "class against all others; null: all classes"),
        Column(FIRST, pl.String, "1", "annotator; null: all, in pairs or together"),
        Column(SECOND, pl.String, "1", "the other one; null: all"),
        Column(N_UNITS, pl.Int64, "1", "FOVs, clusters, points or localisations that count"),
        Column(N_FOVS, pl.Int64, "1", "FOVs that both, or at least two, annotated"),
        Column(N_GROUPS, pl.Int64, "1", "groups of these, which the bootstrap draws"),
        Column(N_FIRST, pl.Int64, "1", "points or localisations of the first; null elsewhere"),
        Column(N_SECOND, pl.Int64, "1", "those of the second"),
        Column(N_BOTH, pl.Int64, "1", "matched points, or localisations of both"),
        Column(ESTIMATE, pl.Float64, "1", "the value; 1 where all agree; null where there is none"),
        Column(LOW, pl.Float64, "1", "lower end of its 95 % interval"),
        Column(HIGH, pl.Float64, "1", "upper end"),
        Column(REASON, pl.String, "1", "why there is no value, or no interval"),
    )
}

FOV: Final = "fov"
CLUSTER: Final = "cluster"
POINT: Final = "point"
REGION: Final = "region"
LEVELS: Final = (FOV, CLUSTER, POINT, REGION)
"""As the targets of `locgraph.schema.annotation`; units of regions are localisations."""

PERCENT: Final = "percent"
KAPPA: Final = "kappa"
ALPHA: Final = "alpha"
F1: Final = "f1"
DICE: Final = "dice"
IOU: Final = "iou"
MEASURES: Final = (PERCENT, KAPPA, ALPHA, F1, DICE, IOU)

DISAGREEMENT: Final = "disagreement"
N_ANNOTATORS: Final = "n_annotators"

DISPUTED_COLUMNS: Final = {
    column.name: column
    for column in (
        Column(schema.FOV_ID, pl.String, "1", "the FOV"),
        Column(N_ANNOTATORS, pl.Int64, "1", "annotators who stated something of it"),
        Column(DISAGREEMENT, pl.Float64, "1", "largest of the following, 0 to 1"),
        Column(FOV, pl.Float64, "1", "fraction of the pairs of annotators whose classes of it differ"),
        Column(CLUSTER, pl.Float64, "1", "the same for its clusters, their mean"),
        Column(POINT, pl.Float64, "1", "1 - F1 of its points, over all pairs"),
        Column(REGION, pl.Float64, "1", "1 - Dice of its localisations, over all pairs"),
    )
}
"""Null where fewer than two annotated it."""
