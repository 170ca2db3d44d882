"""Distances of vectors from the classes they may belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from sklearn.covariance import ledoit_wolf

from locgraph.errors import DataError

_FARTHEST: Final = 50.0
"""Standard deviations from the mean that a value counts as at most: infinities and lost units stay numbers."""

_CONSTANT: Final = 1e-3
"""Part of the median standard deviation that a smaller one counts as."""

_RIDGE: Final = 1e-6
"""Variance in every direction, so that values that are all the same have an inverse covariance."""


@dataclass(frozen=True)
class ClassDistances:
    """Mahalanobis distances from class means, with the covariance within classes.

    The covariance is shared by the classes and shrunk towards the identity as Ledoit and Wolf (2004,
    10.1016/S0047-259X(03)00096-4) do; a class may mix in its own (regularised discriminant analysis, Friedman 1989,
    10.1080/01621459.1989.10478752). For networks see Lee et al. 2018, arXiv 1807.03888.

    Args:
        names: The K classes.
        means: (K, F) float64.
        scales: (F,) float64, standard deviations within classes.
        factors: Whitening of scaled values, lower triangular (F, F) float64: one for all classes, or one for each.
    """

    names: tuple[str, ...]
    means: np.ndarray
    scales: np.ndarray
    factors: tuple[np.ndarray, ...]

    @classmethod
    def fit(cls, values: np.ndarray, labels: Sequence[str] | np.ndarray, own: float = 0.0) -> Self:
        """Fit to vectors with classes.

        Args:
            values: (N, F) float64; what is not finite counts as unknown.
            labels: Class of each.
            own: Weight of a class's own covariance, 0 to 1; classes of one or two have none.

        Raises:
            DataError: No class has two vectors.
        """
        names, index = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
        members = [np.flatnonzero(index == place) for place in range(len(names))]
        several = [rows for rows in members if len(rows) > 1]
        if not several:
            raise DataError(f"expected a class with two FOVs, found {len(index)} FOVs in {len(names)} classes")
        known = np.where(np.isfinite(values), values, np.nan)
        overall = np.nan_to_num(_mean(known))
        means = np.stack([np.where(np.isnan(mean := _mean(known[rows])), overall, mean) for rows in members])
        residuals = np.nan_to_num(known - means[index])
        scales = residuals[np.concatenate(several)].std(axis=0)
        # rounding alone is no spread
        rounding = _CONSTANT**2 * float(np.abs(means).max())
        scales = np.maximum(scales, max(_CONSTANT * float(np.median(scales)), rounding) or _CONSTANT)
        scaled = residuals / scales
        shared, _ = ledoit_wolf(scaled[np.concatenate(several)], assume_centered=True)
        shared += _RIDGE * np.eye(len(scales))
        covariances = [shared]
        if own:
            covariances = [
                own * scaled[rows].T @ scaled[rows] / (len(rows) - 1) + (1.0 - own) * shared
                if len(rows) > 2
                else shared
                for rows in members
            ]
        factors = tuple(np.linalg.cholesky(np.linalg.inv(covariance)) for covariance in covariances)
        return cls(tuple(map(str, names)), means, scales, factors)

    def measure(self, values: np.ndarray) -> np.ndarray:
        """Return the distance of each vector from each class, (N, K) float64, in standard deviations.

        Args:
            values: (N, F) float64; NaN counts as the mean of the class.
        """
        factors = self.factors * len(self.names) if len(self.factors) == 1 else self.factors
        distances = [
            np.linalg.norm(self.deviations(values, place) @ factor, axis=1) for place, factor in enumerate(factors)
        ]
        return np.stack(distances, axis=1)

    def deviations(self, values: np.ndarray, place: int) -> np.ndarray:
        """Return how many standard deviations values lie from the mean of one class, (N, F) float64."""
        scaled = (values - self.means[place]) / self.scales
        return np.clip(np.nan_to_num(scaled, nan=0.0, posinf=_FARTHEST, neginf=-_FARTHEST), -_FARTHEST, _FARTHEST)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values; of triangular matrices the rows up to the diagonal."""
        below = np.tril_indices(len(self.scales))
        return {
            "names": list(self.names),
            "means": self.means.tolist(),
            "scales": self.scales.tolist(),
            "factors": [factor[below].tolist() for factor in self.factors],
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_plain` wrote."""
        scales = np.array(plain["scales"])
        factors = []
        for values in plain["factors"]:
            factor = np.zeros((len(scales), len(scales)))
            factor[np.tril_indices(len(scales))] = values
            factors.append(factor)
        return cls(tuple(plain["names"]), np.array(plain["means"]), scales, tuple(factors))


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean of each column (F,) over what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=0) / known.sum(axis=0)
