"""Classes of fields of view (FOVs) and of their localisations at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import polars as pl
from torch import Tensor
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.data.datamodule import GraphDataModule
from locgraph.data.labelled import only_localisations_have_classes
from locgraph.errors import ConfigError
from locgraph.io.manifest import Manifest
from locgraph.learn.scores import TaskScores
from locgraph.learn.tasks.base import Calibrate, LossSettings
from locgraph.learn.tasks.fov import FovPrediction, FovTask, predict_fovs
from locgraph.learn.tasks.localisation import PART, LocalisationPrediction, LocalisationTask
from locgraph.nn.network import Network


class JointTask(LocalisationTask):
    """Predict the class of each FOV and that of each localisation.

    Args:
        localisation_classes: Classes of localisations in the order of their logits (K').
        class_names: Classes of FOVs in the order of their logits (K).
    """

    predicts = (schema.FIELD_OF_VIEW, schema.LOCALISATION)

    def __init__(self, localisation_classes: Sequence[str], class_names: Sequence[str] = ()) -> None:
        super().__init__(localisation_classes, class_names)
        self.fovs = FovTask(class_names)
        self.localisation_weight = 1.0

    @classmethod
    def from_manifest(cls, manifest: Manifest, localisation_classes: Sequence[str] | None = None) -> Self:
        """Make the task for the labels of FOVs and of localisations.

        Raises:
            ConfigError: FOVs or localisations have no classes.
        """
        if only_localisations_have_classes(manifest):
            raise ConfigError(
                "predicts the class of a FOV, but with labels=localisations no FOV has one; choose model/head=segment, "
                "or labels of FOVs with data.localisation_classes",
                setting="model.head",
            )
        return super().from_manifest(manifest, localisation_classes)

    def foldable(self, manifest: Manifest) -> Manifest:
        """Return the FOVs that folds are made of, with the labels that stratify them.

        Raises:
            FoldError: No FOV has a label.
        """
        return self.fovs.foldable(manifest)

    def configure_losses(self, settings: LossSettings, data: GraphDataModule) -> None:
        """Make both losses; numbers for single classes are those of FOVs.

        Raises:
            ConfigError: FOVs would be blended.
            FoldError: A side of the fold has no localisation with a class, or one of a class that training lacks.
        """
        super().configure_losses(settings, data)
        self.fovs.configure_losses(settings, data)
        self.localisation_weight = settings.localisation_weight

    def _weights_choice(self, settings: LossSettings) -> Any:
        return "balanced" if settings.class_weights == "balanced" else None

    def losses(self, network: Network, batch: Batch) -> list[Tensor]:
        """Return the loss of FOVs, and the weighted one of localisations that have a class."""
        logits = network.logits(batch)
        of_localisations = self._localisation_loss(logits[schema.LOCALISATION], batch)
        of_fovs: Tensor = self.fovs.criterion(logits[schema.FIELD_OF_VIEW], self.fovs.targets(batch)[batch["fov"]])
        return [of_fovs, self.localisation_weight * of_localisations]

    def loss_weights(self, batch: Batch) -> list[Tensor]:
        """Return the number of FOVs and that of localisations that have a class, each weighted by its class."""
        return [*self.fovs.loss_weights(batch), *super().loss_weights(batch)]

    def _predict_fovs(self, logits: Mapping[str, Tensor], vectors: Tensor, batch: Batch) -> FovPrediction | None:
        return predict_fovs(logits[schema.FIELD_OF_VIEW], vectors, batch)

    def fov_predictions(self, predictions: Sequence[LocalisationPrediction]) -> list[FovPrediction]:
        """Return the predictions of the FOVs."""
        return [prediction.fovs for prediction in predictions if prediction.fovs is not None]

    def calibrated(
        self, predictions: Sequence[LocalisationPrediction], calibrate: Calibrate
    ) -> list[LocalisationPrediction]:
        """Return the predictions with calibrated probabilities of the FOVs; those of localisations stay."""
        return [
            prediction if prediction.fovs is None else prediction._replace(fovs=prediction.fovs.calibrated(calibrate))
            for prediction in predictions
        ]

    def make_scores(self) -> TaskScores:
        """Return a new collector of scores; those of localisations are prefixed with ``localisation_``."""
        return TaskScores(len(self.localisation_classes), self.localisation_weight)

    def tables(self, predictions: Sequence[LocalisationPrediction], fold: int, split: str) -> dict[str, pl.DataFrame]:
        """Return the tables of localisations and of FOVs."""
        return super().tables(predictions, fold, split) | self.fovs.tables(
            self.fov_predictions(predictions), fold, split
        )

    def epoch_table(self, predictions: Sequence[LocalisationPrediction], fold: int | None) -> pl.DataFrame:
        """Return the table of FOVs, and beside it what is right among their localisations."""
        of_fovs = self.fovs.epoch_table(self.fov_predictions(predictions), fold)
        of_localisations = super().epoch_table(predictions, fold)
        return of_fovs.with_columns(of_localisations[schema.N_KNOWN], of_localisations[schema.ACCURACY])

    def score(self, predictions: Sequence[LocalisationPrediction], side: str) -> dict[str, Any]:
        """Return the scores of FOVs, and beside them those of localisations as ``localisations``."""
        return {PART: super().score(predictions, side)[PART]} | self.fovs.score(self.fov_predictions(predictions), side)
