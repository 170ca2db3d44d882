"""Averages of the weights over training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from locgraph.errors import ConfigError


class MovingAverage(WeightAveraging):
    """Exponential moving average of the weights: it is what is validated, kept in checkpoints, and tested.

    After update n (0, 1, ...) the average is d times itself and 1 - d times the weights, d the smaller of ``decay`` and
    (1 + n) / (10 + n), so that the first weights are soon forgotten in a short training; the latter is the rule of
    ``tf.train.ExponentialMovingAverage``. Checkpoints hold the weights under training too, so that a resumed run equals
    an uninterrupted one.

    Args:
        decay: Part of the average that stays at each optimiser step; 0.99 averages over the last hundred or so.

    Raises:
        ConfigError: ``decay`` is out of range.

    Source: Polyak and Juditsky 1992, 10.1137/0330046, with exponential weights.
    """

    def __init__(self, decay: float = 0.99) -> None:
        if not 0.0 <= decay < 1.0:
            raise ConfigError(f"training.average.decay must be at least 0 and below 1, found {decay}")
        self.decay = decay
        # buffers are constants, or statistics that the network averages itself
        super().__init__(use_buffers=False, multi_avg_fn=self._update)

    def _update(self, averages: Sequence[Tensor], weights: Sequence[Tensor], n_averaged: Tensor | int) -> None:
        n = int(n_averaged)
        get_ema_multi_avg_fn(min(self.decay, (1 + n) / (10 + n)))(averages, weights, n_averaged)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Brings the average to where the weights are, which were still on the CPU when it was made."""
        average: Any = self._average_model
        average.to(pl_module.device)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forgets the average, which the network holds by now, so that no later validation brings it back."""
        self._average_model = None
