"""Annotations, and predictions of models, for Label Studio."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
from PIL import Image

from locgraph import schema
from locgraph.api.annotations.raw_files import RawFiles, find_raw_files
from locgraph.api.config import compose
from locgraph.data.folds import TRAIN, VALIDATION
from locgraph.errors import ConfigError, DataError, within
from locgraph.io.annotations.label_studio.grid import fit_grid
from locgraph.io.annotations.label_studio.write import FovPicture, Prediction, labelling_config, make_tasks
from locgraph.io.annotations.table import DTYPES, read_annotations
from locgraph.provenance import file_digest, whole_file
from locgraph.run_folder import (
    LABEL_STUDIO_CONFIG,
    LABEL_STUDIO_IMAGES,
    LABEL_STUDIO_TASKS,
    PREDICTIONS,
    find_runs,
)
from locgraph.schema import annotation
from locgraph.settings import check_length
from locgraph.storage import locked, make_folder


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        folder: Holds ``tasks.json``, ``labelling_config.xml`` and ``images/``.
        tasks: Number of FOVs.
        statements: Number of statements in them.
        predictions: Number of FOVs with a prediction.
        left_out: What was not written: one sentence for each reason.
    """

    folder: Path
    tasks: int
    statements: int
    predictions: int
    left_out: tuple[str, ...]


def export_annotations(table: str | Path, folder: str | Path, *config: str | Mapping[str, Any]) -> Exported:
    """Write pictures of raw files, and annotations on them, as tasks of Label Studio.

    Args:
        table: The table of annotations; where there is no such file yet, tasks have none.
        folder: Gets ``tasks.json``, ``labelling_config.xml`` and ``images/``.
        *config: Overrides such as ``"raw_dir=raw"``, or a mapping with all settings of ``configs/annotations.yaml``.

    Raises:
        LocgraphError: There are no raw files, a setting cannot work, or the folder cannot be written to.
    """
    mapping = len(config) == 1 and isinstance(config[0], Mapping)
    settings = compose("annotations", *config, *(() if mapping else ("action=export",)))
    given = settings["exported"]
    path, folder = Path(table).resolve(), Path(folder).resolve()
    rows = read_annotations(path) if path.exists() else pl.DataFrame(schema=DTYPES)
    rows = rows.sort(annotation.TIME, maintain_order=True)
    raw = find_raw_files(settings, path)
    if raw is None:
        raise ConfigError("expected the folder of the raw files, of which pictures are made", setting="raw_dir")
    with within("exported"):
        nm_per_px = given["nm_per_px"]
        nm_per_px = None if nm_per_px is None else check_length("nm_per_px", nm_per_px)
        predictions = _read_predictions(given["predictions"])
    make_folder(folder, "arguments")
    left_out: list[str] = []
    with locked(folder, "arguments"):
        pictures = _draw(raw, rows, folder, nm_per_px, str(given["image_prefix"] or ""), left_out)
        strangers = rows.filter(~pl.col(annotation.FOV_ID).is_in(list(pictures)))
        if strangers.height:
            names = strangers[annotation.FOV_ID].unique(maintain_order=True).to_list()
            left_out.append(f"{strangers.height} statements left out: of FOVs without a picture (such as {names[0]})")
        tasks = make_tasks(pictures, rows, predictions)
        _write(folder, tasks, rows, predictions)
    shown = sum(len(each["result"]) for task in tasks for each in task["annotations"])
    hidden = rows.height - strangers.height - shown
    if hidden:
        left_out.append(f"{hidden} statements left out: classes of FOVs that the same annotator replaced later")
    with_predictions = sum(bool(task["predictions"]) for task in tasks)
    return Exported(folder, len(tasks), shown, with_predictions, tuple(left_out))


def _draw(
    raw: RawFiles, rows: pl.DataFrame, folder: Path, nm_per_px: float | None, prefix: str, left_out: list[str]
) -> dict[str, FovPicture]:
    """Write a picture of each FOV, and return where they are; a FOV that cannot be read stops no other.

    Raises:
        DataError: None can be read.
    """
    from locgraph.show.figures.thumbnail import density_pixels

    places = rows.select(annotation.FOV_ID, annotation.X, annotation.Y).drop_nulls().explode(annotation.X, annotation.Y)
    # lines outside of all localisations are in the picture, too
    drawn = {str(fov): own.drop(annotation.FOV_ID).to_numpy() for (fov,), own in places.group_by(annotation.FOV_ID)}
    pictures: dict[str, FovPicture] = {}
    failures: list[str] = []
    for fov_id, path in raw.paths.items():
        try:
            points = raw.positions(fov_id)
            with within("exported"):
                grid = fit_grid(np.concatenate([points, drawn.get(fov_id, points[:0])]), nm_per_px)
        except DataError as error:
            failures.append(f"{fov_id}: {error}")
            continue
        name = f"{fov_id}.png"
        with whole_file(folder / LABEL_STUDIO_IMAGES / name) as temporary:
            pixels = density_pixels(points, (grid.x0_nm, grid.y0_nm), grid.nm_per_px, (grid.width, grid.height))
            Image.fromarray(pixels).save(temporary, format="PNG")
        pictures[fov_id] = FovPicture(grid, f"{prefix}{LABEL_STUDIO_IMAGES}/{quote(name)}", file_digest(path))
    if not pictures:
        raise DataError(f"no FOV can be drawn, such as {failures[0]}", setting="raw_dir")
    if failures:
        left_out.append(f"{len(failures)} FOVs left out: they cannot be drawn (such as {failures[0]})")
    return pictures


def _write(
    folder: Path,
    tasks: Sequence[Mapping[str, Any]],
    rows: pl.DataFrame,
    predictions: Mapping[str, Sequence[Prediction]],
) -> None:
    """Write tasks, and the labelling configuration of their classes."""
    from locgraph.show.figures.style import class_marks

    stated = rows.drop_nulls(annotation.LABEL).select(annotation.TARGET, annotation.LABEL).unique()
    classes = {target: sorted(own[annotation.LABEL]) for (target,), own in stated.group_by(annotation.TARGET)}
    classes[annotation.OF_POINT] = sorted(
        {*classes.get(annotation.OF_POINT, ()), *classes.pop(annotation.OF_CLUSTER, ())}
    )
    predicted = {each.label for own in predictions.values() for each in own}
    classes[annotation.OF_FOV] = sorted({*classes.get(annotation.OF_FOV, ()), *predicted})
    marks = class_marks(sorted({name for names in classes.values() for name in names}))
    colours = {name: mark.colour for name, mark in marks.items()}
    texts = {
        LABEL_STUDIO_TASKS: json.dumps(tasks, ensure_ascii=False) + "\n",
        LABEL_STUDIO_CONFIG: labelling_config({str(key): names for key, names in classes.items()}, colours),
    }
    for name, text in texts.items():
        with whole_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _read_predictions(source: str | None) -> dict[str, list[Prediction]]:
    """Return what models predict of each FOV that they did not learn from.

    Args:
        source: A table of predictions, or a folder that holds one: a run, a sweep, or what ``locgraph eval`` wrote.

    Raises:
        DataError: There are no predictions.
    """
    if source is None:
        return {}
    path = Path(source).resolve()
    paths = [path] if path.is_file() else [path / PREDICTIONS]
    if path.is_dir() and not paths[0].is_file():
        paths = [run.path / PREDICTIONS for run in find_runs(path) if (run.path / PREDICTIONS).is_file()]
    by_fov: dict[str, list[Prediction]] = {}
    for each in paths:
        try:
            table = pl.read_parquet(each, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{each}: expected a table of predictions; found none", setting="predictions") from error
        _collect(table, each, by_fov)
    if not by_fov:
        raise DataError(f"{path}: expected predictions of test FOVs or new ones; found none", setting="predictions")
    return by_fov


def _collect(table: pl.DataFrame, path: Path, by_fov: dict[str, list[Prediction]]) -> None:
    """Add the predictions of one table, but for those of FOVs that the model was chosen by."""
    absent = {schema.FOV_ID, schema.PREDICTION} - set(table.columns)
    if absent:
        raise DataError(f"{path}: expected the columns {', '.join(sorted(absent))}; found none", setting="predictions")
    if schema.SPLIT in table.columns:
        table = table.filter(~pl.col(schema.SPLIT).is_in([TRAIN, VALIDATION]))
    model = path.parent.name
    for row in table.drop_nulls(schema.PREDICTION).to_dicts():
        label = str(row[schema.PREDICTION])
        score = row.get(f"{schema.PROBABILITY_PREFIX}{label}")
        by_fov.setdefault(row[schema.FOV_ID], []).append(Prediction(label, score, model))
