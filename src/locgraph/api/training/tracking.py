"""What a run sends to its loggers beside numbers: pictures, tables, charts and files, each named in this one place."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from locgraph import schema
from locgraph.api.config import Settings
from locgraph.api.training.loggers import logged
from locgraph.data.folds import TEST, VALIDATION
from locgraph.data.prepared import Prepared
from locgraph.errors import DataError
from locgraph.learn.loggers.base import (
    EVAL,
    EXPLAIN,
    MODEL_FILES,
    PREPARED_FILES,
    REPORT,
    REPORT_FILES,
    SUMMARY,
    SUMMARY_FILES,
    TRAIN,
    About,
    Curves,
    Files,
    Tracker,
)
from locgraph.learn.loggers.send import Guarded, send
from locgraph.provenance import file_digest, fingerprint
from locgraph.run_folder import (
    CONFUSION_PICTURE,
    CURVES_PICTURE,
    EMBEDDINGS,
    EXPLANATIONS,
    FOV_VECTORS,
    GALLERY_PICTURE,
    MANIFEST,
    PREDICTIONS,
    RECIPE,
    RELEASE,
    SUMMARIES,
    SUMMARY_PICTURE,
    SUMMARY_TABLE,
    SUMMARY_TEXT,
    RunFolder,
)
from locgraph.run_folder import SUMMARY as SUMMARY_RECORD
from locgraph.stats.curves import (
    CLASS,
    CONFIDENCE,
    CURVE,
    FALSE_POSITIVE_RATE,
    FRACTION_RIGHT,
    PRECISION,
    RECALL,
    TRUE_POSITIVE_RATE,
    precision_recall_points,
    reliability_points,
    roc_points,
)

if TYPE_CHECKING:
    from locgraph.api.studies.studied_runs import StudiedRuns
    from locgraph.learn.checkpoint import Checkpoint

log = logging.getLogger(__name__)

_COMPARED: Final = ("accuracy", "balanced_accuracy")
_PICTURES: Final = (CONFUSION_PICTURE, CURVES_PICTURE, GALLERY_PICTURE)
_MOST_EXPLAINED: Final = 40


def about_training(settings: Settings, group: str | None) -> About:
    """Return what a run of ``train`` is."""
    part = _part(None if settings.get(RELEASE) else settings["fold"]["index"])
    return About(f"{settings['name']}-{part}", TRAIN, group, tuple(settings["tags"]))


def track_training(
    loggers: Sequence[Guarded],
    folder: RunFolder,
    prepared: Prepared,
    tables: Mapping[str, pl.DataFrame],
    metrics: Mapping[str, Any],
    tested: Checkpoint | None,
) -> None:
    """Send the result of one fold: scores of the epoch that was tested, charts, tables, data and checkpoint.

    Args:
        loggers: The loggers.
        folder: The run folder, with its figures and checkpoint.
        prepared: What was trained on.
        tables: File name to table, of predictions and vectors.
        metrics: Content of ``metrics.json``.
        tested: The checkpoint whose weights were tested; None where none was written.
    """
    if not loggers:
        return
    experiment = str(metrics["experiment"])
    send(loggers, lambda tracker: tracker.use_files(prepared_files(experiment, prepared)))
    for path in (folder.path / name for name in _PICTURES):
        if path.is_file():
            send(loggers, _picture(path.stem, path))
    _track_predictions(loggers, prepared, tables, metrics)
    if tested is not None:
        scores = {f"best/{VALIDATION}/{name}": value for name, value in metrics.get(VALIDATION, {}).items()}
        send(loggers, lambda tracker: tracker.log_summary({"best/epoch": tested.epoch, **scores}))
        about = {"fold": metrics["fold"], "epoch": tested.epoch, "class_names": list(metrics["class_names"])}
        model = replace(model_files(experiment, metrics["fold"], tested.path), paths=(tested.path,), about=about)
        send(loggers, lambda tracker: tracker.log_files(model))


def track_evaluation(
    settings: Settings,
    trained: Mapping[str, Any],
    prepared: Prepared,
    tables: Mapping[str, pl.DataFrame],
    metrics: Mapping[str, Any],
) -> None:
    """Send the result of ``eval`` or ``explain``, with the checkpoint and the data it used.

    Args:
        settings: Settings of ``eval``.
        trained: Settings of the run that wrote the checkpoint.
        prepared: What was predicted.
        tables: File name to table, of predictions and vectors.
        metrics: Content of ``metrics.json``.
    """
    if not settings["logger"]:
        return
    experiment, checkpoint = str(trained["name"]), Path(settings["ckpt_path"])
    several = "members" in metrics
    group = None if several else RunFolder(checkpoint.parent.parent).record().get("group")
    explained = metrics.get("explanations")
    kind = EVAL if explained is None else EXPLAIN
    name = f"{experiment}-ensemble" if several else f"{experiment}-fold{metrics['fold']}"
    about = About(name, kind, group, tuple(settings["tags"]))
    with logged(settings, about) as loggers:
        if not several:
            model = model_files(experiment, metrics["fold"], checkpoint)
            send(loggers, lambda tracker: tracker.use_files(model))
        send(loggers, lambda tracker: tracker.use_files(prepared_files(experiment, prepared)))
        scores = {f"{TEST}/{name}": value for name, value in metrics.get(TEST, {}).items()}
        send(loggers, lambda tracker: tracker.log_summary({"fovs": metrics["fovs"], **scores}))
        _track_predictions(loggers, prepared, tables, metrics)
        if explained is not None:
            rows = [{"explainer": name, **row} for name, row in explained["metrics"].items()]
            _track_table(loggers, "explanations", pl.DataFrame(rows, infer_schema_length=None))
            folder = Path(explained["folder"])
            for path in sorted((folder / EXPLANATIONS).rglob("*.png"))[:_MOST_EXPLAINED]:
                name = "/".join(path.relative_to(folder).with_suffix("").parts)
                send(loggers, _picture(name, path))


def track_summary(settings: Settings, study: StudiedRuns) -> None:
    """Send the summary of a sweep: means with intervals of model and controls, in the group of the sweep.

    Args:
        settings: ``logger`` and ``tags``.
        study: The sweep, whose summary is written.
    """
    summary = study.summary()
    rows = summary.table.to_dicts()
    numbers = {
        f"{row['metric']}/{row['source']}/{name}": row[name]
        for row in rows
        for name in ("mean", "interval_low", "interval_high")
        if row[name] is not None
    }
    counts = {"folds": len(summary.expected_folds), "folds_missing": len(summary.missing)}
    # where a sweep has several sets of settings, their summaries are told apart by the name of the folder
    part = f"-{study.folder.name}" if study.folder.parent.name == SUMMARIES else ""
    name = f"{summary.experiment}-summary{part}"
    about = About(name, SUMMARY, _group(study), tuple(settings["tags"]))
    with logged(settings, about) as to:
        send(to, lambda tracker: tracker.log_summary({**counts, **numbers}))
        _track_table(to, "scores", summary.table)
        if summary.class_names:
            send(to, lambda tracker: tracker.log_confusion(summary.class_names, summary.confusion.tolist()))
        for path in (study.folder / name for name in (SUMMARY_PICTURE, CONFUSION_PICTURE)):
            if path.is_file():
                send(to, _picture(path.stem, path))
        paths = [study.folder / name for name in (SUMMARY_RECORD, SUMMARY_TABLE, SUMMARY_TEXT)]
        send(to, lambda tracker: tracker.log_files(_files(name, SUMMARY_FILES, paths)))


def track_report(settings: Settings, study: StudiedRuns, page: Path) -> None:
    """Send a report as a file, in the group of its sweep.

    Args:
        settings: ``logger`` and ``tags``.
        study: What is reported.
        page: The report.
    """
    experiment = next((run.experiment for run in study.completed), study.folder.name)
    about = About(f"{experiment}-report", REPORT, _group(study), tuple(settings["tags"]))
    with logged(settings, about) as loggers:
        send(loggers, lambda tracker: tracker.log_files(_files(f"{experiment}-report", REPORT_FILES, [page])))


def _part(fold: int | None) -> str:
    return RELEASE if fold is None else f"fold{fold}"


def model_files(experiment: str, fold: int | None, checkpoint: Path) -> Files:
    """Return the reference of a checkpoint: training and evaluation name the same file by its content."""
    return Files(_artifact_name(f"{experiment}-{_part(fold)}"), MODEL_FILES, file_digest(checkpoint))


def prepared_files(experiment: str, prepared: Prepared) -> Files:
    """Return prepared data: manifest and recipe, by which they are known, and the folder of the tables."""
    paths = tuple(path for path in (prepared.tables / MANIFEST, prepared.tables / RECIPE) if path.is_file())
    version = fingerprint([file_digest(path) for path in paths], str(prepared.tables.name))
    about = {"fovs": prepared.manifest.table.height, "class_names": list(prepared.manifest.class_names)}
    return Files(_artifact_name(f"{experiment}-tables"), PREPARED_FILES, version, paths, prepared.tables, about)


def _files(name: str, kind: str, paths: Sequence[Path]) -> Files:
    return Files(_artifact_name(name), kind, fingerprint([file_digest(path) for path in paths]), tuple(paths))


def _artifact_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)


def _group(study: StudiedRuns) -> str | None:
    groups = {RunFolder(folder).record().get("group") for folder in study.run_folders}
    return groups.pop() if len(groups) == 1 else None


def _track_table(
    loggers: Sequence[Guarded], name: str, table: pl.DataFrame, pictures: Mapping[str, Path] | None = None
) -> None:
    send(loggers, lambda tracker: tracker.log_table(name, table, pictures or {}))


def _track_predictions(
    loggers: Sequence[Guarded],
    prepared: Prepared,
    tables: Mapping[str, pl.DataFrame],
    metrics: Mapping[str, Any],
) -> None:
    """Send scores beside the controls, the confusion matrix, and predictions, charts and vectors; or embeddings."""
    if EMBEDDINGS in tables:
        _track_table(loggers, "embeddings", tables[EMBEDDINGS])
        return
    names = list(metrics["class_names"])
    if TEST in metrics:
        network = {"control": "network", **{name: metrics[TEST].get(name) for name in _COMPARED}}
        rows = [
            {name: row.get(name) for name in ("control", *_COMPARED)} for row in (network, *metrics.get("controls", []))
        ]
        _track_table(loggers, "scores", pl.DataFrame(rows).rename({"control": "method"}))
    if metrics.get("confusion_matrix") is not None:
        send(loggers, lambda tracker: tracker.log_confusion(names, metrics["confusion_matrix"]))
    predictions = tables.get(PREDICTIONS)
    if predictions is None:
        return
    n_pictures = max((each.tracker.fov_pictures for each in loggers if each.tracker), default=0)
    with tempfile.TemporaryDirectory() as folder:
        pictures = _draw_fovs(Path(folder), prepared, _shown_fovs(predictions, n_pictures))
        _track_table(loggers, "predictions", predictions, pictures)
    _track_curves(loggers, predictions.filter(pl.col(schema.SPLIT) != VALIDATION), names)
    vectors = tables.get(FOV_VECTORS)
    if vectors is not None:
        known = predictions.select(schema.FOV_ID, schema.TRUTH, schema.PREDICTION)
        _track_table(loggers, "embeddings", known.join(vectors, on=schema.FOV_ID, how="inner", maintain_order="left"))


def _track_curves(loggers: Sequence[Guarded], tested: pl.DataFrame, class_names: Sequence[str]) -> None:
    """Send curves of the test side; there are none where no FOV has a label."""
    if not tested[schema.TRUTH].is_not_null().any():
        return
    charts = {
        "pr_curve": Curves(
            precision_recall_points(tested, class_names), RECALL, PRECISION, CLASS, "precision and recall"
        ),
        "roc_curve": Curves(
            roc_points(tested, class_names), FALSE_POSITIVE_RATE, TRUE_POSITIVE_RATE, CLASS, "ROC of each class"
        ),
        "reliability": Curves(
            reliability_points(tested, class_names), CONFIDENCE, FRACTION_RIGHT, CURVE, "reliability"
        ),
    }
    for name, curves in charts.items():
        if not curves.table.is_empty():
            send(loggers, _curves(name, curves))


def _shown_fovs(predictions: pl.DataFrame, count: int) -> pl.DataFrame:
    """Return the predictions that get a picture: of the test side, wrong ones first."""
    right = (pl.col(schema.TRUTH) == pl.col(schema.PREDICTION)).fill_null(True)
    tested = predictions.filter(pl.col(schema.SPLIT) != VALIDATION)
    return tested.sort(right, maintain_order=True).head(count)


def _draw_fovs(folder: Path, prepared: Prepared, predictions: pl.DataFrame) -> dict[str, Path]:
    """Draw FOVs into a folder, and return their pictures by ``fov_id``; one that cannot be drawn has none."""
    from locgraph.show.figures.style import save_figure
    from locgraph.show.figures.thumbnail import thumbnail_figure

    pictures = {}
    rows = predictions.select(schema.FOV_ID, schema.TRUTH, schema.PREDICTION)
    for number, (fov_id, truth, prediction) in enumerate(rows.iter_rows()):
        try:
            locs = prepared.localisations(fov_id).filter(pl.col(schema.VIEW) == 0)
            figure = thumbnail_figure(locs, f"{fov_id}: {truth or 'no label'}, predicted {prediction}")
        except DataError as error:
            log.info("no picture of %s: %s", fov_id, error)
            continue
        pictures[fov_id] = folder / f"{number}.png"
        save_figure(figure, pictures[fov_id])
    return pictures


def _picture(name: str, path: Path) -> Callable[[Tracker], None]:
    return lambda tracker: tracker.log_picture(name, path)


def _curves(name: str, curves: Curves) -> Callable[[Tracker], None]:
    return lambda tracker: tracker.log_curves(name, curves)
