"""Tasks of Label Studio from statements of annotators and from predictions of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

import polars as pl

from locgraph.io.annotations.imported import FINGERPRINT
from locgraph.io.annotations.label_studio.grid import PixelGrid
from locgraph.io.annotations.label_studio.shapes import (
    BRUSH,
    CHOICES,
    IMAGE,
    KEYPOINT,
    NAMES,
    NO_CLASS,
    POLYGON,
    RECTANGLE,
    to_result,
)
from locgraph.schema import annotation as columns

FOV, X0, Y0, NM_PER_PX = columns.FOV_ID, "x0_nm", "y0_nm", "nm_per_px"
WIDTH, HEIGHT = "width_px", "height_px"
"""Names in the data of a task."""

META: Final = "locgraph"
"""Name, in the ``meta`` of a result, of what Label Studio has no place for."""

KEPT: Final = (
    *(columns.TARGET, columns.CLUSTER_ID, columns.X, columns.Y, columns.RADIUS),
    *(columns.TOOL, columns.TIME, columns.DATA_FINGERPRINT),
)
"""Columns of a statement that stand there."""

_REGION_TOOLS: Final = {"PolygonLabels": POLYGON, "BrushLabels": BRUSH, "RectangleLabels": RECTANGLE}


@dataclass(frozen=True)
class FovPicture:
    """The picture of a FOV that Label Studio shows.

    Attributes:
        grid: Its pixels.
        url: Where Label Studio finds it.
        fingerprint: Digest of the raw file.
    """

    grid: PixelGrid
    url: str
    fingerprint: str


@dataclass(frozen=True)
class Prediction:
    """Class that a model gives a FOV.

    Attributes:
        label: The class.
        score: Its probability; None where it is not known.
        model: Name of the model.
    """

    label: str
    score: float | None
    model: str


def make_tasks(
    pictures: Mapping[str, FovPicture], rows: pl.DataFrame, predictions: Mapping[str, Sequence[Prediction]]
) -> list[dict[str, Any]]:
    """Return a task for each FOV, with an annotation for each annotator.

    Of the classes that one annotator gave a FOV the last stands, since Label Studio shows one.

    Args:
        pictures: FOV -> its picture.
        rows: Standing statements in their order; those of FOVs without a picture are left out.
        predictions: FOV -> what models predict.
    """
    by_fov = {str(fov): own for (fov,), own in rows.group_by(columns.FOV_ID, maintain_order=True)}
    return [
        {
            "id": number,
            "data": _data(fov_id, picture),
            "annotations": _annotations(by_fov.get(fov_id, rows.clear()), picture.grid, 1000 * number),
            "predictions": [_prediction(each, picture.grid) for each in predictions.get(fov_id, ())],
        }
        for number, (fov_id, picture) in enumerate(pictures.items(), start=1)
    ]


def _data(fov_id: str, picture: FovPicture) -> dict[str, Any]:
    grid = picture.grid
    place = {X0: grid.x0_nm, Y0: grid.y0_nm, NM_PER_PX: grid.nm_per_px, WIDTH: grid.width, HEIGHT: grid.height}
    return {IMAGE: picture.url, FOV: fov_id, **place, FINGERPRINT: picture.fingerprint}


def _annotations(rows: pl.DataFrame, grid: PixelGrid, first_id: int) -> list[dict[str, Any]]:
    annotations = []
    for number, ((annotator,), own) in enumerate(rows.group_by(columns.ANNOTATOR, maintain_order=True), start=1):
        statements = own.to_dicts()
        classes = [row for row in statements if row[columns.TARGET] == columns.OF_FOV]
        shown = [row for row in statements if row[columns.TARGET] != columns.OF_FOV or row is classes[-1]]
        annotations.append(
            {
                "id": first_id + number,
                "completed_by": {"email": annotator},
                "was_cancelled": False,
                "ground_truth": False,
                "created_at": statements[0][columns.TIME].isoformat(),
                "updated_at": statements[-1][columns.TIME].isoformat(),
                "result": [_result(row, grid) for row in shown],
            }
        )
    return annotations


def _result(row: Mapping[str, Any], grid: PixelGrid) -> dict[str, Any]:
    kind, value = to_result(row, grid)
    kept = {name: row[name] for name in KEPT if row[name] is not None}
    kept[columns.TIME] = row[columns.TIME].isoformat()
    return _frame(row[columns.ANNOTATION_ID], kind, value, grid) | {"meta": {META: kept}}


def _frame(name: str, kind: str, value: Mapping[str, Any], grid: PixelGrid) -> dict[str, Any]:
    size = {"original_width": grid.width, "original_height": grid.height, "image_rotation": 0}
    return {"id": name, "from_name": NAMES[kind], "to_name": IMAGE, "type": kind, **size, "value": value}


def _prediction(prediction: Prediction, grid: PixelGrid) -> dict[str, Any]:
    result = _frame("prediction", CHOICES, {CHOICES: [prediction.label]}, grid)
    score = {} if prediction.score is None else {"score": prediction.score}
    return {"model_version": prediction.model, **score, "result": [result]}


def labelling_config(classes: Mapping[str, Iterable[str]], colours: Mapping[str, str]) -> str:
    """Return the labelling configuration (XML) that shows the tasks.

    Args:
        classes: ``fov``, ``point`` and ``region`` -> their classes; a kind without classes has no tool.
        colours: Class -> its colour.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}", zoom="true", zoomControl="true")
    tools = (
        (columns.OF_FOV, "Choices", "Choice", CHOICES),
        (columns.OF_POINT, "KeyPointLabels", "Label", KEYPOINT),
        *((columns.OF_REGION, tag, "Label", kind) for tag, kind in _REGION_TOOLS.items()),
    )
    for target, tag, entry, kind in tools:
        names = list(classes.get(target, ()))
        if not names:
            continue
        tool = ElementTree.SubElement(view, tag, name=NAMES[kind], toName=IMAGE)
        for name in (*names, NO_CLASS):
            coloured = entry == "Label" and name in colours
            look = {"background": colours[name]} if coloured else {}
            ElementTree.SubElement(tool, entry, {"value": name} | look)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"
