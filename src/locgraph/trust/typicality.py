"""How like the FOVs of training a FOV is: distances in the network and in measures made by hand, with a p-value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import polars as pl
from scipy import stats

from locgraph.errors import DataError
from locgraph.trust.class_distances import ClassDistances
from locgraph.trust.measures import SHAPE

FEWEST: Final = 10
"""Fewer FOVs show no spread to compare with."""

ENOUGH_FOR_RANKS: Final = 100
"""From this number of FOVs on p-values of the measures are ranks; below, tails of a fitted distribution."""

MAX_KEPT: Final = 500
"""Most distances that are kept; of more, evenly spaced ranks."""

_LEAST: Final = 1e-3
"""Distance, in standard deviations, that counts as none."""

_OWN: Final = 0.5
_FOLDS: Final = 10
_SEED: Final = 0
_UNLABELLED: Final = "FOVs without a class"
_NETWORK, _MEASURES = "network", "measures"


@dataclass(frozen=True)
class Part:
    """Distance from the nearest class in one kind of values, with those of known FOVs to compare with.

    Args:
        distances: From each class.
        known: Sorted distances (n,) from the nearest class, of FOVs that it was not fitted to.
        quantile: Quantile of these that is the unit of the score.
        by_rank: Whether p-values are ranks among ``known`` (conformal), or tails of a t distribution of logarithms.
    """

    distances: ClassDistances
    known: np.ndarray
    quantile: float
    by_rank: bool

    def score(self, nearest: np.ndarray) -> np.ndarray:
        """Return distances (N,) so that the median of known FOVs is 0, and their quantile 1."""
        median, upper = np.median(self.known), np.quantile(self.known, self.quantile)
        return (nearest - median) / max(float(upper - median), _LEAST)

    def p_values(self, nearest: np.ndarray) -> np.ndarray:
        """Return the probability that a FOV like those of training is as far or farther, (N,) float64."""
        n = len(self.known)
        if self.by_rank:
            return (1 + n - np.searchsorted(self.known, nearest, side="left")) / (n + 1)
        logarithms = np.log(np.maximum(self.known, _LEAST))
        spread = max(float(logarithms.std(ddof=1)), _LEAST) * np.sqrt(1 + 1 / n)
        return stats.t.sf((np.log(np.maximum(nearest, _LEAST)) - logarithms.mean()) / spread, n - 1)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "distances": self.distances.to_plain(),
            "known": self.known.tolist(),
            "quantile": self.quantile,
            "by_rank": self.by_rank,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_plain` wrote."""
        known = np.array(plain["known"])
        return cls(ClassDistances.from_plain(plain["distances"]), known, plain["quantile"], plain["by_rank"])


@dataclass(frozen=True)
class Typicality:
    """Tells FOVs that are unlike those of training.

    A FOV is as far from those of training as it is from the nearest class. There are two distances: of the network's
    vector, with a covariance that all classes share, and of measures made by hand (number, extent, precision,
    elongation, kurtosis, spacing of the localisations), with covariances of each class. A network need not keep what
    its classes do not differ in, such as noise; the measures know no shapes. Both are fitted to training and validation
    FOVs, and compared with FOVs left out in turn (10 folds): all of them for the measures, for the network those of
    validation alone, since vectors of training FOVs are closer to their class than any other. The p-value is twice the
    smaller of both (Bonferroni).

    Args:
        columns: Measures that are used, in their order.
        parts: ``network`` and ``measures``, or one of them.
        notes: What could not be fitted, and why: one sentence each.
    """

    columns: tuple[str, ...]
    parts: Mapping[str, Part]
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls,
        vectors: np.ndarray | None,
        is_validation: np.ndarray,
        labels: Sequence[str | None] | np.ndarray,
        measures: pl.DataFrame,
    ) -> Self:
        """Fit to training and validation FOVs.

        Args:
            vectors: (N, F) vectors of the network; None where it has none of FOVs.
            is_validation: (N,) bool.
            labels: Class of each FOV; those without one count as a class.
            measures: A row for each FOV, as `locgraph.trust.measures.measure_fovs` returns them.

        Raises:
            DataError: Fewer than `FEWEST` FOVs, none with another of its class, or vectors that are not finite.
        """
        n = measures.height
        if n < FEWEST:
            raise DataError(f"expected at least {FEWEST} FOVs to tell which are unlike them, found {n}")
        names = [_UNLABELLED if label is None else str(label) for label in labels]
        if len({len(names), len(is_validation), n}) > 1:
            raise DataError(f"expected as many labels as FOVs, found {len(names)} of {n}")
        columns = tuple(name for name in SHAPE if _varies(measures, name))
        parts, notes = {}, []
        if columns:
            values = _logarithms(measures, columns)
            parts[_MEASURES] = _fit(values, names, np.arange(n), own=_OWN, quantile=0.95, ranks=ENOUGH_FOR_RANKS)
        validation = np.flatnonzero(np.asarray(is_validation, dtype=bool))
        if vectors is None:
            notes.append("unlike FOVs are told by measures alone: the network has no vectors of FOVs")
        elif len(validation) < FEWEST:
            notes.append(
                f"unlike FOVs are told by measures alone, which know few shapes: the network's vectors need {FEWEST} "
                f"validation FOVs to compare with, found {len(validation)}"
            )
        else:
            parts[_NETWORK] = _fit(_checked(vectors, n), names, validation, own=0.0, quantile=0.9, ranks=None)
        if not parts:
            raise DataError("expected measures that vary or vectors of the network, found neither")
        return cls(columns, parts, tuple(notes))

    def score(self, vectors: np.ndarray | None, measures: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return typicality and p-value of FOVs.

        Args:
            vectors: (N, F) vectors of the network; None only if there were none to fit.
            measures: A row for each FOV. A measure that is absent counts as typical.

        Returns:
            Typicality (N,) float64: about 0 for a FOV like most of training, below -1 for what is farther than 90 % or
            95 % of them, the lower the less like; and p-value (N,) float64, the probability that a FOV like those of
            training is as unlike.

        Raises:
            DataError: Vectors are absent, of another size, or not finite.
        """
        nearest = {name: distances.min(axis=1) for name, distances in self._distances(vectors, measures).items()}
        scores = np.stack([self.parts[name].score(values) for name, values in nearest.items()])
        p_values = np.stack([self.parts[name].p_values(values) for name, values in nearest.items()])
        return -scores.max(axis=0), np.minimum(len(self.parts) * p_values.min(axis=0), 1.0)

    def explain(self, vectors: np.ndarray | None, measures: pl.DataFrame) -> list[str]:
        """Return what is least typical of each FOV, in words."""
        distances = self._distances(vectors, measures)
        names = list(distances)
        p_values = np.stack([self.parts[name].p_values(distances[name].min(axis=1)) for name in names])
        scores = np.stack([self.parts[name].score(distances[name].min(axis=1)) for name in names])
        # the smaller p-value; of p-values that are both 0, the larger score
        first = [int(np.lexsort((-scores[:, row], p_values[:, row]))[0]) for row in range(measures.height)]
        return [self._words(names[part], distances[names[part]][row], measures[row]) for row, part in enumerate(first)]

    def _words(self, name: str, distances: np.ndarray, measures: pl.DataFrame) -> str:
        of, place = self.parts[name].distances, int(distances.argmin())
        if name == _NETWORK:
            return f"the network's vector is far from every class (nearest: {of.names[place]})"
        values = _logarithms(measures, self.columns)
        worst = int(np.abs(of.deviations(values, place)[0]).argmax())
        middle, spread = of.means[place, worst], 2.0 * of.scales[worst]
        low, high = np.exp(middle - spread), np.exp(middle + spread)
        return (
            f"{self.columns[worst]} {np.exp(values[0, worst]):,.3g}; {low:,.3g} to {high:,.3g} in the nearest class, "
            f"{of.names[place]}"
        )

    def _distances(self, vectors: np.ndarray | None, measures: pl.DataFrame) -> dict[str, np.ndarray]:
        """Return the distances from each class (N, K) for each part."""
        result = {}
        for name, part in self.parts.items():
            if name == _MEASURES:
                values = _logarithms(measures, self.columns)
            elif vectors is None:
                raise DataError("expected vectors of the network, as typicality was fitted with them; found none")
            else:
                values = _checked(vectors, measures.height, len(part.distances.scales))
            result[name] = part.distances.measure(values)
        return result

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        parts = {name: part.to_plain() for name, part in self.parts.items()}
        return {"columns": list(self.columns), "parts": parts, "notes": list(self.notes)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_plain` wrote."""
        parts = {name: Part.from_plain(part) for name, part in plain["parts"].items()}
        return cls(tuple(plain["columns"]), parts, tuple(plain["notes"]))


def _fit(
    values: np.ndarray, labels: Sequence[str], compared: np.ndarray, *, own: float, quantile: float, ranks: int | None
) -> Part:
    """Fit to all values, and compare with the rows ``compared``, each left out in turn."""
    names = np.array(labels)
    known = np.empty(len(compared))
    fold = np.random.default_rng(_SEED).permutation(len(compared)) % min(_FOLDS, len(compared))
    for index in np.unique(fold):
        out = compared[fold == index]
        kept = np.setdiff1d(np.arange(len(values)), out)
        known[fold == index] = ClassDistances.fit(values[kept], names[kept], own).measure(values[out]).min(axis=1)
    known.sort()
    if len(known) > MAX_KEPT:
        known = np.quantile(known, np.linspace(0.0, 1.0, MAX_KEPT))
    return Part(ClassDistances.fit(values, names, own), known, quantile, ranks is not None and len(compared) >= ranks)


def _varies(measures: pl.DataFrame, name: str) -> bool:
    """Return whether a measure has more than one value: one that is the same in all FOVs has no spread."""
    if name not in measures.columns:
        return False
    values = _logarithms(measures, (name,))
    values = values[np.isfinite(values)]
    return len(values) > 1 and float(np.ptp(values)) > 1e-6


def _logarithms(measures: pl.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return the logarithms of measures (N, F) float64; NaN where unknown, -inf where 0."""
    absent = [name for name in columns if name not in measures.columns]
    table = measures.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in absent)
    values = table.select(pl.col(columns).cast(pl.Float64)).fill_null(np.nan).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(values)


def _checked(vectors: np.ndarray, n: int, size: int | None = None) -> np.ndarray:
    values = np.asarray(vectors, dtype=np.float64)
    if values.ndim != 2 or len(values) != n or (size is not None and values.shape[1] != size):
        raise DataError(f"expected vectors of shape ({n}, {size or 'F'}), found {values.shape}")
    if not np.isfinite(values).all():
        rows = np.flatnonzero(~np.isfinite(values).all(axis=1))
        raise DataError(f"expected finite vectors of the network, found others in {len(rows)} of {n} FOVs")
    return values
