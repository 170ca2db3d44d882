"""FOVs that the model called rightly and wrongly, with what explains them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.show.report.absent import Absent
from locgraph.show.report.explanations import Explanations, drawn_explainer, scores_of
from locgraph.show.report.fov_pictures import density_picture, read_clustered, scored_picture, width_text
from locgraph.show.report.parts import INFO, MISSING, Card, Cards, Note, Part, Picture, Section
from locgraph.show.report.pictures import data_uri
from locgraph.show.report.source import Source
from locgraph.show.report.words import many, plain

SIDE: Final = 220
_SURE: Final = "sureness"
_BARS: Final = 3
_LEAD = "What the model called rightly and wrongly on the test side, and what it looked at."


@dataclass(frozen=True)
class Drawing:
    """What cards are drawn from.

    Attributes:
        tables: Folder of the prepared tables, or why it is not known.
        scores: FOV and fold -> scores of its clusters.
        explainer: Whose scores these are; empty where there are none.
    """

    tables: Path | Absent
    scores: Mapping[tuple[str, int], pl.DataFrame]
    explainer: str


def section(source: Source, found: Explanations, most_wrong: int, most_right: int) -> Section:
    """Wrong FOVs, the surest first, and right ones of every class.

    Args:
        source: What the report is made from.
        found: Explanations, of which one explainer is drawn.
        most_wrong: How many wrong FOVs at most.
        most_right: How many right FOVs at most.
    """
    tested = source.tested()
    if isinstance(tested, Absent):
        note = Note("There is no gallery. The model names classes of localisations, not of FOVs.", MISSING)
        return Section("gallery", "Right and wrong FOVs", _LEAD, (note,))
    drawing = _drawing(source, found)
    known = with_sureness(tested.filter(pl.col(schema.TRUTH).is_not_null()))
    wrong = known.filter(pl.col(schema.TRUTH) != pl.col(schema.PREDICTION))
    right = known.filter(pl.col(schema.TRUTH) == pl.col(schema.PREDICTION))
    parts: list[Part] = _said_beforehand(drawing, found)
    explained = set(drawing.scores)
    if wrong.is_empty():
        parts.append(Note(f"No FOV was called wrongly: all {known.height} test FOVs are right.", INFO))
    else:
        rows = choose_wrong(wrong, most_wrong)
        caption = f"{len(rows)} of {many(wrong.height, 'wrong FOV')}, the surest mistakes first."
        parts.append(Cards("Called wrongly", tuple(_card(row, drawing, source.class_names) for row in rows), caption))
    if right.is_empty():
        parts.append(Note("No test FOV was called rightly.", INFO))
    else:
        rows = choose_right(right, source.class_names, most_right, explained)
        caption = (
            f"{len(rows)} of {many(right.height, 'right FOV')}: of each class in turn a typical one (of middling "
            "probability), then the least sure."
        )
        parts.append(Cards("Called rightly", tuple(_card(row, drawing, source.class_names) for row in rows), caption))
    return Section("gallery", "Right and wrong FOVs", _LEAD, tuple(parts))


def with_sureness(predictions: pl.DataFrame) -> pl.DataFrame:
    """Adds the largest probability of each row."""
    columns = [name for name in predictions.columns if name.startswith(schema.PROBABILITY_PREFIX)]
    return predictions.with_columns(pl.max_horizontal(columns).alias(_SURE))


def choose_wrong(wrong: pl.DataFrame, most: int) -> list[dict[str, Any]]:
    """The surest mistakes."""
    return wrong.sort(_SURE, schema.FOV_ID, descending=[True, False]).head(most).to_dicts()


def choose_right(
    right: pl.DataFrame, class_names: Sequence[str], most: int, explained: set[tuple[str, int]]
) -> list[dict[str, Any]]:
    """Of each class in turn a typical FOV and the least sure one; those that are explained come first.

    Args:
        right: Predictions that are right, with their sureness.
        class_names: The classes, in their order.
        most: How many at most.
        explained: FOV and fold of those that have an explanation.
    """
    typical, doubtful = [], []
    for name in class_names:
        rows = right.filter(pl.col(schema.TRUTH) == name).sort(_SURE, schema.FOV_ID).to_dicts()
        told = [row for row in rows if (row[schema.FOV_ID], row[schema.FOLD]) in explained]
        rows = told or rows
        if rows:
            middle = rows.pop(len(rows) // 2)
            typical.append(middle)
            doubtful += rows[:1]
    return (typical + doubtful)[:most]


def _drawing(source: Source, found: Explanations) -> Drawing:
    tables = source.places.tables
    if isinstance(found.attributions, Absent):
        return Drawing(tables, {}, "")
    explainer = drawn_explainer(found.attributions)
    return Drawing(tables, scores_of(found.attributions, explainer) if explainer else {}, explainer or "")


def _said_beforehand(drawing: Drawing, found: Explanations) -> list[Part]:
    parts: list[Part] = []
    if isinstance(drawing.tables, Absent):
        parts.append(Note(f"Localisations cannot be drawn. {drawing.tables.reason}", MISSING))
    if isinstance(found.attributions, Absent):
        parts.append(Note(f"Explanations are not drawn. {found.attributions.reason}", MISSING))
    elif not drawing.explainer:
        parts.append(Note("Explanations are not drawn: no explainer scored clusters.", MISSING))
    else:
        words = (
            f"The picture on the right: localisations in the colour of the score that {plain(drawing.explainer)} gives "
            "their cluster, blue against and vermillion for the class, grey nothing; black lines surround the clusters "
            "that it names."
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
        probability=float(row[_SURE]),
        details=", ".join([f"fold {fold}", *words]),
        pictures=pictures,
        bars=tuple(known[:_BARS]),
    )


def _pictures(name: str, fold: int, drawing: Drawing) -> tuple[tuple[Picture, ...], list[str]]:
    """Pictures of a FOV, and words about them."""
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
        pictures.append(Picture(data_uri(pixels), f"What {drawing.explainer} says of {name} for class {about}"))
        words.append(f"explained for {about}")
    elif drawing.explainer:
        words.append("not explained")
    return tuple(pictures), words


def _outlined(scores: pl.DataFrame) -> set[int]:
    if schema.IN_SUBGRAPH not in scores.columns:
        return set()
    return set(scores.filter(pl.col(schema.IN_SUBGRAPH).fill_null(value=False))[schema.CLUSTER_ID])
