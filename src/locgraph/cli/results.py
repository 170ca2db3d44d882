"""What a run shows: figures in its folder, a table on the console, both handed to the loggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from rich import box
from rich.console import Console
from rich.table import Table

from locgraph import schema
from locgraph.io.featextracted import read_fov
from locgraph.learn.history import read_history
from locgraph.show.figures.confusion import confusion_figure
from locgraph.show.figures.curves import loss_curves
from locgraph.show.figures.gallery import Tile, gallery_figure
from locgraph.show.figures.save import read_picture, save_figure

CONFUSION, CURVES, GALLERY = "confusion_matrix.png", "loss_curves.png", "gallery.png"
SHOWN_PER_CLASS = 3

_COMPARED = ("accuracy", "balanced_accuracy")


def draw(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Draws the confusion matrix of the test and the curves of training."""
    matrix = np.asarray(metrics["confusion_matrix"])
    figure = confusion_figure(matrix, metrics["class_names"], f"{metrics['experiment']}, fold {metrics['fold']}, test")
    save_figure(figure, folder / CONFUSION)
    history = read_history(folder)
    if history is not None:
        save_figure(loss_curves(history), folder / CURVES)


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
    save_figure(gallery_figure(tiles, class_names), folder / GALLERY)


def log_figures(loggers: Sequence[Logger], folder: Path) -> None:
    """Hands the figures to the loggers that take pictures."""
    for path in (folder / CONFUSION, folder / CURVES, folder / GALLERY):
        if not path.is_file():
            continue
        for logger in loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image(path.stem, [str(path)])
            elif isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(path.stem, read_picture(path), dataformats="HWC")


def log_tables(loggers: Sequence[Logger], metrics: Mapping[str, Any], predictions: pl.DataFrame | None) -> None:
    """Hands predictions, scores beside the controls, and the confusion matrix to the loggers that take tables.

    Args:
        loggers: Of the run.
        metrics: Content of ``metrics.json``.
        predictions: Those of FOVs; None where the model names localisations alone.
    """
    names = list(metrics["class_names"])
    network = {"control": "network", **{name: metrics["test"].get(name) for name in _COMPARED}}
    rows = [network, *metrics["controls"]]
    tables = {
        "scores": (["method", *_COMPARED], [[row[name] for name in ("control", *_COMPARED)] for row in rows]),
        "confusion": (
            ["truth", *names],
            [[name, *row] for name, row in zip(names, metrics["confusion_matrix"], strict=True)],
        ),
    }
    if predictions is not None:
        tables["predictions"] = (predictions.columns, [list(row) for row in predictions.rows()])
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            for key, (columns, data) in tables.items():
                logger.log_table(key, columns=columns, data=data)


def show(metrics: Mapping[str, Any], folder: Path, console: Console | None = None) -> None:
    """Prints the test metrics of the network beside its controls."""
    what = "localisations of " if metrics.get("scored") else ""
    title = f"test: {what}{metrics['fovs']['test']} FOVs, {len(metrics['class_names'])} classes"
    table = Table(title=title, box=box.SIMPLE, pad_edge=False)
    for column in ("", "accuracy", "balanced", "F1", "AUROC", "loss"):
        table.add_column(column, justify="left" if column == "" else "right", no_wrap=True)
    test = metrics["test"]
    columns = ("accuracy", "balanced_accuracy", "f1", "auroc", "loss")
    cells = [f"{test[name]:.3f}" if name in test else "-" for name in columns]
    table.add_row("network", *cells, style="bold", end_section=True)
    if "localisations" in metrics and not metrics.get("scored"):
        test = metrics["localisations"]["test"]
        cells = [f"{test[name]:.3f}" if name in test else "-" for name in columns]
        table.add_row("localisations", *cells, end_section=True)
    for row in metrics["controls"]:
        cells = [f"{row[name]:.3f}" for name in ("accuracy", "balanced_accuracy")]
        table.add_row(row["control"].replace("_", " "), *cells, "", "", "")
    console = console or Console()
    console.print(table)
    console.print(f"run folder: {folder}", soft_wrap=True)
