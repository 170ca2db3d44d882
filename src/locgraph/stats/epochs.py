"""Scores of the epochs of training: the best epoch of each score, and how long the rest takes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final

LOWEST, HIGHEST = "min", "max"
"""Which value of a score is the best."""
_LOW_IS_GOOD: Final = ("loss", "error")
_RECENT: Final = 5
"""Epochs that the time of the next one is taken from: the first ones also load and compile."""


def direction(score: str) -> str:
    """Return which value of a score is the best: ``min`` for losses and errors, else ``max``."""
    return LOWEST if score.endswith(_LOW_IS_GOOD) else HIGHEST


def best_epochs(scores: Mapping[int, Mapping[str, float | None]], prefix: str = "") -> dict[str, tuple[int, float]]:
    """Return the best epoch of each score, and its value there; the first one where several are equal.

    Args:
        scores: Epoch -> its scores; those that are None or not finite do not count.
        prefix: Scores whose names do not start with this are left out.
    """
    best: dict[str, tuple[int, float]] = {}
    for epoch in sorted(scores):
        for name, value in scores[epoch].items():
            if not name.startswith(prefix) or value is None or not math.isfinite(value):
                continue
            before = best.get(name)
            better = before is None or (value < before[1] if direction(name) == LOWEST else value > before[1])
            if better:
                best[name] = epoch, float(value)
    return best


def seconds_left(seconds: Sequence[float], left: int | None) -> float | None:
    """Return how long the epochs that are left take: the median of the latest ones for each.

    Args:
        seconds: Time of each epoch that is done, in seconds.
        left: Number of epochs to come; None where training has no end.

    Returns:
        Seconds; None where nothing is known yet.
    """
    return statistics.median(seconds[-_RECENT:]) * max(left, 0) if seconds and left is not None else None
