"""The contract of tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import polars as pl
from torch import Tensor, nn
from torch_geometric.data import Batch

from locgraph.data.datamodule import GraphDataModule
from locgraph.data.sampler import EpochSampler
from locgraph.errors import within
from locgraph.io.manifest import Manifest
from locgraph.nn.network import Network
from locgraph.settings import check_number

Calibrate = Callable[[np.ndarray], np.ndarray]
"""Probabilities (N, K) float64 to calibrated ones."""


class Scores(Protocol):
    """Collects the predictions of one pass over a side of a fold, and scores them together."""

    def update(self, prediction: Any) -> None:
        """Add the prediction of one batch."""
        ...

    def compute(self) -> dict[str, Tensor]:
        """Return the scores of all batches; ``loss`` is among them."""
        ...

    def reset(self) -> None:
        """Forget all batches."""
        ...


@dataclass(frozen=True)
class LossSettings:
    """How a task is trained.

    Attributes:
        loss: Makes a loss (logits (N, K), classes (N,) to a number) from ``class_weights``.
        class_weights: ``balanced``, ``none``, or one weight for each class; see `locgraph.learn.losses.class_weights`.
        localisation_weight: Weight of the loss of localisations beside that of FOVs.
        mixup: Network, batch, classes and loss to the loss of blended FOVs; None blends nothing.

    Raises:
        ConfigError: ``localisation_weight`` is not above 0.
    """

    loss: Callable[..., nn.Module]
    class_weights: Any = "none"
    localisation_weight: float = 1.0
    mixup: Callable[..., Tensor] | None = None

    def __post_init__(self) -> None:
        """Check the weight."""
        check_number("localisation_weight", self.localisation_weight, above=0)

    @property
    def takes_shares(self) -> bool:
        """Whether the loss takes shares of classes in place of classes."""
        return bool(getattr(getattr(self.loss, "func", self.loss), "takes_shares", False))

    def make_loss(self, class_weights: Tensor | None) -> nn.Module:
        """Return a new loss with these weights of classes (K,).

        Raises:
            ConfigError: A setting of the loss is out of range.
        """
        with within("loss"):
            return self.loss(class_weights=class_weights)


class Task(nn.Module, ABC):
    """What a network is trained to predict: targets, loss, scores and tables.

    Everything that differs between tasks is here; nothing else asks which task it is. It is a module since its losses
    may hold class weights, which move to the device of the network.

    Attributes:
        predicts: Node types whose classes the head predicts.
        class_names: Classes of FOVs, K.
        localisation_classes: Classes of localisations, K'; empty where the task needs none.
    """

    predicts: ClassVar[tuple[str, ...]]
    class_names: tuple[str, ...]
    localisation_classes: tuple[str, ...] = ()

    @classmethod
    @abstractmethod
    def from_manifest(cls, manifest: Manifest, localisation_classes: Sequence[str] | None = None) -> Self:
        """Make the task for the labels that data have.

        Args:
            manifest: The FOVs with their labels.
            localisation_classes: Names of the classes of localisations, where labels do not name them.

        Raises:
            ConfigError: The data have no labels for this task, or ``localisation_classes`` has no effect.
        """

    @classmethod
    @abstractmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Make the task that a checkpoint records, for prediction."""

    @property
    def predicts_fovs(self) -> bool:
        """Whether FOVs get a class, so that simple controls can be compared with the network."""
        return True

    @property
    def embeds(self) -> bool:
        """Whether units get a vector in place of a class."""
        return False

    def foldable(self, manifest: Manifest) -> Manifest:
        """Return the FOVs that folds are made of, with the labels that stratify them.

        Raises:
            FoldError: No FOV has a label that the task needs.
        """
        return manifest

    def check_sampler(self, sampler: type[EpochSampler] | Any, manifest: Manifest) -> None:
        """Refuse a sampler that needs labels which this task does not have.

        Raises:
            ConfigError: It draws FOVs by class, and FOVs have none.
        """

    @abstractmethod
    def configure_losses(self, settings: LossSettings, data: GraphDataModule) -> None:
        """Make the losses of training.

        Args:
            settings: How the task is trained.
            data: The data of the fold; class weights are computed from its training side.

        Raises:
            ConfigError: A setting does not fit the task.
            FoldError: A side of the fold lacks targets.
        """

    def loss(self, network: Network, batch: Batch) -> Tensor:
        """Return the loss of a training batch, one view of each FOV; () float32."""
        first, *others = self.losses(network, batch)
        return sum(others, first)

    @abstractmethod
    def losses(self, network: Network, batch: Batch) -> list[Tensor]:
        """Return the terms () float32 whose sum is the loss of a training batch, each a mean."""

    @abstractmethod
    def loss_weights(self, batch: Batch) -> list[Tensor]:
        """Return what the mean in each of `losses` divides by, () float32.

        Processes that share a batch join their means with it.
        """

    @abstractmethod
    def predict(self, network: Network, batch: Batch) -> Any:
        """Return names, targets and probabilities of a batch with all views; the precision is that of the caller."""

    def fov_predictions(self, predictions: Sequence[Any]) -> list[Any]:
        """Return those of FOVs among what `predict` returned for each batch; none where FOVs get no class."""
        return []

    def calibrated(self, predictions: Sequence[Any], calibrate: Calibrate) -> list[Any]:
        """Return what `predict` returned for each batch with calibrated probabilities of FOVs."""
        return list(predictions)

    @abstractmethod
    def make_scores(self) -> Scores:
        """Return a new collector of scores, a module."""

    @abstractmethod
    def tables(self, predictions: Sequence[Any], fold: int, split: str) -> dict[str, pl.DataFrame]:
        """Return predictions as tables by file name.

        Args:
            predictions: What `predict` returned for each batch.
            fold: Index of the fold.
            split: ``train``, ``val``, ``test`` or ``new``.
        """

    def epoch_table(self, predictions: Sequence[Any], fold: int | None) -> pl.DataFrame | None:
        """Return what an epoch of training predicted, one row for each validation FOV, to be looked at as it goes on.

        Args:
            predictions: What `predict` returned for each batch.
            fold: Index of the fold.

        Returns:
            ``fov_id``, ``fold``, ``split``, and what the task has of a FOV; None where it has nothing.
        """
        return None

    @abstractmethod
    def score(self, predictions: Sequence[Any], side: str) -> dict[str, Any]:
        """Return scores of one side for ``metrics.json``, as far as targets are known.

        Args:
            predictions: What `predict` returned for each batch.
            side: ``val`` or ``test``, the key of the scores.

        Returns:
            ``side`` and ``confusion_matrix`` (rows are true classes), and what the task adds.
        """
