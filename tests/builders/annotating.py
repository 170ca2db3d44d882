"""FOVs to annotate, and steps as a page sends them."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.viewer.annotating import Annotating
from locgraph.viewer.clusters import clusters_of_column
from locgraph.viewer.levels.levels import build_levels
from locgraph.viewer.opened import Opened
from locgraph.viewer.scene import Scene

CLASSES = ["healthy", "diseased"]


class OpenedTables(Opened):
    """FOVs given as tables of localisations."""

    title, kind = "tables of a test", "folder"

    def __init__(self, tables: Mapping[str, pl.DataFrame], **columns: list[Any]) -> None:
        self._tables = dict(tables)
        self._columns = columns

    def fovs(self) -> pl.DataFrame:
        return pl.DataFrame({schema.FOV_ID: list(self._tables), **self._columns})

    def scene(self, index: int) -> Scene:
        name, table = list(self._tables.items())[index]
        levels = build_levels(table, 3 if schema.Z in table.columns else 2)
        clusters = clusters_of_column(levels, schema.CLUSTER_ID) if schema.CLUSTER_ID in table.columns else None
        return Scene(name, levels, name, lambda: table, clusters=clusters)


def grid(side: int = 10, spacing: float = 10.0, origin: tuple[float, float] = (0.0, 0.0)) -> pl.DataFrame:
    """A square grid of localisations, in nm; the left half is cluster 0, the right half cluster 1."""
    x, y = (axis.ravel() * spacing for axis in np.meshgrid(np.arange(side), np.arange(side)))
    halves = (x >= side * spacing / 2).astype(np.int64)
    return pl.DataFrame({"x": x + origin[0], "y": y + origin[1], schema.CLUSTER_ID: halves})


def names(number: int) -> list[str]:
    """Names of FOVs."""
    return [f"wt/{index}" for index in range(number)]


def make_annotating(folder: Path, annotator: str = "Ada", n_fovs: int = 4, **settings: Any) -> Annotating:
    """One annotator of some grids, with a table in a folder."""
    opened = settings.pop("opened", None) or OpenedTables(dict.fromkeys(names(n_fovs), grid()))
    classes = settings.pop("classes", CLASSES)
    return Annotating(opened, folder / "annotations.parquet", annotator, classes, **settings)


def step(annotator: str = "Ada", **values: Any) -> dict[str, Any]:
    """The class of a whole FOV, as a page sends it; other values change it."""
    about = {"fov_id": "wt/0", "target": "fov", "label": "healthy", "tool": "key"}
    return {"annotation_id": uuid.uuid4().hex, "annotator": annotator} | about | values


def lasso(**values: Any) -> dict[str, Any]:
    """A drawn square, in nm relative to the origin of the FOV."""
    square = [[-20.0, -20.0], [20.0, -20.0], [20.0, 20.0], [-20.0, 20.0]]
    return step(**({"target": "region", "tool": "lasso", "points": square} | values))


def undo(annotator: str = "Ada", **values: Any) -> dict[str, Any]:
    """An undo, as a page sends it."""
    return {"annotation_id": uuid.uuid4().hex, "annotator": annotator} | values
