"""Classes of fields of view (FOVs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Batch
from torchmetrics.functional.classification import multiclass_confusion_matrix

from locgraph import schema
from locgraph.data.datamodule import GraphDataModule
from locgraph.data.folds import VALIDATION
from locgraph.data.labelled import only_localisations_have_classes
from locgraph.data.stored import NO_LABEL
from locgraph.errors import ConfigError, FoldError
from locgraph.io.manifest import Manifest
from locgraph.learn.losses import CrossEntropy, class_weights, total_weight
from locgraph.learn.scores import FovScores, fov_scores
from locgraph.learn.tasks.base import Calibrate, LossSettings, Task
from locgraph.learn.vectors import vector_columns
from locgraph.nn.network import Network
from locgraph.nn.precision import pool
from locgraph.run_folder import PREDICTIONS


class FovPrediction(NamedTuple):
    """Prediction of a batch of FOVs.

    Attributes:
        fov_ids: The FOVs.
        targets: Index of the class of each (FOVs,) int64, or ``NO_LABEL``.
        probabilities: (FOVs, K), the mean over the views of each FOV: float32, and float64 once calibrated.
        vectors: (FOVs, F) float32, what the readout returns, the mean over the views; None where it is not known.
        uncalibrated: (FOVs, K) float32, probabilities before calibration; None where they are not calibrated.
    """

    fov_ids: list[str]
    targets: Tensor
    probabilities: Tensor
    vectors: Tensor | None = None
    uncalibrated: Tensor | None = None

    def not_finite(self) -> list[str]:
        """Return the FOVs with probabilities that are not finite."""
        finite = self.probabilities.isfinite().all(dim=1).tolist()
        return [fov_id for fov_id, good in zip(self.fov_ids, finite, strict=True) if not good]

    def calibrated(self, calibrate: Calibrate) -> FovPrediction:
        """Return the prediction on the CPU with calibrated probabilities."""
        before = self.probabilities.cpu()
        after = torch.from_numpy(calibrate(before.double().numpy()))
        return self._replace(targets=self.targets.cpu(), probabilities=after, uncalibrated=before)


class FovTask(Task):
    """Predict the class of each FOV. Its probabilities are the means over its views.

    Args:
        class_names: Classes in the order of the logits (K).
    """

    predicts = (schema.FIELD_OF_VIEW,)
    weights: Tensor | None
    shares: Tensor | None

    def __init__(self, class_names: Sequence[str]) -> None:
        super().__init__()
        self.class_names = tuple(class_names)
        self.criterion: nn.Module = CrossEntropy()
        self.mixup: Any = None
        self.register_buffer("weights", None, persistent=False)
        self.register_buffer("shares", None, persistent=False)
        self._rows: dict[str, int] = {}

    @classmethod
    def from_manifest(cls, manifest: Manifest, localisation_classes: Sequence[str] | None = None) -> Self:
        """Make the task for the labels of FOVs.

        Raises:
            ConfigError: Only localisations have classes, or names for their classes are given.
        """
        if localisation_classes is not None:
            raise ConfigError(
                "has no effect with a model that predicts classes of FOVs alone; set it to null, or choose "
                "model/head=segment or model/head=both",
                setting="data.localisation_classes",
            )
        if only_localisations_have_classes(manifest):
            raise ConfigError(
                "predicts the class of a FOV, but with labels=localisations no FOV has one; choose model=locclusternet "
                "model/head=segment, or labels of FOVs",
                setting="model.head",
            )
        return cls(manifest.class_names)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Make the task that a checkpoint records, for prediction."""
        return cls(record["class_names"])

    def foldable(self, manifest: Manifest) -> Manifest:
        """Return the FOVs that folds are made of, with the labels that stratify them.

        Raises:
            FoldError: No FOV has a label.
        """
        if not self.class_names:
            raise FoldError("no FOV has a label; choose another source of labels, or learn without them")
        return manifest

    def configure_losses(self, settings: LossSettings, data: GraphDataModule) -> None:
        """Make the loss, weighted by the classes of the training FOVs.

        Raises:
            ConfigError: The loss takes shares of annotators, and there are none.
        """
        trained = data.split.train
        targets: Any = data.targets(trained)
        if settings.takes_shares:
            if not any(map(data.shares.get, trained)):
                raise ConfigError(
                    "takes shares of annotators as targets, and no training FOV has any; use labels=annotations, or "
                    "training/loss=cross_entropy",
                    setting="loss",
                )
            targets = self.shares = data.soft_targets(trained)
            self._rows = {fov_id: row for row, fov_id in enumerate(trained)}
        weights = class_weights(settings.class_weights, targets, self.class_names)
        self.criterion, self.weights = settings.make_loss(weights), weights
        self.mixup = settings.mixup

    def targets(self, batch: Batch) -> Tensor:
        """Return what the loss compares the FOVs of a training batch with: classes (B,) int64, or shares (B, K)."""
        if self.shares is None:
            classes: Tensor = batch[schema.TARGET]
            return classes
        return self.shares[[self._rows[fov_id] for fov_id in batch[schema.FOV_ID]]]

    def losses(self, network: Network, batch: Batch) -> list[Tensor]:
        """Return the loss of a training batch, one view of each FOV."""
        target = self.targets(batch)[batch["fov"]]
        if self.mixup is not None:
            return [self.mixup(network, batch, target, self.criterion)]
        return [self.criterion(network(batch), target)]

    def loss_weights(self, batch: Batch) -> list[Tensor]:
        """Return the number of FOVs, each weighted by its class."""
        return [total_weight(self.targets(batch), self.weights)]

    def predict(self, network: Network, batch: Batch) -> FovPrediction:
        """Return names, targets and probabilities of a batch."""
        encoded = network.encode(batch)
        return predict_fovs(network.classify(encoded)[schema.FIELD_OF_VIEW], encoded.fovs, batch)

    def fov_predictions(self, predictions: Sequence[FovPrediction]) -> list[FovPrediction]:
        """Return the predictions: all are of FOVs."""
        return list(predictions)

    def calibrated(self, predictions: Sequence[FovPrediction], calibrate: Calibrate) -> list[FovPrediction]:
        """Return the predictions with calibrated probabilities."""
        return [prediction.calibrated(calibrate) for prediction in predictions]

    def make_scores(self) -> FovScores:
        """Return a new collector of scores."""
        return FovScores()

    def tables(self, predictions: Sequence[FovPrediction], fold: int, split: str) -> dict[str, pl.DataFrame]:
        """Return ``predictions.parquet``: see `fov_table`."""
        return {PREDICTIONS: fov_table(predictions, self.class_names, fold, split)}

    def epoch_table(self, predictions: Sequence[FovPrediction], fold: int | None) -> pl.DataFrame:
        """Return the table of `fov_table`, and beside it the vectors of the readout, ``v_0``, ``v_1``, ... Float32."""
        table = fov_table(predictions, self.class_names, fold, VALIDATION)
        vectors = [prediction.vectors for prediction in predictions if prediction.vectors is not None]
        return table.with_columns(**vector_columns(torch.cat(vectors).cpu().numpy())) if vectors else table

    def score(self, predictions: Sequence[FovPrediction], side: str) -> dict[str, Any]:
        """Return the scores of FOVs with a label, and their confusion matrix (K, K); nothing where none has one."""
        target = torch.cat([prediction.targets for prediction in predictions])
        known = target != NO_LABEL
        if not known.any():
            return {}
        probabilities = torch.cat([prediction.probabilities for prediction in predictions])[known]
        target = target[known]
        scores = fov_scores(probabilities, target)
        scores["loss"] = functional.nll_loss(probabilities.clamp_min(1e-12).log(), target)
        confusion = multiclass_confusion_matrix(probabilities, target, probabilities.shape[1])
        numbers = {name: value.item() for name, value in scores.items() if not value.isnan()}
        return {side: numbers, "confusion_matrix": confusion.tolist()}


def predict_fovs(logits: Tensor, vectors: Tensor, batch: Batch) -> FovPrediction:
    """Return probabilities and vectors of each FOV, means over its views.

    Args:
        logits: (graphs, K), of each view.
        vectors: (graphs, F), of each view.
        batch: The batch.
    """
    probabilities, means = (
        pool(values, batch["fov"], len(batch[schema.TARGET]), "mean")
        for values in (torch.softmax(logits.float(), dim=1), vectors.float())
    )
    return FovPrediction(list(batch[schema.FOV_ID]), batch[schema.TARGET], probabilities, means)


def fov_table(
    predictions: Sequence[FovPrediction], class_names: Sequence[str], fold: int | None, split: str
) -> pl.DataFrame:
    """Return one row for each FOV.

    Args:
        predictions: Predictions of each batch.
        class_names: Classes in the order of the probabilities.
        fold: Index of the fold; None where there is none.
        split: ``train``, ``val``, ``test`` or ``new``.

    Returns:
        Columns ``fov_id``, ``fold``, ``split``, ``truth`` (null where unknown), ``prediction``, ``p_<class>``, and
        ``uncalibrated_<class>`` where probabilities are calibrated.
    """
    fov_ids = [fov_id for prediction in predictions for fov_id in prediction.fov_ids]
    targets = torch.cat([prediction.targets for prediction in predictions]).tolist()
    probabilities = torch.cat([prediction.probabilities for prediction in predictions]).double().cpu().numpy()
    before = [prediction.uncalibrated for prediction in predictions if prediction.uncalibrated is not None]
    uncalibrated = torch.cat(before).double().numpy() if before else None
    truth = [None if target == NO_LABEL else class_names[target] for target in targets]
    return pl.DataFrame(
        {
            schema.FOV_ID: fov_ids,
            schema.FOLD: pl.Series([fold] * len(fov_ids), dtype=pl.Int64),
            schema.SPLIT: [split] * len(fov_ids),
            schema.TRUTH: pl.Series(truth, dtype=pl.String),
            schema.PREDICTION: [class_names[index] for index in probabilities.argmax(axis=1)],
            **{
                prefix + name: values[:, index]
                for prefix, values in (
                    (schema.PROBABILITY_PREFIX, probabilities),
                    (schema.UNCALIBRATED_PREFIX, uncalibrated),
                )
                if values is not None
                for index, name in enumerate(class_names)
            },
        }
    )
