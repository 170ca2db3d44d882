"""Learning-rate schedules, an average of the weights over training, and an end before that of the schedule.

The class attribute ``stretches`` of a schedule states whether it runs over the whole of training, so that a longer
training would have had other rates from its first step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, WeightAveraging
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import get_ema_multi_avg_fn

from locgraph.errors import ConfigError


@dataclass(frozen=True)
class WarmupCosine:
    """Rises in a line to the full rate, then falls along half a cosine.

    Args:
        warmup_fraction: Part of all steps spent rising, in [0, 1).
        final_fraction: Rate at the end, as a part of the full rate.

    Raises:
        ConfigError: A fraction is out of range.

    Source: Loshchilov and Hutter 2017, "SGDR", arXiv 1608.03983.
    """

    stretches: ClassVar[bool] = True

    warmup_fraction: float = 0.1
    final_fraction: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 <= self.warmup_fraction < 1.0 or not 0.0 <= self.final_fraction <= 1.0:
            raise ConfigError(
                f"expected warmup_fraction in [0, 1) and final_fraction in [0, 1], found {self.warmup_fraction} and "
                f"{self.final_fraction}",
                setting="warmup_fraction",
            )

    def __call__(self, optimizer: Optimizer, total_steps: int) -> LambdaLR:
        """Return the scheduler for ``total_steps`` optimiser steps."""
        rising = max(1, round(self.warmup_fraction * total_steps))

        def factor(step: int) -> float:
            if step < rising:
                return (step + 1) / rising
            done = min(1.0, (step - rising) / max(1, total_steps - rising))
            return self.final_fraction + (1.0 - self.final_fraction) * 0.5 * (1.0 + math.cos(math.pi * done))

        return LambdaLR(optimizer, factor)


@dataclass(frozen=True)
class OneCycle:
    """Rises along half a cosine to the full rate, falls along another far below the first; momentum does the reverse.

    Args:
        warmup_fraction: Part of all steps spent rising, in (0, 1).
        initial_fraction: Rate at the start, as a part of the full rate, in (0, 1].
        final_fraction: Rate at the end, as a part of the full rate, in (0, 1].
        momentum: Momentum (the first beta of Adam) at the full rate, and at both ends; None leaves it as it is.

    Raises:
        ConfigError: A number is out of range.

    Source: Smith and Topin 2018, "Super-Convergence", arXiv 1708.07120.
    """

    stretches: ClassVar[bool] = True

    warmup_fraction: float = 0.3
    initial_fraction: float = 0.04
    final_fraction: float = 0.000004
    momentum: Sequence[float] | None = (0.85, 0.95)

    def __post_init__(self) -> None:
        fractions = (self.initial_fraction, self.final_fraction)
        if not 0.0 < self.warmup_fraction < 1.0 or not all(0.0 < part <= 1.0 for part in fractions):
            raise ConfigError(
                "expected warmup_fraction in (0, 1), initial_fraction and final_fraction in (0, 1], found "
                f"{self.warmup_fraction}, {self.initial_fraction} and {self.final_fraction}",
                setting="warmup_fraction",
            )
        momentum = self.momentum
        if momentum is not None and (len(momentum) != 2 or not 0.0 <= momentum[0] <= momentum[1] < 1.0):
            raise ConfigError(
                f"expected two numbers in [0, 1), the lower one first, or null, found {list(momentum)}",
                setting="momentum",
            )

    def __call__(self, optimizer: Optimizer, total_steps: int) -> OneCycleLR:
        """Return the scheduler for ``total_steps`` optimiser steps.

        Raises:
            ConfigError: The optimiser has no momentum to change.
        """
        low, high = self.momentum or (0.0, 0.0)
        try:
            return OneCycleLR(
                optimizer,
                max_lr=[group["lr"] for group in optimizer.param_groups],
                total_steps=total_steps,
                # a little less: torch divides by zero where rising lasts exactly one step
                pct_start=self.warmup_fraction * (1.0 - 1e-9),
                cycle_momentum=self.momentum is not None,
                base_momentum=low,
                max_momentum=high,
                div_factor=1.0 / self.initial_fraction,
                final_div_factor=self.initial_fraction / self.final_fraction,
            )
        except ValueError as error:
            raise ConfigError(f"{error}; set it to null", setting="momentum") from error


@dataclass(frozen=True)
class Plateau:
    """The full rate, made smaller each time that the validation loss has stopped falling.

    It ends where training does; the number of steps does not matter.

    Args:
        factor: What the rate is multiplied with, in (0, 1).
        patience: Epochs without a lower validation loss that are waited for.
        final_fraction: Rate that it never falls below, as a part of the full rate.

    Raises:
        ConfigError: A number is out of range.
    """

    stretches: ClassVar[bool] = False

    factor: float = 0.5
    patience: int = 10
    final_fraction: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 < self.factor < 1.0 or self.patience < 0 or not 0.0 <= self.final_fraction <= 1.0:
            raise ConfigError(
                "expected factor in (0, 1), patience of at least 0 and final_fraction in [0, 1], found "
                f"{self.factor}, {self.patience} and {self.final_fraction}",
                setting="factor",
            )

    def __call__(self, optimizer: Optimizer, total_steps: int) -> ReduceLROnPlateau:
        """Return the scheduler, to be stepped with the validation loss of each epoch."""
        return ReduceLROnPlateau(
            optimizer,
            factor=self.factor,
            patience=self.patience,
            # any fall counts, as it does for early stopping and for the best epoch
            threshold=0.0,
            min_lr=[self.final_fraction * group["lr"] for group in optimizer.param_groups],
        )


class Constant:
    """The same rate from the first step to the last."""

    stretches: ClassVar[bool] = False

    def __call__(self, optimizer: Optimizer, total_steps: int) -> LambdaLR:
        """Return the scheduler; the number of steps does not matter."""
        return LambdaLR(optimizer, _one)


def _one(step: int) -> float:
    return 1.0


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
            raise ConfigError(f"expected a number in [0, 1), found {decay}", setting="decay")
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


class StopAfter(Callback):
    """Ends training after some epochs, with the schedule of ``max_epochs``: rates are those of a longer training.

    Args:
        epochs: Epochs after which it ends; those of an interrupted run count.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Train no further where a run is continued that was interrupted after its last epoch."""
        trainer.should_stop = trainer.current_epoch >= self.epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End after the last epoch."""
        if trainer.current_epoch + 1 >= self.epochs:
            trainer.should_stop = True
