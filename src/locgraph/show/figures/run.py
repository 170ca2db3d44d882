"""Figures of a run: confusion matrix, loss curves, and a gallery of test FOVs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.io.featextracted import read_fov
from locgraph.run_folder import CONFUSION_PICTURE, CURVES_PICTURE, GALLERY_PICTURE, RunFolder
from locgraph.show.figures.confusion import confusion_figure
from locgraph.show.figures.curves import loss_curves
from locgraph.show.figures.gallery import Tile, gallery_figure
from locgraph.show.figures.save import save_figure

SHOWN_PER_CLASS = 3


def draw_run(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Draws the confusion matrix of the test and the curves of training."""
    matrix = np.asarray(metrics["confusion_matrix"])
    figure = confusion_figure(matrix, metrics["class_names"], f"{metrics['experiment']}, fold {metrics['fold']}, test")
    save_figure(figure, folder / CONFUSION_PICTURE)
    history = RunFolder(folder).history()
    if history is not None:
        save_figure(loss_curves(history), folder / CURVES_PICTURE)


def draw_gallery(folder: Path, tables: Path, predictions: pl.DataFrame, class_names: Sequence[str]) -> None:
    """Draws some test FOVs of each class, with their clusters and what the network called them.

    Args:
        folder: Run folder.
        tables: Featextracted folder.
        predictions: Rows of the test FOVs; of each class the first few names are shown.
        class_names: Classes, in the order of the columns.
    """
    tiles = []
    for row in (
        predictions.sort(schema.FOV_ID).group_by(schema.TRUTH, maintain_order=True).head(SHOWN_PER_CLASS).to_dicts()
    ):
        fov = read_fov(tables, row[schema.FOV_ID])
        locs, clusters = (table.filter(pl.col(schema.VIEW) == 0) for table in (fov.locs, fov.clusters))
        tiles.append(Tile(locs, clusters, None, row[schema.TRUTH], row[schema.PREDICTION]))
    save_figure(gallery_figure(tiles, class_names), folder / GALLERY_PICTURE)
