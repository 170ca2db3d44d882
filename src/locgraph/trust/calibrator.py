"""Calibration of probabilities on the validation FOVs: temperature and vector scaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import softmax

from locgraph.errors import ConfigError

TEMPERATURE: Final = "temperature"
VECTOR: Final = "vector"
NONE: Final = "none"
METHODS: Final = (TEMPERATURE, VECTOR, NONE)

FEWEST: Final = 10
"""With fewer validation FOVs nothing is fitted."""

_SMALLEST: Final = 1e-12
_LOG_RANGE: Final = (-3.0, 3.0)
_PRIOR: Final = 0.5
"""Standard deviation of the logarithms of weights about that of the temperature, and of biases about 0, beforehand."""


@dataclass(frozen=True)
class Calibrator:
    """Maps probabilities p to softmax(weights * log p + biases).

    With equal weights and no biases this is temperature scaling (Guo et al. 2017, arXiv 1706.04599) of the
    probabilities of a FOV, which are means over its views; it changes no predicted class. Vector scaling has a weight
    and a bias for each class, which few FOVs hardly move from temperature scaling.

    Args:
        weights: (K,) float64, positive; 1 / temperature.
        biases: (K,) float64.
        method: ``temperature``, ``vector`` or ``none``.
        reason: Why nothing was fitted; empty where it was.
    """

    weights: np.ndarray
    biases: np.ndarray
    method: str = NONE
    reason: str = ""

    @classmethod
    def fit(cls, method: str, probabilities: np.ndarray, targets: np.ndarray) -> Self:
        """Fit to FOVs that no weight was trained on.

        The loss is the cross entropy to targets that leave the true class 1 - e, with e = 0.5 / (N + 1), the mean of
        the error rate under Jeffreys' prior after N right predictions. Without it the loss of FOVs that are all
        predicted rightly has no minimum, and probabilities become 0 and 1; Platt (1999, Advances in Large Margin
        Classifiers, 61) smoothes likewise, with a uniform prior.

        Args:
            method: ``temperature``, ``vector`` or ``none``.
            probabilities: (N, K) float64, rows sum to 1.
            targets: (N,) int64, index of the true class.

        Raises:
            ConfigError: The method is unknown.
        """
        if method not in METHODS:
            raise ConfigError(f"expected one of {', '.join(METHODS)}, found {method!r}", setting="calibration")
        n, k = probabilities.shape
        nothing = cls(np.ones(k), np.zeros(k))
        if method == NONE:
            return nothing
        if n < FEWEST:
            return cls(
                nothing.weights, nothing.biases, NONE, f"it takes {FEWEST} FOVs that were not trained on, found {n}"
            )
        if len(np.unique(targets)) < 2:
            return cls(nothing.weights, nothing.biases, NONE, "all FOVs to fit it to are of one class")
        logs, soft = _logs(probabilities), _soft_targets(targets, k)
        best = minimize_scalar(lambda log: _loss(np.exp(log) * logs, soft), bounds=_LOG_RANGE, method="bounded")
        weight = float(np.exp(best.x))
        if method == TEMPERATURE:
            return cls(np.full(k, weight), np.zeros(k), method)

        def stiff_loss(values: np.ndarray) -> float:
            logs_of_weights, biases = values[:k], values[k:]
            distance = float(((logs_of_weights - best.x) ** 2).sum() + (biases**2).sum())
            return _loss(np.exp(logs_of_weights) * logs + biases, soft) + distance / (2.0 * _PRIOR**2 * n)

        start = np.concatenate([np.full(k, best.x), np.zeros(k)])
        values = minimize(stiff_loss, start, method="L-BFGS-B", bounds=[_LOG_RANGE] * k + [(None, None)] * k).x
        return cls(np.exp(values[:k]), values[k:], method)

    @property
    def temperature(self) -> float:
        """The temperature, the geometric mean over classes with vector scaling; below 1 confidence rises."""
        return float(np.exp(-np.log(self.weights).mean()))

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, (N, K) float64."""
        if self.method == NONE:
            return probabilities
        calibrated: np.ndarray = softmax(self.weights * _logs(probabilities) + self.biases, axis=1)
        return calibrated

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        return {
            "method": self.method,
            "weights": self.weights.tolist(),
            "biases": self.biases.tolist(),
            "reason": self.reason,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the calibrator that `to_plain` wrote."""
        return cls(np.array(plain["weights"]), np.array(plain["biases"]), plain["method"], plain["reason"])


def _logs(probabilities: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(np.clip(probabilities.astype(np.float64), _SMALLEST, None))
    return logs


def _soft_targets(targets: np.ndarray, n_classes: int) -> np.ndarray:
    error = 0.5 / (len(targets) + 1)
    soft = np.full((len(targets), n_classes), error / max(n_classes - 1, 1))
    soft[np.arange(len(targets)), targets] = 1.0 - error
    return soft


def _loss(logits: np.ndarray, soft: np.ndarray) -> float:
    highest = logits.max(axis=1, keepdims=True)
    normal = highest + np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
    return float(-(soft * (logits - normal)).sum(axis=1).mean())
