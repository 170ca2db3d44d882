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
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.learn.losses import CrossEntropy
from locgraph.learn.scores import FovScores
from locgraph.nn.precision import no_autocast, pool

CHECKPOINT_KEY = "locgraph"
WATCHED = "val/loss"
"""Metric that a schedule may watch."""


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
        loss: Logits (B, K) and classes (B,) to the loss of training; None is plain cross-entropy.
        mixup: Network, batch, classes and loss to the loss of blended FOVs; None blends nothing.
        record: Plain values that the checkpoint keeps: all that prediction needs.
        seed: Seed of dropout and mix-up, renewed for each epoch so that a resumed run equals an uninterrupted one.
    """

    def __init__(
        self,
        network: nn.Module,
        class_names: Sequence[str],
        optimizer: Callable[..., torch.optim.Optimizer],
        schedule: Callable[..., LRScheduler],
        loss: nn.Module | None = None,
        mixup: Callable[..., Tensor] | None = None,
        record: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.network, self.class_names = network, tuple(class_names)
        self.optimizer, self.schedule = optimizer, schedule
        self.loss, self.mixup = loss or CrossEntropy(), mixup
        self.record, self.seed = dict(record or {}), seed
        self.val_scores, self.test_scores = FovScores(), FovScores()

    def forward(self, batch: Batch) -> Tensor:
        """Batch of graphs to logits (graphs, K) float32."""
        return self.network(batch)

    def on_train_epoch_start(self) -> None:
        """Renews the random stream of dropout and mix-up."""
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch, one view of each FOV."""
        target = batch[schema.TARGET][batch["fov"]]
        if self.mixup is None:
            loss = self.loss(self(batch), target)
        else:
            loss = self.mixup(self.network, batch, target, self.loss)
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

    def predict_step(self, batch: Batch, batch_index: int) -> Any:
        """Names, targets and probabilities of the FOVs of a batch."""
        return list(batch[schema.FOV_ID]), batch[schema.TARGET], self.probabilities(batch)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimiser, and its schedule: stepped after each batch, or each epoch where it watches a metric.

        Raises:
            ConfigError: Training has no end, so that there is no schedule over the whole of it.
        """
        steps = self.trainer.estimated_stepping_batches
        if math.isinf(steps):
            raise ConfigError("trainer.max_epochs must be a number: training.schedule runs over the whole of training")
        optimizer = self.optimizer(self.network.parameters())
        scheduler = self.schedule(optimizer, int(steps))
        if isinstance(scheduler, ReduceLROnPlateau):
            watching: Any = {"scheduler": scheduler, "interval": "epoch", "monitor": WATCHED}
            return {"optimizer": optimizer, "lr_scheduler": watching}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_epoch_end(self) -> None:
        """Shows the validation loss to a schedule that watches it, before the checkpoint of this epoch is written.

        Lightning would do so afterwards, and a resumed run would miss it.
        """
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(self.trainer.callback_metrics[WATCHED])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """A step of the schedule, unless `on_train_epoch_end` takes care of it."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds all that prediction needs, as plain values."""
        checkpoint[CHECKPOINT_KEY] = self.record
