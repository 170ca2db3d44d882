"""The LightningModules: a network with its task, for prediction, and with an optimiser, for training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.errors import ConfigError, NotFiniteError
from locgraph.learn.tasks.base import Scores, Task
from locgraph.nn.network import Network
from locgraph.nn.precision import no_autocast

CHECKPOINT_KEY = "locgraph"
WATCHED = "val/loss"
"""Metric that a schedule may watch."""
_SHOWN = 5


class Predictor(LightningModule):
    """Predicts with a network, in 32 bits whatever the precision of the trainer.

    A prediction therefore depends neither on the batch size nor on the device.

    Args:
        network: The network.
        task: What it predicts.
    """

    def __init__(self, network: Network, task: Task) -> None:
        super().__init__()
        self.network, self.task = network, task

    def forward(self, batch: Batch) -> Tensor:
        """Batch of graphs to logits (graphs, K) float32."""
        logits: Tensor = self.network(batch)
        return logits

    def predict_step(self, batch: Batch, batch_index: int = 0) -> Any:
        """Return the prediction of the task for a batch.

        Raises:
            NotFiniteError: Some are not finite.
        """
        with no_autocast(self.device):
            prediction = self.task.predict(self.network, batch)
        wrong = prediction.not_finite()
        if wrong:
            raise NotFiniteError(f"the prediction of {', '.join(wrong[:_SHOWN])} is not finite{self._why()}")
        return prediction

    def _why(self) -> str:
        """Return what is known of the reason for predictions that are not finite."""
        names = [name for name, weight in self.network.named_parameters() if not weight.isfinite().all()]
        if names:
            return f": {len(names)} weights of the model are not finite, such as {names[0]}; train it again"
        return ", though all weights are: look for extreme values among the features of this FOV"


class Learner(Predictor):
    """Trains a network for a task.

    Training runs in the precision of the trainer; validation and test run in 32 bits.

    Args:
        network: The network.
        task: What it is trained for, with its losses.
        optimizer: Parameters to optimiser.
        schedule: Optimiser and number of steps to scheduler.
        record: Plain values that the checkpoint keeps: all that prediction needs.
        seed: Seed of dropout and mix-up, renewed for each epoch so that a resumed run equals an uninterrupted one.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        optimizer: Callable[..., torch.optim.Optimizer],
        schedule: Callable[..., LRScheduler],
        record: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(network, task)
        self.optimizer, self.schedule = optimizer, schedule
        self.record, self.seed = dict(record or {}), seed
        self.val_scores, self.test_scores = task.make_scores(), task.make_scores()

    def on_train_epoch_start(self) -> None:
        """Renew the random stream of dropout and mix-up; parts that are frozen stay without dropout."""
        # each of several processes a stream of its own
        torch.manual_seed(self.seed * 1_000_003 + self.current_epoch + self.global_rank * 10**12)
        for part in self.network.children():
            weights = list(part.parameters())
            if weights and not any(weight.requires_grad for weight in weights):
                part.eval()

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the loss of one batch, one view of each FOV.

        Raises:
            NotFiniteError: It is infinite or no number.
        """
        first, *others = losses = self.task.losses(self.network, batch)
        loss = logged = sum(others, first)
        n_fovs = len(batch[schema.TARGET])
        several = self.trainer.world_size > 1
        if several:
            loss, logged = self._joined(losses, batch)
            n_fovs = self.trainer.train_dataloader.sampler.whole_size(batch_index)  # type: ignore[union-attr]
        if not logged.isfinite():
            raise self._not_finite("the loss", f"{logged.item()}")
        self.log(
            "train/loss", logged, on_step=False, on_epoch=True, batch_size=n_fovs, prog_bar=True, sync_dist=several
        )
        return loss

    def _joined(self, losses: Sequence[Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of this process, and the mean over the batch of all processes.

        Gradients are averaged over processes. Each term is scaled by its part of the weights of the whole batch, so
        that this average is the gradient of the mean over the whole batch.
        """
        terms, weights = torch.stack(list(losses)), torch.stack(self.task.loss_weights(batch))
        own = torch.stack([weights, weights * terms.detach()])
        of_all, weighted = self.trainer.strategy.reduce(own, reduce_op="sum")
        whole = of_all.clamp_min(torch.finfo(of_all.dtype).tiny)
        return (terms * (self.trainer.world_size * weights / whole)).sum(), (weighted / whole).sum()

    def validation_step(self, batch: Batch, batch_index: int) -> Any:
        """Collect the prediction of validation FOVs, and return it to callbacks.

        Raises:
            NotFiniteError: Some are not finite, as after a step that was too large.
        """
        try:
            prediction = self.predict_step(batch)
        except NotFiniteError as error:
            raise self._not_finite("the validation loss", str(error)) from error
        self.val_scores.update(prediction)
        return prediction

    def _not_finite(self, what: str, value: str) -> NotFiniteError:
        trainer = self.trainer
        rate = ", ".join(f"{group['lr']:g}" for group in trainer.optimizers[0].param_groups)
        return NotFiniteError(
            f"{what} is not finite since step {trainer.global_step} (epoch {self.current_epoch}): {value}. Try a lower "
            f"training.optimizer.lr (the rate is {rate}), trainer.precision=32-true (it is {trainer.precision}), or a "
            f"lower trainer.gradient_clip_val (it is {trainer.gradient_clip_val})"
        )

    def on_validation_epoch_end(self) -> None:
        """Log loss and scores of validation."""
        self._log_scores("val", self.val_scores)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Collect the prediction of test FOVs."""
        self.test_scores.update(self.predict_step(batch))

    def on_test_epoch_end(self) -> None:
        """Log loss and scores of the test."""
        self._log_scores("test", self.test_scores)

    def _log_scores(self, side: str, scores: Scores) -> None:
        values = scores.compute()
        scores.reset()
        # equal in all processes; Lightning asks to join them all the same
        several = self.trainer.world_size > 1
        self.log(f"{side}/loss", values.pop("loss"), prog_bar=side == "val", sync_dist=several)
        self.log_dict({f"{side}/{name}": value for name, value in values.items()}, sync_dist=several)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the optimiser and its schedule: stepped after each batch, or each epoch where it watches a metric.

        Raises:
            ConfigError: Training has no end, so that there is no schedule over the whole of it.
        """
        steps = self.trainer.estimated_stepping_batches
        if math.isinf(steps):
            raise ConfigError(
                "expected a number: the schedule runs over the whole of training", setting="trainer.max_epochs"
            )
        optimizer = self.optimizer(self.network.parameters())
        scheduler = self.schedule(optimizer, int(steps))
        if isinstance(scheduler, ReduceLROnPlateau):
            watching: Any = {"scheduler": scheduler, "interval": "epoch", "monitor": WATCHED}
            return {"optimizer": optimizer, "lr_scheduler": watching}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_epoch_end(self) -> None:
        """Show the validation loss to a schedule that watches it, before the checkpoint of this epoch is written.

        Lightning would do so afterwards, and a resumed run would miss it.
        """
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(self.trainer.callback_metrics[WATCHED])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step the schedule, unless `on_train_epoch_end` does."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add all that prediction needs, as plain values."""
        checkpoint[CHECKPOINT_KEY] = self.record
