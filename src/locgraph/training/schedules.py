"""Learning-rate schedules over the whole of training, in optimiser steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

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


class Constant:
    """The same rate from the first step to the last."""

    def __call__(self, optimizer: Optimizer, total_steps: int) -> LambdaLR:
        """The scheduler; the number of steps does not matter."""
        return LambdaLR(optimizer, _one)


def _one(step: int) -> float:
    return 1.0
