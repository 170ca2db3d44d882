"""Training and testing one fold, once everything is prepared: torch and Lightning enter here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import polars as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import CSVLogger, Logger
from omegaconf import DictConfig

from locgraph import schema
from locgraph.analysis.controls import run_controls
from locgraph.cli import assemble, results, segmentation, task
from locgraph.cli.prepare import Prepared
from locgraph.cli.record import INIT_FROM, make_record
from locgraph.cli.run_folder import RunFolder
from locgraph.data.datamodule import GraphDataModule, feature_sizes
from locgraph.data.folds import TEST, VALIDATION, Split
from locgraph.errors import ConfigError
from locgraph.io.featextracted import read_fov
from locgraph.learn import history
from locgraph.learn.checkpoint import check_continues, load_weights, read_checkpoint
from locgraph.learn.initial import start_from
from locgraph.learn.loggers import csv_logger, finish
from locgraph.learn.losses import class_weights
from locgraph.learn.module import Classifier
from locgraph.learn.predictions import prediction_table, score, write_predictions
from locgraph.learn.segmenter import Segmenter
from locgraph.learn.vectors import FILES, FOV, Embedder, vector_tables
from locgraph.nn.network import Network
from locgraph.nn.sizes import DataSizes

log = logging.getLogger(__name__)


def fit_and_test(
    cfg: DictConfig, folder: RunFolder, prepared: Prepared, split: Split, seconds: dict[str, float]
) -> dict[str, Any]:
    """Trains a network on one fold, tests its best epoch, and writes tables and figures.

    Args:
        cfg: The whole configuration.
        folder: The run folder.
        prepared: Manifest, tables and graphs.
        split: FOV names of the fold.
        seconds: Time spent so far; what is done here is added.

    Returns:
        Metrics for ``metrics.json``.
    """
    lightning.seed_everything(cfg.seed, workers=True, verbose=False)
    data = make_data(cfg, prepared, split)
    sizes = make_sizes(data, len(data.localisation_classes))
    network: Network = assemble.network(cfg.model, sizes)
    record = make_record(cfg, prepared, data, sizes)
    if cfg.model.init_from is not None:
        record[INIT_FROM] = start_from(network, read_checkpoint(Path(cfg.model.init_from), "model.init_from"), record)
    module = make_module(cfg, network, data, record)
    history.set_aside(folder.path)
    loggers = make_loggers(cfg, folder.path)
    try:
        trainer = make_trainer(cfg, folder, loggers)
        with timed(seconds, "train"):
            fit(trainer, module, data, folder)
        with timed(seconds, "test"):
            load_weights(network, read_checkpoint(folder.checkpoints / "best.ckpt"))
            tables, scores = predictions(trainer, module, data, cfg.fold.index)
            learned = fov_vectors(trainer, network, data, cfg.fold.index)
            log_scores(loggers, scores[TEST], trainer.global_step)
        for name, table in (tables | learned).items():
            write_predictions(folder.path / name, table)
        metrics = {
            "experiment": str(cfg.name),
            "fold": int(cfg.fold.index),
            "class_names": list(data.class_names),
            **scores,
            **make_controls(cfg, prepared, split),
            "epochs": trainer.current_epoch,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "fovs": {"train": len(split.train), "val": len(split.val), "test": len(split.test)},
            "precision": str(trainer.precision),
            "tables": str(prepared.tables),
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
        }
        results.draw(folder.path, metrics)
        if segmentation.FOVS in tables:
            of_test = tables[segmentation.FOVS].filter(pl.col(schema.SPLIT) == TEST)
            results.draw_gallery(folder.path, prepared.tables, of_test, data.class_names)
        results.log_figures(loggers, folder.path)
        results.log_tables(loggers, metrics, tables.get(segmentation.FOVS))
    except MisconfigurationException as error:
        raise ConfigError(f"trainer or callbacks: {error}") from error
    finally:
        finish(loggers)
    results.show(metrics, folder.path)
    return metrics


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Notes how long a block takes."""
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started


def fit(trainer: lightning.Trainer, module: Classifier, data: GraphDataModule, folder: RunFolder) -> None:
    """Trains, from where an interrupted run stopped if there is one."""
    resumed = folder.last_checkpoint
    if resumed is not None:
        log.info("goes on from %s", resumed)
        check_continues(read_checkpoint(resumed, "paths.run_dir"), module.record)
    trainer.fit(module, data, ckpt_path=resumed, weights_only=True)
    history.join(folder.path)


def make_data(cfg: DictConfig, prepared: Prepared, split: Split) -> GraphDataModule:
    """The data module of one fold."""
    table = prepared.manifest.table
    return GraphDataModule(
        store=prepared.store,
        split=split,
        labels=dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True)),
        class_names=prepared.manifest.class_names,
        loader=assemble.loader_settings(cfg),
        scaling=assemble.build(cfg.scaling),
        transforms=assemble.augmentation(cfg.augment, prepared.units, prepared.graph_settings),
        localisations=prepared.graph_settings["localisations"],
        seed=cfg.seed,
        sampler=assemble.build(cfg.training.sampler),
        fractions=assemble.fractions(prepared.graph_settings),
        localisation_classes=task.localisation_classes(cfg, prepared.manifest),
    )


def make_sizes(data: GraphDataModule, localisation_classes: int = 0) -> DataSizes:
    """The numbers that a network is built with, read off the graph of one training FOV.

    Args:
        data: The data module.
        localisation_classes: Number of classes of localisations that the head names.
    """
    graph = data.load(data.split.train[0])[0]
    features = feature_sizes(graph)
    return DataSizes(
        dimensions=int(graph[schema.CLUSTER][schema.POS].shape[1]),
        n_classes=len(data.class_names),
        cluster_features=features.get(schema.CLUSTER, 0),
        localisation_features=features.get(schema.LOCALISATION, 0),
        levels=sum(name.startswith(schema.LOCALISATION) for name in graph.node_types),
        supercluster_features=features.get(schema.SUPERCLUSTER, 0),
        superlevels=sum(name.startswith(schema.SUPERCLUSTER) for name in graph.node_types),
        descriptors=features.get(schema.FIELD_OF_VIEW, 0),
        localisation_classes=localisation_classes,
    )


def make_module(cfg: DictConfig, network: Network, data: GraphDataModule, record: dict[str, Any]) -> Classifier:
    """The LightningModule that the group ``training`` describes."""
    settings = {
        "optimizer": make_optimizer(cfg),
        "schedule": assemble.build(cfg.training.schedule),
        "mixup": assemble.build(cfg.training.mixup) if cfg.training.mixup else None,
        "record": record,
        "seed": cfg.seed,
    }
    if data.localisation_classes:
        return segmentation.make_segmenter(cfg, network, data, settings)
    choice = assemble.plain(cfg.training.class_weights)
    weights = class_weights(choice, data.targets(data.split.train), data.class_names)
    loss = assemble.build(cfg.training.loss, class_weights=weights)
    return Classifier(network, data.class_names, loss=loss, **settings)


def make_optimizer(cfg: DictConfig) -> Callable[..., torch.optim.Optimizer]:
    """What makes the optimiser; tried at once on a parameter, as Lightning would tell late."""
    make = assemble.build(cfg.training.optimizer)
    try:
        make([torch.nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError) as error:
        raise ConfigError(f"training.optimizer: {error}") from error
    return make


def make_loggers(cfg: DictConfig, folder: Path) -> list[Logger]:
    """The csv logger that every run has, and those of the group ``logger``."""
    loggers: list[Logger] = [csv_logger(str(folder))]
    for name, leaf in (cfg.logger or {}).items():
        names = {"name": f"{cfg.name}-fold{cfg.fold.index}", "group": str(cfg.name)} if name == "wandb" else {}
        loggers.append(assemble.build(leaf, folder=str(folder), **names))
    for logger in loggers:
        if not isinstance(logger, CSVLogger):
            logger.log_hyperparams(assemble.plain(cfg))
    return loggers


def make_trainer(cfg: DictConfig, folder: RunFolder, loggers: list[Logger]) -> lightning.Trainer:
    """The Lightning trainer with its callbacks."""
    dirpath = {"dirpath": str(folder.checkpoints)}
    callbacks = [
        assemble.build(leaf, **(dirpath if str(leaf["_target_"]).endswith("ModelCheckpoint") else {}))
        for leaf in cfg.callbacks.values()
    ]
    if cfg.training.average:
        callbacks.append(assemble.build(cfg.training.average))
    return assemble.build(cfg.trainer, callbacks=callbacks, logger=loggers, default_root_dir=str(folder.path))


def predictions(
    trainer: lightning.Trainer, module: Classifier, data: GraphDataModule, fold: int
) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """Predictions for the validation and test FOVs, and their metrics.

    Returns:
        File name -> table of both sides; metrics of each, and the confusion matrix of the test side.
    """
    if isinstance(module, Segmenter):
        return segmentation.predictions(trainer, module, data, fold)
    tables = []
    metrics: dict[str, Any] = {}
    for side, fov_ids in ((VALIDATION, data.split.val), (TEST, data.split.test)):
        batches: Any = trainer.predict(module, data.evaluation_dataloader(fov_ids))
        tables.append(prediction_table(batches, data.class_names, fold, side))
        metrics[side], metrics["confusion_matrix"] = score(batches)
    return {segmentation.FOVS: pl.concat(tables)}, metrics


def fov_vectors(
    trainer: lightning.Trainer, network: Network, data: GraphDataModule, fold: int
) -> dict[str, pl.DataFrame]:
    """File name -> vectors of the validation and test FOVs."""
    embedder = Embedder(network, [FOV])
    found = [
        vector_tables(trainer, embedder, data.evaluation_dataloader(fov_ids), fold, side)[FILES[FOV]]
        for side, fov_ids in ((VALIDATION, data.split.val), (TEST, data.split.test))
    ]
    return {FILES[FOV]: pl.concat(found)}


def log_scores(loggers: Sequence[Logger], scores: Mapping[str, float], step: int) -> None:
    """Hands the metrics of the test to the loggers."""
    for logger in loggers:
        logger.log_metrics({f"{TEST}/{name}": value for name, value in scores.items()}, step)
        logger.save()


def make_controls(cfg: DictConfig, prepared: Prepared, split: Split) -> dict[str, Any]:
    """The controls, or the reason why there are none, for ``metrics.json``."""
    if not cfg.controls or schema.FIELD_OF_VIEW in task.predicted(cfg):
        return {"controls": controls(cfg, prepared, split) if cfg.controls else []}
    reason = "controls name classes of FOVs, this model names those of localisations alone"
    log.info("no controls: %s", reason)
    return {"controls": [], "no_controls": reason}


def controls(cfg: DictConfig, prepared: Prepared, split: Split) -> list[dict[str, Any]]:
    """The controls on the same fold: trained on training and validation FOVs, since they choose no epoch.

    They see the localisations that the network sees: those of clusters, in the whole FOV.
    """
    table = prepared.manifest.table
    positions = {}
    for fov_id in (*split.train, *split.val, *split.test):
        fov = read_fov(prepared.tables, fov_id)
        whole = fov.locs.filter(pl.col(schema.VIEW) == 0, pl.col(schema.CLUSTER_ID) != schema.NOISE)
        positions[fov_id] = whole.select(schema.position_columns(fov.dimensions)).to_numpy()
    labels = dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True))
    return run_controls(positions, labels, (*split.train, *split.val), split.test, cfg.seed).to_dicts()
