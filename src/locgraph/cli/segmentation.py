"""Training and testing where the head names classes of localisations: what `fit` and `predict` do then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as lightning
import polars as pl
import torch
from omegaconf import DictConfig
from torch import Tensor

from locgraph import schema
from locgraph.cli import assemble
from locgraph.data.datamodule import GraphDataModule
from locgraph.data.dataset import NO_LABEL
from locgraph.data.folds import TEST, TRAIN, VALIDATION
from locgraph.errors import FoldError
from locgraph.learn.localisation_predictions import has_truth, localisation_table, score_localisations
from locgraph.learn.losses import class_weights
from locgraph.learn.predictions import prediction_table, score
from locgraph.learn.segmenter import Segmented, Segmenter
from locgraph.nn.network import Network

FOVS, LOCALISATIONS = "predictions.parquet", "localisation_predictions.parquet"
PART = "localisations"
"""Key of the scores of localisations in ``metrics.json``, and what ``scored`` says where they are all there is."""


def make_segmenter(cfg: DictConfig, network: Network, data: GraphDataModule, settings: Mapping[str, Any]) -> Segmenter:
    """The LightningModule for a head that names classes of localisations.

    Args:
        cfg: The whole configuration.
        network: The network.
        data: The data of the fold.
        settings: Arguments of every `Classifier`.

    Raises:
        FoldError: A side of the fold has no localisation with a class, or one of a class that training has not.
    """
    labels = _check_sides(data)
    choice, own = assemble.plain(cfg.training.class_weights), {}
    if schema.FIELD_OF_VIEW in network.predicts:
        weights = class_weights(choice, data.targets(data.split.train), data.class_names)
        own["loss"] = assemble.build(cfg.training.loss, class_weights=weights)
        # numbers for each class are those of FOVs
        choice = "balanced" if choice == "balanced" else None
    weights = class_weights(choice, labels, data.localisation_classes)
    return Segmenter(
        network,
        data.class_names,
        localisation_classes=data.localisation_classes,
        localisation_loss=assemble.build(cfg.training.loss, class_weights=weights),
        localisation_weight=cfg.training.localisation_weight,
        **settings,
        **own,
    )


def _check_sides(data: GraphDataModule) -> Tensor:
    """Classes of the training localisations in view 0 that have one (N,) int64."""
    labels, names = {}, data.localisation_classes
    for side, fov_ids in ((TRAIN, data.split.train), (VALIDATION, data.split.val), (TEST, data.split.test)):
        found = torch.cat([data.load(fov_id)[0][schema.LOCALISATION][schema.LOC_LABEL] for fov_id in fov_ids])
        labels[side] = found[found != NO_LABEL]
        if not len(labels[side]):
            raise FoldError(
                f"no localisation of the {len(fov_ids)} FOVs for {side} has a class; check columns.names.loc_label, or "
                "choose another fold.seed"
            )
    seen = set(labels[TRAIN].unique().tolist())
    for side in (VALIDATION, TEST):
        unseen = [names[index] for index in labels[side].unique().tolist() if index not in seen]
        if unseen:
            raise FoldError(
                f"localisations of the classes {unseen} are in {side} but not in training; choose another fold.seed, "
                "fewer folds, or another fold.path"
            )
    if len(seen) < 2:
        raise FoldError(
            f"training has localisations of the single class {[names[index] for index in seen]}; at least 2 expected: "
            "check columns.names.loc_label"
        )
    return labels[TRAIN]


def predictions(
    trainer: lightning.Trainer, module: Segmenter, data: GraphDataModule, fold: int
) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """Predictions for the validation and test FOVs, and their metrics.

    Returns:
        File name -> table of both sides; metrics of each side. Where the head names no classes of FOVs, the scores of
        the whole run are those of localisations.
    """
    tables: dict[str, list[pl.DataFrame]] = {}
    metrics: dict[str, Any] = {}
    for side, fov_ids in ((VALIDATION, data.split.val), (TEST, data.split.test)):
        batches: Any = trainer.predict(module, data.evaluation_dataloader(fov_ids))
        for name, table in tabulate(batches, module, fold, side).items():
            tables.setdefault(name, []).append(table)
        _merge(metrics, scores(batches, module, side))
    return {name: pl.concat(parts) for name, parts in tables.items()}, metrics


def _merge(metrics: dict[str, Any], found: Mapping[str, Any]) -> None:
    metrics[PART] = {**metrics.get(PART, {}), **found[PART]}
    metrics |= {key: value for key, value in found.items() if key != PART}


def tabulate(batches: Sequence[Segmented], module: Segmenter, fold: int, split: str) -> dict[str, pl.DataFrame]:
    """File name -> table, of localisations, and of FOVs where the head names their classes too."""
    tables = {LOCALISATIONS: localisation_table(batches, module.localisation_classes, fold, split)}
    if module.names_fovs:
        tables[FOVS] = prediction_table(_of_fovs(batches), module.class_names, fold, split)
    return tables


def scores(batches: Sequence[Segmented], module: Segmenter, side: str) -> dict[str, Any]:
    """The metrics of one side, as far as there is truth.

    Returns:
        ``localisations`` with ``class_names``, the scores of the side and its ``confusion_matrix``; beside it those of
        FOVs, or, where the head names no classes of FOVs, those of localisations again, and ``scored`` which says so.
    """
    names = list(module.localisation_classes)
    found: dict[str, Any] = {PART: {"class_names": names}}
    if has_truth(batches):
        found[PART][side], found[PART]["confusion_matrix"] = score_localisations(batches, names)
    if not module.names_fovs:
        numbers = {name: value for name, value in found[PART].get(side, {}).items() if name != "by_class"}
        again = {side: numbers, "confusion_matrix": found[PART]["confusion_matrix"]} if numbers else {}
        return found | {"scored": PART, "class_names": names} | again
    if any(bool((batch.targets != NO_LABEL).any()) for batch in batches):
        found[side], found["confusion_matrix"] = score(_of_fovs(batches))
    return found


def _of_fovs(batches: Sequence[Segmented]) -> list[tuple[list[str], Tensor, Tensor]]:
    return [(batch.fov_ids, batch.targets, batch.probabilities) for batch in batches if batch.probabilities is not None]
