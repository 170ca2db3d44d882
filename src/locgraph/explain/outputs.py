"""What scores explain: one number that the logits of a FOV give for a class, alone or against another class."""

from __future__ import annotations

import torch
from torch import Tensor, int64
from torch.nn.functional import cross_entropy


def log_odds(logits: Tensor, target: int, against: int | None = None) -> Tensor:
    """Return the log-odds of a class: (B, K) logits to (B,).

    The logarithm of p / (1 - p) rises and falls with the probability p, and its gradient does not vanish where p is
    near 1, unlike that of the probability or of its logarithm.

    Args:
        logits: (B, K).
        target: Index of the class.
        against: Index of another class: the difference of both logits, which are the log-odds where there are no more
            classes than these. None takes all others.
    """
    if against is not None:
        return logits[:, target] - logits[:, against]
    others = [logits[:, :target], logits[:, target + 1 :]]
    return logits[:, target] - torch.cat(others, dim=1).logsumexp(dim=1)


def value(logits: Tensor, target: int, against: int | None = None) -> Tensor:
    """Return the probability of a class, or the difference of its logit and that of another: (B, K) to (B,) float32."""
    logits = logits.float()
    return logits.softmax(dim=1)[:, target] if against is None else log_odds(logits, target, against)


def empty_value(n_classes: int, against: int | None = None) -> float:
    """Return the `value` of a FOV of which nothing is known: all classes are equally probable."""
    return 1 / n_classes if against is None else 0.0


def surprise(logits: Tensor, target: int, against: int | None = None) -> Tensor:
    """Return the negative logarithm of the probability of a class, among two classes where one is given: a scalar."""
    if against is not None:
        logits, target = logits[:, [target, against]], 0
    return cross_entropy(logits, logits.new_full((len(logits),), target, dtype=int64))
