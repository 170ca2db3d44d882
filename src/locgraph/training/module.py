"""The LightningModule: a network, its loss, its optimiser and its metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.models.precision import no_autocast, pool
from locgraph.training.scores import FovScores

CHECKPOINT_KEY = "locgraph"


class Classifier(LightningModule):
    """Trains a network to name the class of a FOV.

    Training runs in the precision of the trainer. Validation, test and prediction run in 32 bits whatever that is, so
    that a prediction depends neither on the batch size nor on the device. The probability of a FOV is the mean over its
    views.

    Args:
        network: Batch of B graphs to logits (B, K).
        class_names: Classes in the order of the logits.
        optimizer: Parameters to optimiser.
        schedule: Optimiser and number of steps to scheduler.
        label_smoothing: Part of the target probability spread over all classes.
        class_weights: Weight of each class in the loss (K,); None weighs all FOVs alike.
        record: Plain values that the checkpoint keeps: all that prediction needs.
        seed: Seed of dropout, renewed for each epoch so that a resumed run equals an uninterrupted one.

    Raises:
        ConfigError: ``label_smoothing`` is out of range.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        class_names: Sequence[str],
        optimizer: Callable[..., torch.optim.Optimizer],
        schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler],
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
        record: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise ConfigError(f"training.label_smoothing must be at least 0 and below 1, found {label_smoothing}")
        self.network, self.class_names = network, tuple(class_names)
        self.optimizer, self.schedule = optimizer, schedule
        self.label_smoothing, self.record, self.seed = label_smoothing, dict(record or {}), seed
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.val_scores, self.test_scores = FovScores(), FovScores()

    def forward(self, batch: Batch) -> Tensor:
        """Batch of graphs to logits (graphs, K) float32."""
        return self.network(batch)

    def on_train_epoch_start(self) -> None:
        """Renews the random stream of dropout."""
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch, one view of each FOV."""
        target = batch[schema.TARGET][batch["fov"]]
        loss = functional.cross_entropy(
            self(batch).float(), target, weight=self.class_weights, label_smoothing=self.label_smoothing
        )
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(target), prog_bar=True)
        return loss

    def probabilities(self, batch: Batch) -> Tensor:
        """Probability of each class for each FOV of a batch, the mean over its views, in 32 bits: (FOVs, K)."""
        with no_autocast(self.device):
            each = torch.softmax(self(batch).float(), dim=1)
            return pool(each, batch["fov"], len(batch[schema.TARGET]), "mean")

    def _evaluate(self, batch: Batch, side: str, scores: FovScores) -> None:
        probabilities, target = self.probabilities(batch), batch[schema.TARGET]
        loss = functional.nll_loss(probabilities.clamp_min(1e-12).log(), target)
        self.log(f"{side}/loss", loss, on_epoch=True, batch_size=len(target), prog_bar=side == "val")
        scores.update(probabilities, target)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Loss and metrics of validation FOVs."""
        self._evaluate(batch, "val", self.val_scores)

    def on_validation_epoch_end(self) -> None:
        """Logs the metrics of validation."""
        self._log_scores("val", self.val_scores)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Loss and metrics of test FOVs."""
        self._evaluate(batch, "test", self.test_scores)

    def on_test_epoch_end(self) -> None:
        """Logs the metrics of the test."""
        self._log_scores("test", self.test_scores)

    def _log_scores(self, side: str, scores: FovScores) -> None:
        self.log_dict({f"{side}/{name}": value for name, value in scores.compute().items()})
        scores.reset()

    def predict_step(self, batch: Batch, batch_index: int) -> tuple[list[str], Tensor, Tensor]:
        """Names, targets and probabilities of the FOVs of a batch."""
        return list(batch[schema.FOV_ID]), batch[schema.TARGET], self.probabilities(batch)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimiser, and its schedule stepped after each batch.

        Raises:
            ConfigError: Training has no end, so that there is no schedule over the whole of it.
        """
        steps = self.trainer.estimated_stepping_batches
        if math.isinf(steps):
            raise ConfigError("trainer.max_epochs must be a number: training.schedule runs over the whole of training")
        optimizer = self.optimizer(self.network.parameters())
        scheduler = self.schedule(optimizer, int(steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds all that prediction needs, as plain values."""
        checkpoint[CHECKPOINT_KEY] = self.record


def balanced_weights(targets: Sequence[int], n_classes: int) -> Tensor:
    """Class weights that give each class the same say: N / (K n_c), 0 for a class without FOVs.

    Args:
        targets: Class of each training FOV.
        n_classes: Number of classes K.

    Returns:
        (K,) float32.
    """
    counts = torch.bincount(torch.tensor(targets), minlength=n_classes).float()
    return torch.where(counts > 0, len(targets) / (n_classes * counts.clamp(min=1)), torch.zeros_like(counts))
