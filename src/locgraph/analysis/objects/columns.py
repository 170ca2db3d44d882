"""Columns of the tables of objects and counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.schema import Column

OBJECT_ID: Final = "object_id"
CONDITION: Final = "condition"
STATUS: Final = "status"
CLASS: Final = "class"

COUNTED, UNDECIDED, LEFT_OUT, FAILED = "counted", "undecided", "left_out", "failed"
"""Values of ``status``: an object has a class, is predicted without one, is not used, or could not be used."""

N, FRACTION, LOW, HIGH = "n", "fraction", "low", "high"
ADJUSTED_N, ADJUSTED, ADJUSTED_LOW, ADJUSTED_HIGH = "adjusted_n", "adjusted_fraction", "adjusted_low", "adjusted_high"
N_TRUE, N_LABELLED = "n_true", "n_labelled"
DENSITY: Final = "density_per_um2"
AREA: Final = "area_um2"
N_OBJECTS, N_COUNTED, N_UNDECIDED = "n_objects", "n_counted", "n_undecided"
N_LEFT_OUT, N_FAILED, N_FOVS = "n_left_out", "n_failed", "n_fovs"
NULL, FROM, TO, N_FROM, N_TO = "null", "from", "to", "n_from", "n_to"
MEAN, EXPECTED, RATIO, P, Q = "mean_nm", "expected_nm", "ratio", "p", "q"


def _columns(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


OBJECTS: Final = _columns(
    Column(OBJECT_ID, pl.String, "1", "the object: its FOV, a slash, its name there"),
    Column(schema.FOV_ID, pl.String, "1", "the FOV that it lies in"),
    Column(schema.OBJECT, pl.String, "1", "its name there"),
    Column(CONDITION, pl.String, "1", "condition of the FOV"),
    Column(STATUS, pl.String, "1", "counted, undecided, left_out or failed"),
    Column(schema.PREDICTION, pl.String, "1", "predicted class; null where nothing was predicted"),
    Column(schema.PROBABILITY, pl.Float64, "1", "calibrated probability of the predicted class"),
    Column(schema.DECISION, pl.String, "1", "class that it is counted in; null for none"),
    Column(schema.TRUTH, pl.String, "1", "true class; null where it is not known"),
    Column(schema.X, pl.Float64, "nm", "mean position"),
    Column(schema.Y, pl.Float64, "nm", "mean position"),
    Column(schema.Z, pl.Float64, "nm", "mean position; null in 2D"),
    Column(schema.N_ROWS, pl.Int64, "1", "its localisations before clustering"),
    Column(schema.N_LOCALISATIONS, pl.Int64, "1", "localisations kept in view 0"),
    Column(schema.EXTENT, pl.Float64, "nm", "root mean square distance of the localisations from their centre"),
    Column(schema.UNLIKE, pl.Boolean, "1", "whether it is unlike those of training; null where it is not known"),
    Column(schema.REASON, pl.String, "1", "why it has no class; null where it has one"),
)
"""One row for each object, used or not; ``p_<class>`` stand behind them."""

FOVS: Final = _columns(
    Column(schema.FOV_ID, pl.String, "1", "the FOV"),
    Column(CONDITION, pl.String, "1", "its condition"),
    Column(N_OBJECTS, pl.Int64, "1", "objects that were found"),
    Column(N_COUNTED, pl.Int64, "1", "those with a class"),
    Column(N_UNDECIDED, pl.Int64, "1", "those predicted without a class: too improbable, unlike or uncertain"),
    Column(N_LEFT_OUT, pl.Int64, "1", "those out of the limits"),
    Column(N_FAILED, pl.Int64, "1", "those that could not be used"),
    Column("n_localisations", pl.Int64, "1", "localisations of the FOV after filters; null where it was not read"),
    Column("n_outside", pl.Int64, "1", "localisations in no object"),
    Column("n_shared", pl.Int64, "1", "localisations in several objects, which are in several rows of the counts"),
    Column(AREA, pl.Float64, "um^2", "area of the FOV; null where it is not known"),
    Column(DENSITY, pl.Float64, "1/um^2", "objects with a class in this area"),
    Column("area_of", pl.String, "1", "what the area is of, or why there is none"),
)
"""One row for each FOV."""

COUNTS: Final = _columns(
    Column(schema.FOV_ID, pl.String, "1", "the FOV"),
    Column(CONDITION, pl.String, "1", "its condition"),
    Column(CLASS, pl.String, "1", "the class"),
    Column(N, pl.Int64, "1", "objects counted in it"),
    Column(N_COUNTED, pl.Int64, "1", "objects counted in any class"),
    Column(FRACTION, pl.Float64, "1", "part of the objects with a class; null where there are none"),
    Column(LOW, pl.Float64, "1", "lower end of its 95 % interval, which covers the sampling of objects alone"),
    Column(HIGH, pl.Float64, "1", "upper end"),
    Column(ADJUSTED_N, pl.Float64, "1", "the number, corrected for what the classifier confuses; null where it is not"),
    Column(ADJUSTED, pl.Float64, "1", "the fraction, corrected so"),
    Column(ADJUSTED_LOW, pl.Float64, "1", "lower end of its 95 % interval: of objects, and of the rates of confusion"),
    Column(ADJUSTED_HIGH, pl.Float64, "1", "upper end"),
    Column(DENSITY, pl.Float64, "1/um^2", "objects of the class in the area of the FOV"),
    Column(N_TRUE, pl.Int64, "1", "objects with a label whose true class it is; null without labels"),
    Column(N_LABELLED, pl.Int64, "1", "of the objects counted in it, those that have a label"),
)
"""One row for each FOV and class."""

CONDITIONS: Final = _columns(
    Column(CONDITION, pl.String, "1", "the condition"),
    Column(CLASS, pl.String, "1", "the class"),
    Column(N_FOVS, pl.Int64, "1", "FOVs with counted objects"),
    Column(N, pl.Int64, "1", "objects counted in the class"),
    Column(N_COUNTED, pl.Int64, "1", "objects counted in any class"),
    Column(FRACTION, pl.Float64, "1", "part of the objects of all its FOVs"),
    Column(LOW, pl.Float64, "1", "lower end of its 95 % interval over FOVs: objects of one are not independent"),
    Column(HIGH, pl.Float64, "1", "upper end"),
    Column(schema.REASON, pl.String, "1", "why there is no interval; null where there is one"),
)
"""One row for each condition and class."""

NEIGHBOURS: Final = _columns(
    Column(schema.FOV_ID, pl.String, "1", "the FOV"),
    Column(NULL, pl.String, "1", "what randomness the distances are held against; null where nothing was tested"),
    Column(FROM, pl.String, "1", "class of the objects; null for all that are used"),
    Column(TO, pl.String, "1", "class of their neighbours; null for all that are used"),
    Column(N_FROM, pl.Int64, "1", "objects"),
    Column(N_TO, pl.Int64, "1", "possible neighbours"),
    Column(MEAN, pl.Float64, "nm", "mean distance to the nearest neighbour"),
    Column(EXPECTED, pl.Float64, "nm", "mean of it under randomness"),
    Column(LOW, pl.Float64, "nm", "2.5 % of the means under randomness are below"),
    Column(HIGH, pl.Float64, "nm", "2.5 % of them are above"),
    Column(RATIO, pl.Float64, "1", "observed over expected: below 1 closer together"),
    Column(P, pl.Float64, "1", "two-sided Monte Carlo p-value"),
    Column(Q, pl.Float64, "1", "corrected for all tests of all FOVs (Benjamini and Hochberg)"),
    Column(schema.REASON, pl.String, "1", "why there is no test; null where there is one"),
)
"""One row for each FOV, null hypothesis, and two classes."""


def make_table(columns: Mapping[str, Column], rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows as a table with these columns; what a row lacks is null."""
    rows = list(rows)
    dtypes = {name: column.dtype for name, column in columns.items()}
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in dtypes}, schema=dtypes)
