"""Classes of localisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.data.datamodule import GraphDataModule
from locgraph.data.folds import TEST, TRAIN, VALIDATION
from locgraph.data.labelled import only_localisations_have_classes
from locgraph.data.sampler import EpochSampler
from locgraph.data.stored import NO_LABEL
from locgraph.errors import ConfigError, FoldError
from locgraph.io.manifest import Manifest
from locgraph.learn.losses import CrossEntropy, class_weights, total_weight
from locgraph.learn.scores import LocalisationScores, TaskScores, scores_by_class
from locgraph.learn.tasks.base import LossSettings, Task
from locgraph.learn.tasks.fov import FovPrediction
from locgraph.nn.network import Network
from locgraph.run_folder import LOCALISATION_PREDICTIONS

PART = "localisations"
"""Key of the scores of localisations in ``metrics.json``."""


class LocalisationPrediction(NamedTuple):
    """Prediction of a batch of FOVs and their localisations.

    Attributes:
        fovs: Prediction of the FOVs; None where they get no class.
        fov_ids: The FOVs.
        localisations: For each FOV the classes (n,) int64 of its localisations in view 0, or ``NO_LABEL``, and their
            probabilities (n, K'), in the order of the table of localisations.
    """

    fovs: FovPrediction | None
    fov_ids: list[str]
    localisations: list[tuple[Tensor, Tensor]]

    def not_finite(self) -> list[str]:
        """Return the FOVs with probabilities that are not finite."""
        rows = zip(self.fov_ids, self.localisations, strict=True)
        wrong = [fov_id for fov_id, (_, probabilities) in rows if not probabilities.isfinite().all()]
        return [*wrong, *(self.fovs.not_finite() if self.fovs is not None else [])]


class LocalisationTask(Task):
    """Predict the class of each localisation in view 0; other views hold other localisations.

    Args:
        localisation_classes: Classes of localisations in the order of the logits (K').
        class_names: Classes of FOVs, if there are any; they are not predicted.
    """

    predicts: ClassVar[tuple[str, ...]] = (schema.LOCALISATION,)
    weights: Tensor | None

    def __init__(self, localisation_classes: Sequence[str], class_names: Sequence[str] = ()) -> None:
        super().__init__()
        self.localisation_classes, self.class_names = tuple(localisation_classes), tuple(class_names)
        self.criterion: nn.Module = CrossEntropy()
        self.register_buffer("weights", None, persistent=False)

    @classmethod
    def from_manifest(cls, manifest: Manifest, localisation_classes: Sequence[str] | None = None) -> Self:
        """Make the task for the labels of localisations.

        Raises:
            ConfigError: Localisations have no classes, or their names are given twice.
        """
        only = only_localisations_have_classes(manifest)
        if localisation_classes is None and not only:
            raise ConfigError(
                "predicts classes of localisations, which have none in these data; take labels=localisations with "
                "columns.names.loc_label, or name what the integers of loc_label mean in data.localisation_classes, or "
                "choose model/head=classify",
                setting="model.head",
            )
        if localisation_classes is None:
            return cls(manifest.class_names, manifest.class_names)
        if only:
            raise ConfigError(
                "has no effect with labels=localisations, which names them; set it to null, or choose labels of FOVs",
                setting="data.localisation_classes",
            )
        names = [str(name) for name in localisation_classes]
        if isinstance(localisation_classes, str) or not names or len(set(names)) < len(names):
            raise ConfigError(
                f"expected different names, such as [bound, free], or null; found {localisation_classes!r}",
                setting="data.localisation_classes",
            )
        return cls(names, manifest.class_names)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Make the task that a checkpoint records, for prediction."""
        return cls(record["localisation_classes"], record["class_names"])

    @property
    def predicts_fovs(self) -> bool:
        """Whether FOVs get a class."""
        return schema.FIELD_OF_VIEW in self.predicts

    def foldable(self, manifest: Manifest) -> Manifest:
        """Return the FOVs that folds are made of: those without a localisation that has a class teach nothing.

        Raises:
            FoldError: None is left.
        """
        labelled = manifest.table.filter(pl.col(schema.N_LABELLED).is_null() | (pl.col(schema.N_LABELLED) > 0))
        if labelled.is_empty():
            raise FoldError(
                "no localisation of any FOV has a class; check columns.names.loc_label, or annotate regions, points or "
                "clusters"
            )
        return replace(manifest, table=labelled)

    def check_sampler(self, sampler: type[EpochSampler] | Any, manifest: Manifest) -> None:
        """Refuse to draw FOVs by class where they have none.

        Raises:
            ConfigError: The sampler balances classes of FOVs.
        """
        if sampler.balances_classes and only_localisations_have_classes(manifest):
            raise ConfigError(
                "draws FOVs by class, and with labels=localisations no FOV has one; use training/sampler=shuffled",
                setting="training.sampler",
            )

    def configure_losses(self, settings: LossSettings, data: GraphDataModule) -> None:
        """Make the loss, weighted by the classes of the training localisations.

        Raises:
            ConfigError: FOVs would be blended, or the loss is one of FOVs alone.
            FoldError: A side of the fold has no localisation with a class, or one of a class that training lacks.
        """
        if settings.mixup is not None:
            raise ConfigError(
                "blends vectors of FOVs, but the head of this model also reads localisations; use training/mixup=none, "
                "or model/head=classify",
                setting="mixup",
            )
        if settings.takes_shares and not self.predicts_fovs:
            raise ConfigError(
                "takes shares of the annotators of FOVs, and this model classifies localisations alone; use "
                "training/loss=cross_entropy",
                setting="loss",
            )
        labels = check_sides(data)
        weights = class_weights(self._weights_choice(settings), labels, self.localisation_classes)
        self.criterion, self.weights = settings.make_loss(weights), weights

    def _weights_choice(self, settings: LossSettings) -> Any:
        return settings.class_weights

    def losses(self, network: Network, batch: Batch) -> list[Tensor]:
        """Return the loss of a training batch, one view of each FOV: the mean over localisations that have a class."""
        return [self._localisation_loss(network.logits(batch)[schema.LOCALISATION], batch)]

    def _localisation_loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Return the loss of the localisations that have a class; 0 where none has."""
        labels = batch[schema.LOCALISATION][schema.LOC_LABEL]
        known = labels != NO_LABEL
        if not known.any():
            return 0.0 * logits.float().sum()
        loss: Tensor = self.criterion(logits.float()[known], labels[known])
        return loss

    def loss_weights(self, batch: Batch) -> list[Tensor]:
        """Return the number of localisations that have a class, each weighted by it."""
        labels = batch[schema.LOCALISATION][schema.LOC_LABEL]
        return [total_weight(labels[labels != NO_LABEL], self.weights)]

    def predict(self, network: Network, batch: Batch) -> LocalisationPrediction:
        """Return names, targets and probabilities of a batch."""
        encoded = network.encode(batch)
        logits = network.classify(encoded)
        probabilities = torch.softmax(logits[schema.LOCALISATION].float(), dim=1)
        fov_ids, node = list(batch[schema.FOV_ID]), batch[schema.LOCALISATION]
        sizes = torch.bincount(node.batch, minlength=len(batch["fov"])).tolist()
        labels, parts = node[schema.LOC_LABEL].split(sizes), probabilities.split(sizes)
        # views of a FOV follow each other, view 0 first
        first = torch.searchsorted(batch["fov"], torch.arange(len(fov_ids), device=batch["fov"].device)).tolist()
        rows = [(labels[index], parts[index]) for index in first]
        return LocalisationPrediction(self._predict_fovs(logits, encoded.fovs, batch), fov_ids, rows)

    def _predict_fovs(self, logits: Mapping[str, Tensor], vectors: Tensor, batch: Batch) -> FovPrediction | None:
        return None

    def make_scores(self) -> TaskScores:
        """Return a new collector of scores."""
        return TaskScores(len(self.localisation_classes), None)

    def tables(self, predictions: Sequence[LocalisationPrediction], fold: int, split: str) -> dict[str, pl.DataFrame]:
        """Return ``localisation_predictions.parquet``: see `localisation_table`."""
        return {LOCALISATION_PREDICTIONS: localisation_table(predictions, self.localisation_classes, fold, split)}

    def epoch_table(self, predictions: Sequence[LocalisationPrediction], fold: int | None) -> pl.DataFrame:
        """Return the number of localisations of each FOV that have a class, and the fraction of them that is right."""
        rows = []
        for prediction in predictions:
            for fov_id, (labels, probabilities) in zip(prediction.fov_ids, prediction.localisations, strict=True):
                known = labels != NO_LABEL
                right = (probabilities.argmax(dim=1) == labels)[known]
                rows.append((fov_id, fold, VALIDATION, len(right), right.float().mean().item() if len(right) else None))
        names = {schema.FOV_ID: pl.String, schema.FOLD: pl.Int64, schema.SPLIT: pl.String}
        kinds: dict[str, Any] = names | {schema.N_KNOWN: pl.Int64, schema.ACCURACY: pl.Float64}
        return pl.DataFrame(rows, schema=kinds, orient="row")

    def score(self, predictions: Sequence[LocalisationPrediction], side: str) -> dict[str, Any]:
        """Return the scores of localisations with a class.

        Returns:
            ``localisations`` with ``class_names``, the scores of the side and ``confusion_matrix`` (K', K'); the scores
            once more as those of the run, and ``scored``, which states this.
        """
        names = list(self.localisation_classes)
        part: dict[str, Any] = {"class_names": names} | score_localisations(predictions, names, side)
        whole: dict[str, Any] = {"scored": PART, "class_names": names}
        if side in part:
            numbers = {name: value for name, value in part[side].items() if name != "by_class"}
            whole |= {side: numbers, "confusion_matrix": part["confusion_matrix"]}
        return {PART: part} | whole


def check_sides(data: GraphDataModule) -> Tensor:
    """Return the classes of the training localisations in view 0 that have one, (N,) int64.

    Raises:
        FoldError: A side of the fold has no localisation with a class, or one of a class that training lacks.
    """
    labels, names = {}, data.localisation_classes
    for side, fov_ids in ((TRAIN, data.split.train), (VALIDATION, data.split.val), (TEST, data.split.test)):
        classes = torch.cat([data.load(fov_id)[0][schema.LOCALISATION][schema.LOC_LABEL] for fov_id in fov_ids])
        labels[side] = classes[classes != NO_LABEL]
        if not len(labels[side]):
            raise FoldError(
                f"no localisation of the {len(fov_ids)} FOVs for {side} has a class; check columns.names.loc_label or "
                "the annotations, or choose another fold.seed"
            )
    trained = set(labels[TRAIN].unique().tolist())
    for side in (VALIDATION, TEST):
        unseen = [names[index] for index in labels[side].unique().tolist() if index not in trained]
        if unseen:
            raise FoldError(
                f"localisations of the classes {unseen} are in {side} but not in training; choose another fold.seed, "
                "fewer folds, or another fold.path"
            )
    if len(trained) < 2:
        raise FoldError(
            f"training has localisations of the single class {[names[index] for index in trained]}; at least 2 "
            "expected: check columns.names.loc_label, or the annotations"
        )
    return labels[TRAIN]


def localisation_table(
    predictions: Sequence[LocalisationPrediction], class_names: Sequence[str], fold: int, split: str
) -> pl.DataFrame:
    """Return one row for each localisation in a cluster of view 0.

    Args:
        predictions: Predictions of each batch.
        class_names: Classes of localisations in the order of the probabilities.
        fold: Index of the fold.
        split: ``train``, ``val``, ``test`` or ``new``.

    Returns:
        Columns ``fov_id``, ``row``, ``fold``, ``split``, ``truth`` (null where unknown), ``prediction`` and
        ``p_<class>``.
    """
    fovs = [
        (fov_id, *rows) for each in predictions for fov_id, rows in zip(each.fov_ids, each.localisations, strict=True)
    ]
    sizes = [len(labels) for _, labels, _ in fovs]
    truth = torch.cat([labels for _, labels, _ in fovs]).cpu().numpy()
    probabilities = torch.cat([values for _, _, values in fovs]).double().cpu().numpy()
    names = np.array([*class_names, None], dtype=object)  # NO_LABEL is the last
    return pl.DataFrame(
        {
            schema.FOV_ID: np.repeat(np.array([fov_id for fov_id, _, _ in fovs], dtype=object), sizes).tolist(),
            schema.ROW: np.concatenate([np.arange(size) for size in sizes]),
            schema.FOLD: np.full(len(truth), fold, dtype=np.int64),
            schema.SPLIT: [split] * len(truth),
            schema.TRUTH: pl.Series(names[truth].tolist(), dtype=pl.String),
            schema.PREDICTION: pl.Series(names[probabilities.argmax(axis=1)].tolist(), dtype=pl.String),
            **{schema.PROBABILITY_PREFIX + name: probabilities[:, index] for index, name in enumerate(class_names)},
        }
    )


def score_localisations(
    predictions: Sequence[LocalisationPrediction], class_names: Sequence[str], side: str
) -> dict[str, Any]:
    """Score the localisations whose class is known.

    Args:
        predictions: Predictions of each batch.
        class_names: Classes of localisations in the order of the probabilities.
        side: The key of the scores.

    Returns:
        ``side``: the scores of `LocalisationScores`, and ``by_class``, class name to those of `scores_by_class` that
        exist; ``confusion_matrix`` (K', K'), rows are true classes. Empty where no class is known.
    """
    collected = LocalisationScores(len(class_names))
    for prediction in predictions:
        for labels, probabilities in prediction.localisations:
            collected.update(probabilities.cpu(), labels.cpu())
    if not collected.confusion.any():
        return {}
    each = {name: values.tolist() for name, values in scores_by_class(collected.confusion).items()}
    scores: dict[str, Any] = {name: value.item() for name, value in collected.compute().items()}
    scores["by_class"] = {
        name: {score: values[index] for score, values in each.items() if not np.isnan(values[index])}
        for index, name in enumerate(class_names)
    }
    return {side: scores, "confusion_matrix": collected.confusion.tolist()}
