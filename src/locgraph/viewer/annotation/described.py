"""Statements and predictions as a page shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from locgraph import schema
from locgraph.schema import annotation as columns

if TYPE_CHECKING:
    from locgraph.viewer.scene import Scene


def describe_suggestions(predictions: pl.DataFrame, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the predicted class and probabilities of each FOV."""
    prefix = schema.PROBABILITY_PREFIX
    names = [name for name in predictions.columns if name.startswith(prefix)]
    content = {}
    for row in predictions.iter_rows(named=True):
        label = row[schema.PREDICTION]
        content[row[schema.FOV_ID]] = {
            "label": label,
            "probabilities": {name.removeprefix(prefix): row[name] for name in names},
            "can_accept": label in classes,
        }
    return content


def describe_statements(
    rows: pl.DataFrame, scene: Callable[[], Scene], *, by_name: bool = False
) -> list[dict[str, Any]]:
    """Return statements as a page draws them."""
    content = []
    for row in rows.iter_rows(named=True):
        statement = {
            "annotation_id": row[columns.ANNOTATION_ID],
            "target": row[columns.TARGET],
            "label": row[columns.LABEL],
            "tool": row[columns.TOOL],
            "radius": row[columns.RADIUS],
            "cluster_id": row[columns.CLUSTER_ID],
            "points": None,
        }
        if row[columns.X] is not None:
            x0, y0 = scene().levels.origin[:2]
            places = zip(row[columns.X], row[columns.Y], strict=True)
            statement["points"] = [[x - x0, y - y0] for x, y in places]
        content.append(statement | ({"annotator": row[columns.ANNOTATOR]} if by_name else {}))
    return content
