"""Losses of training: logits and true classes to one number, in 32 bits whatever the precision of the trainer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from locgraph.errors import ConfigError


class CrossEntropy(nn.Module):
    """Cross-entropy, weighted by class, with targets that leave some probability to every class.

    Args:
        class_weights: Weight of each class (K,); None weighs all FOVs alike.
        label_smoothing: Part of the target probability spread over all classes (Szegedy et al. 2016, arXiv 1512.00567).

    Raises:
        ConfigError: ``label_smoothing`` is out of range.
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise ConfigError(f"training.loss.label_smoothing must be at least 0 and below 1, found {label_smoothing}")
        self.label_smoothing = label_smoothing
        # from the data of this run: not part of what a checkpoint hands on
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, K) and classes (B,) int64 to the weighted mean () float32."""
        return functional.cross_entropy(
            logits.float(), target, weight=self.class_weights, label_smoothing=self.label_smoothing
        )


class Focal(nn.Module):
    """Focal loss: -(1 - p)^gamma log p of the true class, so that FOVs that are right already count for less.

    The mean is weighted by class as that of `CrossEntropy` without smoothing, which it equals at ``gamma`` 0.

    Args:
        class_weights: Weight of each class (K,), the alpha of the paper; None weighs all FOVs alike.
        gamma: How much less sure FOVs count; 0 is cross-entropy.

    Raises:
        ConfigError: ``gamma`` is below 0.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv 1708.02002.
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None = None, gamma: float = 2.0) -> None:
        super().__init__()
        if not 0.0 <= gamma < math.inf:
            raise ConfigError(f"training.loss.gamma must be at least 0, found {gamma}")
        self.gamma = gamma
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, K) and classes (B,) int64 to the weighted mean () float32."""
        log_p = torch.log_softmax(logits.float(), dim=1).gather(1, target[:, None])[:, 0]
        # above 0, where a gamma below 1 has an infinite slope
        missing = (-torch.expm1(log_p)).clamp_min(torch.finfo(torch.float32).eps)
        each = -missing.pow(self.gamma) * log_p
        if self.class_weights is None:
            return each.mean()
        weights = self.class_weights[target]
        return (weights * each).sum() / weights.sum()


def class_weights(choice: Any, targets: Sequence[int] | Tensor, class_names: Sequence[str]) -> Tensor | None:
    """What ``training.class_weights`` says.

    Args:
        choice: ``none`` or None; ``balanced``; one weight for each class, in the order of ``class_names``, or by name.
        targets: Class of each training FOV.
        class_names: The K classes.

    Returns:
        (K,) float32, or None where all FOVs weigh alike.

    Raises:
        ConfigError: It says something else.
    """
    if choice in (None, "none"):
        return None
    if choice == "balanced":
        return balanced_weights(targets, len(class_names))
    if isinstance(choice, Mapping) and set(choice) == set(class_names):
        choice = [choice[name] for name in class_names]
    if isinstance(choice, (list, tuple)) and len(choice) == len(class_names) and all(map(_positive, choice)):
        return torch.tensor(choice, dtype=torch.float32)
    raise ConfigError(
        f"training.class_weights must be balanced or none, found {choice!r}; or one number above 0 for each class, in "
        f"the order {list(class_names)}, or by name"
    )


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def balanced_weights(targets: Sequence[int] | Tensor, n_classes: int) -> Tensor:
    """Class weights that give each class the same say: N / (K n_c), 0 for a class without FOVs.

    Args:
        targets: Class of each training FOV.
        n_classes: Number of classes K.

    Returns:
        (K,) float32.
    """
    counts = torch.bincount(torch.as_tensor(targets), minlength=n_classes).float()
    return torch.where(counts > 0, len(targets) / (n_classes * counts.clamp(min=1)), torch.zeros_like(counts))
