"""Learning-rate schedules: an optimiser and the number of its steps to a scheduler."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau

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

    warmup_fraction: float = 0.1
    final_fraction: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 <= self.warmup_fraction < 1.0 or not 0.0 <= self.final_fraction <= 1.0:
            raise ConfigError(
                "training.schedule expects warmup_fraction in [0, 1) and final_fraction in [0, 1], found "
                f"{self.warmup_fraction} and {self.final_fraction}"
            )

    def __call__(self, optimizer: Optimizer, total_steps: int) -> LambdaLR:
        """The scheduler for ``total_steps`` optimiser steps."""
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

    warmup_fraction: float = 0.3
    initial_fraction: float = 0.04
    final_fraction: float = 0.000004
    momentum: Sequence[float] | None = (0.85, 0.95)

    def __post_init__(self) -> None:
        fractions = (self.initial_fraction, self.final_fraction)
        if not 0.0 < self.warmup_fraction < 1.0 or not all(0.0 < part <= 1.0 for part in fractions):
            raise ConfigError(
                "training.schedule expects warmup_fraction in (0, 1), initial_fraction and final_fraction in (0, 1], "
                f"found {self.warmup_fraction}, {self.initial_fraction} and {self.final_fraction}"
            )
        momentum = self.momentum
        if momentum is not None and (len(momentum) != 2 or not 0.0 <= momentum[0] <= momentum[1] < 1.0):
            raise ConfigError(
                "training.schedule.momentum expects two numbers in [0, 1), the lower one first, or null, found "
                f"{list(momentum)}"
            )

    def __call__(self, optimizer: Optimizer, total_steps: int) -> OneCycleLR:
        """The scheduler for ``total_steps`` optimiser steps.

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
            raise ConfigError(f"training.schedule: {error}; set training.schedule.momentum=null") from error


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

    factor: float = 0.5
    patience: int = 10
    final_fraction: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 < self.factor < 1.0 or self.patience < 0 or not 0.0 <= self.final_fraction <= 1.0:
            raise ConfigError(
                "training.schedule expects factor in (0, 1), patience of at least 0 and final_fraction in [0, 1], "
                f"found {self.factor}, {self.patience} and {self.final_fraction}"
            )

    def __call__(self, optimizer: Optimizer, total_steps: int) -> ReduceLROnPlateau:
        """The scheduler, to be stepped with the validation loss of each epoch."""
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

    def __call__(self, optimizer: Optimizer, total_steps: int) -> LambdaLR:
        """The scheduler; the number of steps does not matter."""
        return LambdaLR(optimizer, _one)


def _one(step: int) -> float:
    return 1.0
