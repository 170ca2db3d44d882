"""Chapters on single FOVs: a gallery of correct and wrong predictions with explanations, and a table of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.run_folder import LOCALISATION_PREDICTIONS, PREDICTIONS
from locgraph.show.report.explanations import Explanations, drawn_explainer, scores_of
from locgraph.show.report.parts import INFO, MISSING, Card, Cards, Note, Part, Picture, Section, Table
from locgraph.show.report.pictures import data_uri, density_picture, read_clustered, scored_picture, width_text
from locgraph.show.report.source import Absent, Source
from locgraph.show.report.style import NONE, count, many, number, plain

SIDE: Final = 220
"""Side of a picture of the gallery in pixels."""

MOST_ROWS: Final = 2000
"""Of more test FOVs the table holds the first ones."""

_CONFIDENCE: Final = "confidence"
_BARS: Final = 3
_TITLE: Final = "Right and wrong FOVs"
_LEAD: Final = "Correct and wrong predictions on the test side, and the clusters that explain them."


@dataclass(frozen=True)
class Drawing:
    """Data that cards are drawn from.

    Attributes:
        tables: Folder of the prepared tables, or why it is not known.
        scores: FOV and fold -> scores of its clusters.
        explainer: Explainer of these scores; empty where there are none.
    """

    tables: Path | Absent
    scores: Mapping[tuple[str, int], pl.DataFrame]
    explainer: str


def gallery_section(source: Source, explanations: Explanations, most_wrong: int, most_right: int) -> Section:
    """Return the chapter with wrong FOVs, those with the highest confidence first, and correct ones of every class.

    Args:
        source: Content of the report.
        explanations: Explanations, of which one explainer is drawn.
        most_wrong: How many wrong FOVs at most.
        most_right: How many right FOVs at most.
    """
    tested = source.tested()
    if isinstance(tested, Absent):
        note = Note("There is no gallery. The model classifies localisations, not FOVs.", MISSING)
        return Section("gallery", _TITLE, _LEAD, (note,))
    drawing = _drawing(source, explanations)
    known = with_confidence(tested.filter(pl.col(schema.TRUTH).is_not_null()))
    wrong = known.filter(pl.col(schema.TRUTH) != pl.col(schema.PREDICTION))
    right = known.filter(pl.col(schema.TRUTH) == pl.col(schema.PREDICTION))
    parts: list[Part] = _notes(drawing, explanations)
    explained = set(drawing.scores)
    if wrong.is_empty():
        parts.append(Note(f"No prediction is wrong: all {known.height} test FOVs are correct.", INFO))
    else:
        rows = choose_wrong(wrong, most_wrong)
        caption = f"{len(rows)} of {many(wrong.height, 'wrong FOV')}, those with the highest confidence first."
        parts.append(
            Cards("Wrong predictions", tuple(_card(row, drawing, source.class_names) for row in rows), caption)
        )
    if right.is_empty():
        parts.append(Note("No test FOV is predicted correctly.", INFO))
    else:
        rows = choose_right(right, source.class_names, most_right, explained)
        caption = (
            f"{len(rows)} of {many(right.height, 'correct FOV')}: of each class in turn a typical one (of middling "
            "probability), then that with the lowest confidence."
        )
        parts.append(
            Cards("Correct predictions", tuple(_card(row, drawing, source.class_names) for row in rows), caption)
        )
    return Section("gallery", _TITLE, _LEAD, tuple(parts))


def with_confidence(predictions: pl.DataFrame) -> pl.DataFrame:
    """Add the largest probability of each row."""
    columns = [name for name in predictions.columns if name.startswith(schema.PROBABILITY_PREFIX)]
    return predictions.with_columns(pl.max_horizontal(columns).alias(_CONFIDENCE))


def choose_wrong(wrong: pl.DataFrame, most: int) -> list[dict[str, Any]]:
    """Choose the mistakes with the highest confidence."""
    return wrong.sort(_CONFIDENCE, schema.FOV_ID, descending=[True, False]).head(most).to_dicts()


def choose_right(
    right: pl.DataFrame, class_names: Sequence[str], most: int, explained: set[tuple[str, int]]
) -> list[dict[str, Any]]:
    """Choose of each class in turn a typical FOV and that with the lowest confidence; explained ones come first.

    Args:
        right: Predictions that are correct, with their confidence.
        class_names: The classes, in their order.
        most: How many at most.
        explained: FOV and fold of those that have an explanation.
    """
    typical, doubtful = [], []
    for name in class_names:
        rows = right.filter(pl.col(schema.TRUTH) == name).sort(_CONFIDENCE, schema.FOV_ID).to_dicts()
        rows = [row for row in rows if (row[schema.FOV_ID], row[schema.FOLD]) in explained] or rows
        if rows:
            middle = rows.pop(len(rows) // 2)
            typical.append(middle)
            doubtful += rows[:1]
    return (typical + doubtful)[:most]


def _drawing(source: Source, explanations: Explanations) -> Drawing:
    tables, attributions = source.places.tables, explanations.attributions
    explainer = None if isinstance(attributions, Absent) else drawn_explainer(attributions)
    if isinstance(attributions, Absent) or explainer is None:
        return Drawing(tables, {}, "")
    return Drawing(tables, scores_of(attributions, explainer), explainer)


def _notes(drawing: Drawing, explanations: Explanations) -> list[Part]:
    parts: list[Part] = []
    if isinstance(drawing.tables, Absent):
        parts.append(Note(f"Localisations cannot be drawn. {drawing.tables.reason}", MISSING))
    if isinstance(explanations.attributions, Absent):
        parts.append(Note(f"Explanations are not drawn. {explanations.attributions.reason}", MISSING))
    elif not drawing.explainer:
        parts.append(Note("Explanations are not drawn: no explainer scored clusters.", MISSING))
    else:
        words = (
            f"The picture on the right: localisations in the colour of the score that {plain(drawing.explainer)} gives "
            "their cluster, blue against the class, vermillion for it, grey neither; black lines surround the clusters "
            "of its subgraph."
        )
        parts.append(Note(words, INFO))
    return parts


def _card(row: Mapping[str, Any], drawing: Drawing, class_names: Sequence[str]) -> Card:
    name, fold = row[schema.FOV_ID], row[schema.FOLD]
    pictures, words = _pictures(name, fold, drawing)
    bars = [(one, row.get(schema.PROBABILITY_PREFIX + one)) for one in class_names]
    known = sorted(((one, float(value)) for one, value in bars if value is not None), key=lambda bar: -bar[1])
    return Card(
        name=name,
        truth=row[schema.TRUTH],
        prediction=row[schema.PREDICTION],
        probability=float(row[_CONFIDENCE]),
        details=", ".join([f"fold {fold}", *words]),
        pictures=pictures,
        bars=tuple(known[:_BARS]),
    )


def _pictures(name: str, fold: int, drawing: Drawing) -> tuple[tuple[Picture, ...], list[str]]:
    """Return pictures of a FOV, and words about them."""
    if isinstance(drawing.tables, Absent):
        return (), []
    read = read_clustered(drawing.tables, name)
    if isinstance(read, Absent):
        return (), ["cannot be drawn"]
    points, owners = read
    words = [f"{width_text(points)} across", many(len(points), "localisation")]
    pictures = [Picture(data_uri(density_picture(points, SIDE), 24), f"Localisations of {name}")]
    scores = drawing.scores.get((name, fold))
    if scores is not None and (owners >= 0).any():
        values = dict(zip(scores[schema.CLUSTER_ID].to_list(), scores[schema.SCORE].to_list(), strict=True))
        outlined = _outlined(scores)
        finite = {key: value for key, value in values.items() if value is not None and np.isfinite(value)}
        pixels = scored_picture(points, owners, finite, outlined, SIDE)
        about = scores[schema.EXPLAINED_CLASS][0]
        pictures.append(Picture(data_uri(pixels), f"Scores of {drawing.explainer} of {name} for class {about}"))
        words.append(f"explained for {about}")
    elif drawing.explainer:
        words.append("not explained")
    return tuple(pictures), words


def _outlined(scores: pl.DataFrame) -> set[int]:
    if schema.IN_SUBGRAPH not in scores.columns:
        return set()
    return set(scores.filter(pl.col(schema.IN_SUBGRAPH).fill_null(value=False))[schema.CLUSTER_ID])


def predictions_section(source: Source) -> Section:
    """Return the chapter with the predictions of the test side of every fold, in a table that folds away."""
    title = "All predictions"
    lead = (
        "Wrong ones come first, those with the highest confidence above; rows can be searched by name, class or fold."
    )
    tested = source.tested()
    if isinstance(tested, Absent):
        note = Note(f"The model classifies localisations: see {LOCALISATION_PREDICTIONS}.", MISSING)
        return Section("predictions", title, lead, (note,))
    ordered = with_confidence(tested).with_columns(_right=pl.col(schema.TRUTH) == pl.col(schema.PREDICTION))
    ordered = ordered.sort("_right", _CONFIDENCE, schema.FOV_ID, descending=[False, True, False], nulls_last=True)
    rows = tuple(
        (
            row[schema.FOV_ID],
            row[schema.TRUTH] or NONE,
            row[schema.PREDICTION],
            {True: "right", False: "wrong", None: NONE}[row["_right"]],
            number(row[_CONFIDENCE]),
            str(row[schema.FOLD]),
        )
        for row in ordered.head(MOST_ROWS).to_dicts()
    )
    caption = f"{count(len(rows))} of {count(ordered.height)} test FOVs; all are in {PREDICTIONS} of the runs."
    header = ("FOV", "class", "prediction", "", "probability", "fold")
    table = Table(header, rows, caption, words=4, folded=f"{count(len(rows))} test FOVs", searchable=True)
    return Section("predictions", title, lead, (table,))
