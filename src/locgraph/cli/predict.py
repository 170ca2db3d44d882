"""Prediction with a checkpoint, once the data are prepared: torch and Lightning enter here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import polars as pl
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from locgraph import schema
from locgraph.cli import assemble, segmentation
from locgraph.cli.prepare import Prepared
from locgraph.data.datamodule import GraphDataModule, LoaderSettings
from locgraph.data.folds import TEST, Split
from locgraph.data.scaling import Scaler, ScalingSettings
from locgraph.learn.checkpoint import Checkpoint, load_weights
from locgraph.learn.module import Classifier
from locgraph.learn.predictions import prediction_table, score, write_predictions
from locgraph.learn.vectors import Embedder, check_kinds, vector_tables
from locgraph.nn.network import Network
from locgraph.nn.sizes import DataSizes


def predict(
    cfg: DictConfig, checkpoint: Checkpoint, prepared: Prepared, fov_ids: Sequence[str], folder: Path, new: bool
) -> dict[str, Any]:
    """Predicts FOVs, scores those with a label, and writes predictions and the vectors that ``vectors`` names.

    Args:
        cfg: The configuration of ``eval.yaml``.
        checkpoint: The checkpoint.
        prepared: Manifest, tables and graphs.
        fov_ids: FOVs to predict.
        folder: Where to write.
        new: Whether these are new files rather than the test side of the run.

    Returns:
        Class names, number of FOVs, and the test metrics where there is truth.

    Raises:
        CheckpointError: The weights do not fit the model that the checkpoint describes.
        ConfigError: The model learns no such vectors.
    """
    record = checkpoint.record
    batch_size = record["settings"]["data"]["batch_size"] if cfg.data.batch_size is None else cfg.data.batch_size
    data = _data(record, prepared, fov_ids, batch_size)
    network = _network(record)
    load_weights(network, checkpoint)
    embedder = Embedder(network, cfg.vectors)
    module = _module(network, record)
    trainer = lightning.Trainer(accelerator=cfg.trainer.accelerator, devices=1, logger=False, enable_progress_bar=False)
    loader = data.evaluation_dataloader(fov_ids)
    batches: Any = trainer.predict(module, loader)
    fold = int(record["settings"]["fold"]["index"])
    split = "new" if new else TEST
    metrics: dict[str, Any] = {"class_names": list(record["class_names"]), "fovs": len(fov_ids), "fold": fold}
    if isinstance(module, segmentation.Segmenter):
        tables = segmentation.tabulate(batches, module, fold, split)
        metrics |= segmentation.scores(batches, module, TEST)
    else:
        tables = {segmentation.FOVS: prediction_table(batches, record["class_names"], fold, split)}
        if tables[segmentation.FOVS][schema.TRUTH].is_not_null().any():
            metrics[TEST], metrics["confusion_matrix"] = score(batches)
    for name, table in tables.items():
        write_predictions(folder / name, table)
        _show(name, table, metrics, folder)
    for name, table in vector_tables(trainer, embedder, loader, fold, split).items():
        write_predictions(folder / name, table)
    return metrics


def check_vectors(cfg: DictConfig, checkpoint: Checkpoint) -> None:
    """Refuses ``vectors`` that the model of the checkpoint does not learn, before any work.

    Raises:
        ConfigError: There are no such vectors.
    """
    check_kinds(_network(checkpoint.record), cfg.vectors)


def _network(record: dict[str, Any]) -> Network:
    network: Network = assemble.build(record["settings"]["model"], sizes=DataSizes(**record["sizes"]))
    return network


def _module(network: Network, record: dict[str, Any]) -> Classifier:
    unused: Any = {"optimizer": torch.optim.AdamW, "schedule": torch.optim.lr_scheduler.LambdaLR}
    classes = record.get("localisation_classes")
    if classes:
        return segmentation.Segmenter(network, record["class_names"], localisation_classes=classes, **unused)
    return Classifier(network, record["class_names"], **unused)


def _data(record: dict[str, Any], prepared: Prepared, fov_ids: Sequence[str], batch_size: int) -> GraphDataModule:
    table = prepared.manifest.table
    settings = record["settings"]["data"]
    return GraphDataModule(
        store=prepared.store,
        split=Split((), (), tuple(fov_ids)),
        labels=dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True)),
        class_names=record["class_names"],
        loader=LoaderSettings(batch_size, settings["num_workers"], settings["in_memory"]),
        scaling=ScalingSettings(),
        localisations=record["settings"]["graph"]["localisations"],
        scaler=Scaler.from_plain(record["scaler"]),
        localisation_classes=record.get("localisation_classes") or (),
    )


def _show(file: str, table: pl.DataFrame, metrics: dict[str, Any], folder: Path) -> None:
    console = Console()
    part, what = (metrics, "FOVs") if file == segmentation.FOVS else (metrics[segmentation.PART], "localisations")
    if TEST in part:
        numbers = {name: value for name, value in part[TEST].items() if isinstance(value, float)}
        shown = Table(title=f"{len(table.filter(table[schema.TRUTH].is_not_null()))} {what} with a label")
        for name in numbers:
            shown.add_column(name, justify="right")
        shown.add_row(*(f"{value:.4f}" for value in numbers.values()))
        console.print(shown)
    counts = table[schema.PREDICTION].value_counts(sort=True)
    console.print(f"{table.height} {what} predicted: " + ", ".join(f"{n} {name}" for name, n in counts.iter_rows()))
    console.print(f"predictions: {folder / file}", soft_wrap=True)
