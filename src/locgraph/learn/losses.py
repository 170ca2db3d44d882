"""Losses of training: logits and true classes to a number, in 32 bits whatever the precision of the trainer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.nn.network import Network


class CrossEntropy(nn.Module):
    """Cross-entropy, weighted by class, with targets that leave some probability to every class.

    Args:
        class_weights: Weight of each class (K,); None weighs all FOVs alike.
        label_smoothing: Part of the target probability shared by all classes (Szegedy et al. 2016, arXiv 1512.00567).

    Raises:
        ConfigError: ``label_smoothing`` is out of range.
    """

    takes_shares: ClassVar[bool] = False
    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise ConfigError(f"expected a number in [0, 1), found {label_smoothing}", setting="label_smoothing")
        self.label_smoothing = label_smoothing
        # computed from the data of this run, so not part of the weights
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the weighted mean () float32 of logits (B, K) and classes (B,) int64."""
        return functional.cross_entropy(
            logits.float(), target, weight=self.class_weights, label_smoothing=self.label_smoothing
        )


class SoftCrossEntropy(CrossEntropy):
    """Cross-entropy with targets that are shares: how many of the annotators of a FOV state each class.

    A FOV on which annotators disagree teaches that both classes are likely. The mean is weighted by class as that of
    `CrossEntropy`, which it equals where annotators agree: it divides by the sum over FOVs of the mean weight of their
    classes.

    Args:
        class_weights: Weight of each class (K,); None weighs all alike.
        label_smoothing: Part of the target probability shared by all classes, on top of the shares.

    Raises:
        ConfigError: ``label_smoothing`` is out of range.

    Source: Peterson et al. 2019, "Human uncertainty makes classification more robust", arXiv 1908.07086.
    """

    takes_shares: ClassVar[bool] = True

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the weighted mean () float32 of logits (B, K) and shares (B, K), or classes (B,) int64."""
        n_classes = logits.shape[1]
        shares = functional.one_hot(target, n_classes).float() if target.ndim == 1 else target
        smooth = (1.0 - self.label_smoothing) * shares + self.label_smoothing / n_classes
        weights = torch.ones_like(shares[0]) if self.class_weights is None else self.class_weights
        each = -(smooth * weights * torch.log_softmax(logits.float(), dim=1)).sum()
        return each / (shares * weights).sum()


class Focal(nn.Module):
    """Focal loss: -(1 - p)^gamma log p of the true class, so that FOVs classified correctly already count for less.

    The mean is weighted by class as that of `CrossEntropy` without smoothing, which it equals at ``gamma`` 0.

    Args:
        class_weights: Weight of each class (K,), the alpha of the paper; None weighs all FOVs alike.
        gamma: How much less confident FOVs count; 0 is cross-entropy.

    Raises:
        ConfigError: ``gamma`` is below 0.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv 1708.02002.
    """

    class_weights: Tensor | None

    def __init__(self, class_weights: Tensor | None = None, gamma: float = 2.0) -> None:
        super().__init__()
        if not 0.0 <= gamma < math.inf:
            raise ConfigError(f"expected a finite number of at least 0, found {gamma}", setting="gamma")
        self.gamma = gamma
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the weighted mean () float32 of logits (B, K) and classes (B,) int64."""
        log_p = torch.log_softmax(logits.float(), dim=1).gather(1, target[:, None])[:, 0]
        # above 0, where a gamma below 1 has an infinite slope
        missing = (-torch.expm1(log_p)).clamp_min(torch.finfo(torch.float32).eps)
        each = -missing.pow(self.gamma) * log_p
        if self.class_weights is None:
            return each.mean()
        weights = self.class_weights[target]
        return (weights * each).sum() / weights.sum()


def class_weights(choice: Any, targets: Sequence[int] | Tensor, class_names: Sequence[str]) -> Tensor | None:
    """Return the weights of the classes.

    Args:
        choice: ``none`` or None; ``balanced``; one weight for each class, in the order of ``class_names``, or by name.
        targets: Class of each training FOV, or its shares of the classes (N, K).
        class_names: The K classes.

    Returns:
        (K,) float32, or None where all FOVs weigh alike.

    Raises:
        ConfigError: ``choice`` is none of these.
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
        f"expected balanced, none, or one number above 0 for each class, in the order {list(class_names)} or by name; "
        f"found {choice!r}",
        setting="class_weights",
    )


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def balanced_weights(targets: Sequence[int] | Tensor, n_classes: int) -> Tensor:
    """Return weights with which each class counts the same: N / (K n_c), 0 for a class without FOVs.

    Args:
        targets: Class of each training FOV, or its shares of the classes (N, K), whose sum is n_c.
        n_classes: Number of classes K.

    Returns:
        (K,) float32.
    """
    given = torch.as_tensor(targets)
    counts = given.sum(dim=0) if given.ndim == 2 else torch.bincount(given, minlength=n_classes).float()
    there = counts > 0
    return torch.where(there, len(targets) / (n_classes * torch.where(there, counts, 1.0)), 0.0)


def total_weight(target: Tensor, weights: Tensor | None) -> Tensor:
    """Return the sum of the weights of classes (N,) int64, or shares (N, K), () float32; without weights N."""
    if weights is None:
        return torch.tensor(float(len(target)), device=target.device)
    if target.ndim == 2:
        return (target * weights).sum()
    return weights[target].sum()


class ManifoldMixup:
    """Blends the vector of each FOV with that of another of the batch, just before the head; the loss blends as well.

    Graphs of different sizes cannot be blended themselves, but the vectors of the readout can, which are one of the
    layers that the source draws from. The share of the first is drawn for each batch from Beta(``alpha``, ``alpha``).

    Args:
        alpha: Strength: near 0 almost nothing is blended, at 1 every share is as likely.

    Raises:
        ConfigError: ``alpha`` is not above 0.

    Source: Verma et al. 2019, "Manifold Mixup", arXiv 1806.05236.
    """

    def __init__(self, alpha: float = 0.2) -> None:
        if not 0.0 < alpha < math.inf:
            raise ConfigError(
                f"expected a number above 0, found {alpha}; training/mixup=none blends nothing", setting="alpha"
            )
        self.alpha = float(alpha)

    def __call__(self, network: Network, batch: Batch, target: Tensor, loss: nn.Module) -> Tensor:
        """Return the loss of one batch.

        Args:
            network: Classifies FOVs.
            batch: B graphs.
            target: Classes (B,) int64, or shares (B, K).
            loss: Logits and classes to a number.

        Returns:
            () float32.
        """
        encoded = network.encode(batch)
        # from the random stream of dropout, which is renewed for each epoch
        share = torch.distributions.Beta(self.alpha, self.alpha).sample().item()
        other = torch.randperm(len(target)).to(target.device)
        blended = share * encoded.fovs + (1.0 - share) * encoded.fovs[other]
        logits = network.classify(replace(encoded, fovs=blended))[schema.FIELD_OF_VIEW]
        return share * loss(logits, target) + (1.0 - share) * loss(logits, target[other])
