"""Every test FOV with what the model said, to be searched."""

from __future__ import annotations

from typing import Final

import polars as pl

from locgraph import schema
from locgraph.show.report.absent import Absent
from locgraph.show.report.gallery import with_sureness
from locgraph.show.report.parts import MISSING, Note, Section, Table
from locgraph.show.report.source import Source
from locgraph.show.report.words import NONE, count, number

MOST_ROWS: Final = 2000

_TITLE = "All predictions"
_LEAD = "Wrong ones come first, the surest above; rows can be searched by name, class or fold."


def section(source: Source) -> Section:
    """The test side of every fold as a table that folds away."""
    tested = source.tested()
    if isinstance(tested, Absent):
        note = Note("The model names classes of localisations; they are in localisation_predictions.parquet.", MISSING)
        return Section("predictions", _TITLE, _LEAD, (note,))
    ordered = with_sureness(tested).with_columns(_right=pl.col(schema.TRUTH) == pl.col(schema.PREDICTION))
    ordered = ordered.sort("_right", "sureness", schema.FOV_ID, descending=[False, True, False], nulls_last=True)
    rows = tuple(
        (
            row[schema.FOV_ID],
            row[schema.TRUTH] or NONE,
            row[schema.PREDICTION],
            {True: "right", False: "wrong", None: NONE}[row["_right"]],
            number(row["sureness"]),
            str(row[schema.FOLD]),
        )
        for row in ordered.head(MOST_ROWS).to_dicts()
    )
    caption = f"{count(len(rows))} of {count(ordered.height)} test FOVs; all are in predictions.parquet of the runs."
    header = ("FOV", "class", "prediction", "", "probability", "fold")
    table = Table(header, rows, caption, words=4, folded=f"{count(len(rows))} test FOVs", searchable=True)
    return Section("predictions", _TITLE, _LEAD, (table,))
