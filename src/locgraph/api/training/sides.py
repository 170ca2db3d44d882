"""Predictions of the sides of a fold: calibrated, judged, tabulated and scored."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as lightning
import polars as pl

from locgraph import schema
from locgraph.data.datamodule import GraphDataModule
from locgraph.data.folds import TEST, TRAIN, VALIDATION
from locgraph.data.prepared import Prepared
from locgraph.learn.module import Learner
from locgraph.learn.tabulate import add_labels, fov_arrays, fov_vector_table, tabulate
from locgraph.learn.tasks.base import Task
from locgraph.learn.vectors import FOV, Embedder, vector_tables
from locgraph.run_folder import EMBEDDINGS, PREDICTIONS
from locgraph.stats.calibration import calibration
from locgraph.trust.measures import Measures, measure_fovs
from locgraph.trust.trust import Trust, TrustSettings
from locgraph.trust.unlike import UnlikeFovs

log = logging.getLogger(__name__)


def predict_sides(
    trainer: lightning.Trainer,
    learner: Learner,
    data: GraphDataModule,
    prepared: Prepared,
    sides: Sequence[str],
    trust: TrustSettings,
) -> tuple[dict[str, pl.DataFrame], dict[str, Any], Trust | None]:
    """Predict the validation and test FOVs, calibrated on the validation FOVs.

    Args:
        trainer: Predicts, on one device.
        learner: The trained network.
        data: The data of the fold.
        prepared: Tables of the FOVs.
        sides: ``val``, and ``test`` unless it is to stay unseen.
        trust: How what judges predictions is fitted to the training and validation FOVs.

    Returns:
        File name to table of all sides, of predictions and of FOV vectors, or of embeddings; scores of each side, the
        confusion matrix of the test side, the calibration before and after and how many FOVs are unlike; what judged
        the predictions. The scores of the validation side, whose FOVs calibrate, are those before calibration, as
        during training.
    """
    task, fold = learner.task, int(learner.record["settings"]["fold"]["index"])
    if task.embeds:  # nothing is fitted to labels, so that the units of all sides are looked at together
        sides = (TRAIN, *sides)
    fov_ids = {side: getattr(data.split, side) for side in (TRAIN, *sides)}

    def predict(side: str) -> Any:
        return trainer.predict(learner, data.evaluation_dataloader(fov_ids[side]))

    predicted = {side: predict(side) for side in sides}
    fitted, measures = None, None
    if task.predicts_fovs:
        measures = measure_fovs(prepared.tables, [name for names in fov_ids.values() for name in names])
        fitted = fit_trust(trust, task, {TRAIN: predict(TRAIN), **predicted}, measures, prepared.labels)
    metrics = dict(task.score(predicted[VALIDATION], VALIDATION))
    metrics.pop("confusion_matrix", None)
    parts: dict[str, list[pl.DataFrame]] = {}
    judged: dict[str, Any] = {} if fitted is None else {"calibration": describe_calibrator(fitted), "unlike": {}}
    for side, before in predicted.items():
        after = before if fitted is None else task.calibrated(before, fitted.calibrate)
        tables, _ = tabulate(
            task, after, fold, side, fitted, None if measures is None else measures.select(fov_ids[side])
        )
        if side == TEST:
            _merge(metrics, task.score(after, TEST))
        if judged:
            judged["calibration"] |= score_calibration(task, before, after, side)
            judged["unlike"][side] = int(tables[PREDICTIONS][schema.UNLIKE].sum())
        if not task.embeds:
            tables |= fov_vector_table(task, before, fold, side) or vector_tables(
                trainer, Embedder(learner.network, [FOV]), data.evaluation_dataloader(fov_ids[side]), fold, side
            )
        for name, table in tables.items():
            parts.setdefault(name, []).append(table)
    joined = {name: pl.concat(tables) for name, tables in parts.items()}
    _add_groups(joined, prepared)
    if EMBEDDINGS in joined:
        joined[EMBEDDINGS] = add_labels(joined[EMBEDDINGS], prepared.labels)
    return joined, metrics | judged, fitted


def _add_groups(tables: dict[str, pl.DataFrame], prepared: Prepared) -> None:
    """Add the group of each FOV to the predictions, where there are groups: FOVs of one are not independent."""
    groups = prepared.manifest.table.select(schema.FOV_ID, schema.GROUP)
    if PREDICTIONS in tables and not groups[schema.GROUP].is_null().all():
        tables[PREDICTIONS] = tables[PREDICTIONS].join(groups, on=schema.FOV_ID, how="left", maintain_order="left")


def _merge(metrics: dict[str, Any], scores: Mapping[str, Any]) -> None:
    """Add the scores of one side; parts that hold both sides are joined."""
    for key, value in scores.items():
        joined = isinstance(value, dict) and isinstance(metrics.get(key), dict)
        metrics[key] = metrics[key] | value if joined else value


def fit_trust(
    settings: TrustSettings,
    task: Task,
    predicted: Mapping[str, Sequence[Any]],
    measures: Measures,
    labels: Mapping[str, str | None],
) -> Trust | None:
    """Fit to the predictions of training and validation FOVs.

    Args:
        settings: What to fit.
        task: What is predicted.
        predicted: What the task returned for each batch of the sides ``train`` and ``val``.
        measures: Of their FOVs, and maybe others.
        labels: ``fov_id`` -> class.

    Returns:
        What was fitted; None where FOVs get no class.
    """
    if not task.fov_predictions(predicted[VALIDATION]):
        return None
    fovs = fov_arrays(task, predicted[VALIDATION])
    known = fovs.labelled()
    both = [*predicted[TRAIN], *predicted[VALIDATION]]
    (vectors,) = fov_vector_table(task, both, 0, TRAIN).values()
    unlike = UnlikeFovs.fit(measures.select(vectors[schema.FOV_ID]), vectors, fovs.fov_ids, labels)
    trust = Trust.fit(settings, task.class_names, fovs.probabilities[known], fovs.targets[known], unlike)
    for limit in trust.limits():
        log.warning(limit)
    return trust


def describe_calibrator(trust: Trust) -> dict[str, Any]:
    """Return method, temperature and the coverage of prediction sets, for ``metrics.json``."""
    calibrator = trust.calibrator
    temperature = round(calibrator.temperature, 6)
    return {"method": calibrator.method, "temperature": temperature, "coverage": trust.settings.coverage}


def score_calibration(task: Task, before: Sequence[Any], after: Sequence[Any], side: str) -> dict[str, Any]:
    """Return the calibration of one side before and after, for ``metrics.json``; nothing where no FOV has a class."""
    scores = {}
    for name, predictions in (("before", before), ("after", after)):
        fovs = fov_arrays(task, predictions)
        known = fovs.labelled()
        if not known.any():
            return {}
        result = calibration(fovs.probabilities[known], fovs.targets[known])
        scores[name] = {
            "ece": result.error,
            "adaptive_ece": result.adaptive_error,
            "brier": result.brier,
            "nll": result.nll,
        }
    return {side: scores}
