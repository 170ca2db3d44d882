"""Training and testing of one fold, once its data are prepared."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning.pytorch as lightning
import polars as pl
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger

from locgraph import schema
from locgraph.analysis.control_inputs import read_inputs
from locgraph.analysis.controls import predict_controls, score_controls
from locgraph.api.config import Settings
from locgraph.api.device import compiled
from locgraph.api.objects.counting import OF_THE_TEST, write_counts
from locgraph.api.packs.cache import locate
from locgraph.api.packs.packed import read_network
from locgraph.api.recipes import differing_settings
from locgraph.api.training import parts
from locgraph.api.training.distributed import fit_in_processes
from locgraph.api.training.loggers import logged
from locgraph.api.training.network import make_network
from locgraph.api.training.objective import SETTING, read_objective
from locgraph.api.training.release_settings import FITTED_TO
from locgraph.api.training.sides import describe_calibrator, predict_sides
from locgraph.api.training.tracking import about_training, track_training
from locgraph.build import build
from locgraph.data.datamodule import GraphDataModule
from locgraph.data.dataset import Draw
from locgraph.data.folds import TEST, VALIDATION, Split
from locgraph.data.prepared import Prepared
from locgraph.errors import CheckpointError, ConfigError
from locgraph.learn.checkpoint import (
    INIT_FROM,
    Checkpoint,
    add_trust,
    check_continues,
    load_weights,
    make_record,
    read_checkpoint,
)
from locgraph.learn.initial import freeze, start_from
from locgraph.learn.module import Learner
from locgraph.learn.run import RunWriter
from locgraph.learn.tabulate import write_tables
from locgraph.learn.tasks.base import Task
from locgraph.learn.tasks.representation import describe_embeddings
from locgraph.nn.network import Network
from locgraph.provenance import whole_file, write_json
from locgraph.run_folder import CONTROL_PREDICTIONS, EMBEDDINGS, EMBEDDINGS_RECORD, PREDICTIONS, RELEASE
from locgraph.show.figures.run import draw_gallery, draw_run
from locgraph.trust.trust import Trust, TrustSettings

if TYPE_CHECKING:
    from locgraph.api.training.release import Release

log = logging.getLogger(__name__)


def fit_and_test(
    settings: Settings,
    writer: RunWriter,
    prepared: Prepared,
    task: Task,
    split: Split,
    seconds: dict[str, float] | None = None,
    release: Release | None = None,
) -> dict[str, Any]:
    """Train a network on one fold, test its best epoch, and write tables and figures.

    A release has no fold: nothing is validated or tested, and its last epoch is kept.

    Args:
        settings: All settings.
        writer: The run folder.
        prepared: Manifest, tables and graphs.
        task: What the network is trained for.
        split: FOV names of the fold.
        seconds: Time spent so far; what is done here is added.
        release: What a release takes from its sweep; None where this is none.

    Returns:
        Metrics for ``metrics.json``.
    """
    seconds = {} if seconds is None else seconds
    lightning.seed_everything(settings["seed"], workers=True, verbose=False)
    data = parts.make_data(settings, prepared, task, split)
    network, record = start_network(settings, prepared, data)
    flat = parts.warn_of_flat_features(data, prepared)
    given = start_of(settings, record, prepared)
    learner = parts.make_learner(settings, network, task, data, record)
    writer.set_history_aside()
    with logged(settings, about_training(settings, writer.group)) as others, lightning_errors():
        loggers = [parts.history_logger(writer.path), *(other.logger for other in others)]
        trainer = parts.make_trainer(settings, writer.path, loggers)
        if settings["train"]:
            with timed(seconds, "train"), compiled(network, settings["trainer"]):
                epochs, steps = fit(trainer, learner, data, writer, given)
        with timed(seconds, "test"):
            tested = read_tested(settings, trainer, writer)
            if tested is not None:
                load_weights(network, tested)
                if not settings["train"]:
                    epochs, steps = tested.epoch + 1, 0
            tables, scores, trust = judge(settings, learner, data, prepared, task, release)
            if tested is not None and settings["train"] and trust is not None:
                add_trust(tested.path, trust)
            if settings["test"]:
                log_scores(loggers, scores[TEST], steps)
            writer.join_history()
        write_results(writer, tables, network, prepared)
        warnings = (*prepared.warnings, *flat, *(trust.limits() if trust is not None else ()))
        metrics = {
            **describe_fold(settings, prepared, data, trainer, warnings),
            **scores,
            **make_controls(settings, prepared, task, split, writer.path),
            "epochs": epochs,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
        }
        if release is None:
            metrics["optimized"] = {"metric": settings[SETTING], "value": read_objective(metrics, settings[SETTING])}
        metrics |= show_results(settings, writer.path, prepared, tables, metrics, data)
        track_training(others, writer, prepared, tables, metrics, tested)
    return metrics


def start_network(settings: Settings, prepared: Prepared, data: GraphDataModule) -> tuple[Network, dict[str, Any]]:
    """Make the network, with the weights of ``init_from`` where it is set, and the record of its checkpoints.

    What the network asks of training batches is set in ``data``.
    """
    sizes = parts.data_sizes(data)
    network = make_network(settings["model"], sizes)
    data.draw = Draw(network.head.drawn_views, network.head.pairs_clusters)
    record = make_record(settings, prepared.graph_settings, prepared.units, data, sizes)
    if settings["init_from"] is not None:
        record[INIT_FROM] = start_from(network, read_start(settings["init_from"]), record)
        freeze(network, settings["frozen"])
    return network, record


def write_results(writer: RunWriter, tables: Mapping[str, pl.DataFrame], network: Network, prepared: Prepared) -> None:
    """Write tables into the run folder, and beside embeddings their record."""
    write_tables(writer.path, tables)
    if EMBEDDINGS in tables:
        about = describe_embeddings(network, tables[EMBEDDINGS], prepared.tables)
        write_json(writer.path / EMBEDDINGS_RECORD, about | {"model": str(writer.best)})


def show_results(
    settings: Settings,
    folder: Path,
    prepared: Prepared,
    tables: Mapping[str, pl.DataFrame],
    metrics: Mapping[str, Any],
    data: GraphDataModule,
) -> dict[str, Any]:
    """Draw the run and some test FOVs, and count the objects of all; what is counted is for ``metrics.json``."""
    draw_run(folder, metrics)
    if PREDICTIONS not in tables or not settings["test"]:
        return {}
    predictions = tables[PREDICTIONS].filter(pl.col(schema.SPLIT) == TEST)
    draw_gallery(folder, prepared.tables, predictions, data.class_names)
    tested = list(data.split.test)
    return write_counts(folder, prepared, {PREDICTIONS: predictions}, data.class_names, OF_THE_TEST, among=tested)


def judge(
    settings: Settings,
    learner: Learner,
    data: GraphDataModule,
    prepared: Prepared,
    task: Task,
    release: Release | None,
) -> tuple[dict[str, pl.DataFrame], dict[str, Any], Trust | None]:
    """Predict validation and test, and fit what tells how far predictions can be trusted.

    A release has neither side: its scores and what it is calibrated to are those of its sweep.

    Returns:
        Tables by file name, scores for ``metrics.json``, and what was fitted; None where FOVs get no class.
    """
    trust_settings: TrustSettings = build(settings["trust"], "trust")
    if release is not None:
        trust = release.fit_trust(trust_settings, task, prepared, data.split.train)
        return {}, release.describe() | describe_trust(trust), trust
    sides = (VALIDATION, TEST) if settings["test"] else (VALIDATION,)
    return predict_sides(parts.make_evaluator(settings), learner, data, prepared, sides, trust_settings)


def read_start(init_from: str) -> Checkpoint:
    """Return the network that ``init_from`` names: a checkpoint, or a packed model by its path or name.

    Raises:
        ConfigError: There is no packed model of this name.
        CheckpointError: It cannot be read, or holds several networks.
    """
    return read_network(locate(init_from, "init_from"), "init_from")


def describe_fold(
    settings: Settings, prepared: Prepared, data: GraphDataModule, trainer: lightning.Trainer, warnings: Sequence[str]
) -> dict[str, Any]:
    """Return what was trained on what, for ``metrics.json``."""
    split = data.split
    return {
        "experiment": str(settings["name"]),
        "fold": None if settings.get(RELEASE) else int(settings["fold"]["index"]),
        "class_names": list(data.class_names),
        "fovs": {"train": len(split.train), "val": len(split.val), "test": len(split.test)},
        "precision": str(trainer.precision),
        "tables": str(prepared.tables),
        "warnings": list(warnings),
    }


def describe_trust(trust: Trust | None) -> dict[str, Any]:
    """Return how predictions of a release are calibrated, for ``metrics.json``; empty where FOVs get no class."""
    return {} if trust is None else {"calibration": describe_calibrator(trust) | {"fitted_to": FITTED_TO}}


@contextmanager
def lightning_errors() -> Iterator[None]:
    """Turn what Lightning refuses into one message."""
    try:
        yield
    except MisconfigurationException as error:
        raise ConfigError(str(error), setting="trainer or callbacks") from error


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Record how long a block takes."""
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started


def start_of(settings: Settings, record: Mapping[str, Any], prepared: Prepared) -> Path | None:
    """Return the checkpoint that ``ckpt_path`` names, once it is known to be of this fold and these data.

    Raises:
        CheckpointError: It was written for other data, another fold, or inputs made with other settings.
    """
    if settings["ckpt_path"] is None:
        return None
    checkpoint = read_checkpoint(Path(settings["ckpt_path"]))
    check_continues(checkpoint, record)
    differing = differing_settings(checkpoint.record["settings"], prepared)
    if differing:
        raise CheckpointError(
            f"{checkpoint.path} was trained on data prepared with other settings of {', '.join(differing)}; give this "
            "run the same",
            setting="ckpt_path",
        )
    return checkpoint.path


def fit(
    trainer: lightning.Trainer, learner: Learner, data: GraphDataModule, writer: RunWriter, start: Path | None = None
) -> tuple[int, int]:
    """Train, from where an interrupted run stopped if there is one, else from a checkpoint if one is given.

    Returns:
        Epochs and optimiser steps, those before included.

    Raises:
        CheckpointError: The checkpoint is of other data, or has seen all epochs that are asked for.
    """
    resumed, setting = (writer.last, "paths.run_dir") if writer.last.is_file() else (start, "ckpt_path")
    if resumed is not None:
        log.info("continues from %s", resumed)
        checkpoint = read_checkpoint(resumed, setting)
        check_continues(checkpoint, learner.record)
        if resumed == start and checkpoint.epoch + 1 >= (trainer.max_epochs or math.inf):
            raise CheckpointError(
                f"{resumed} has {checkpoint.epoch + 1} epochs, so that nothing is left of trainer.max_epochs="
                f"{trainer.max_epochs}; set it higher, or test the checkpoint with train=false",
                setting="ckpt_path",
            )
    if trainer.num_devices > 1:
        return fit_in_processes(trainer, learner, data, writer, resumed)
    trainer.fit(learner, data, ckpt_path=resumed, weights_only=True)
    writer.join_history()
    return trainer.current_epoch, trainer.global_step


def read_tested(settings: Settings, trainer: lightning.Trainer, writer: RunWriter) -> Checkpoint | None:
    """Return the checkpoint that is tested; None where callbacks keep none, and the last weights are."""
    if not settings["train"]:
        return read_checkpoint(Path(settings["ckpt_path"]))
    if settings.get(RELEASE):
        # the last epoch, beside which an interrupted run keeps what it continues from
        with whole_file(writer.best) as temporary:
            shutil.copyfile(writer.last, temporary)
    if trainer.checkpoint_callbacks and not settings["trainer"].get("fast_dev_run"):
        return read_checkpoint(writer.best)
    log.info("no checkpoint was written: the weights after the last step are tested")
    return None


def log_scores(loggers: Sequence[Logger], scores: Mapping[str, float], step: int) -> None:
    """Pass the scores of the test to the loggers."""
    for logger in loggers:
        logger.log_metrics({f"{TEST}/{name}": value for name, value in scores.items()}, step)
        logger.save()


def make_controls(settings: Settings, prepared: Prepared, task: Task, split: Split, folder: Path) -> dict[str, Any]:
    """Train the controls on the same fold, and write their predictions.

    They are trained on training and validation FOVs, since they choose no epoch, and see all localisations that the
    tables hold of the whole FOV, with and without a cluster, and the features of all clusters.

    Returns:
        Scores for ``metrics.json``, or the reason why there are none.
    """
    if settings.get(RELEASE):
        return {"controls": [], "no_controls": "a release holds out no FOV; those of its sweep are in cross_validation"}
    if not settings["controls"]:
        return {"controls": []}
    if not settings["test"]:
        return {"controls": [], "no_controls": "controls are compared on test FOVs, which test=false leaves unseen"}
    if not task.predicts_fovs:
        reason = (
            "controls predict classes, and a representation has none: `locgraph benchmark` compares it with baselines"
            if task.embeds
            else "controls predict classes of FOVs, this model predicts those of localisations alone"
        )
        log.info("no controls: %s", reason)
        return {"controls": [], "no_controls": reason}
    train = (*split.train, *split.val)
    inputs = read_inputs(prepared.tables, (*train, *split.test), prepared.manifest.table)
    labels = {fov_id: label for fov_id, label in prepared.labels.items() if label is not None}
    predictions = predict_controls(inputs, labels, train, split.test, settings["seed"])
    with whole_file(folder / CONTROL_PREDICTIONS) as temporary:
        predictions.write_parquet(temporary)
    return {"controls": score_controls(predictions, len(train)).to_dicts()}
