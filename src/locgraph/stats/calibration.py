"""Calibration of probabilities: of predictions with a confidence of 80 %, 80 % should be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.stats.intervals import Interval
from locgraph.stats.pooled import pooled_accuracy

N_BINS: Final = 15
"""Bins between 0 and 1, as Guo et al. (2017) have it."""

_SMALLEST: Final = 1e-12


@dataclass(frozen=True)
class Bin:
    """Cases whose confidence lies within one interval.

    Attributes:
        low: Lower end, which belongs to the bin below; that of the first bin, 0, belongs to it.
        high: Upper end, which belongs to the bin.
        count: Number of cases.
        confidence: Their mean confidence.
        accuracy: Fraction of them that is right, with its 95 % interval (`pooled_accuracy`).
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: Interval


@dataclass(frozen=True)
class Calibration:
    """Agreement of confidence and accuracy.

    Attributes:
        bins: The bins that hold cases, in order.
        error: Expected calibration error: mean over cases of the distance between the accuracy and the mean confidence
            of their bin, 0 to 1. Chance alone makes it positive, the more so the fewer cases there are.
        adaptive_error: The same over bins that hold equally many cases (Nixon et al. 2019, arXiv 1904.01685).
        brier: Brier score: mean over cases of the sum over classes of the squared distance between probability and
            truth; 0 is perfect, 2 the worst, and 1 - 1/K is what equal probabilities of K classes get.
        reliability: Part of the Brier score that calibration would take away, at least 0; the smaller the better.
        resolution: Part that telling cases apart takes off, at least 0; the larger the better.
        uncertainty: Brier score of the frequencies of the classes. The score is reliability - resolution + uncertainty,
            up to the spread of probabilities within a bin.
        nll: Mean negative logarithm of the probability of the true class.
        n_cases: Number of cases.
        mean_confidence: Mean of the largest probability.
        accuracy: Fraction of the cases that is right.
    """

    bins: tuple[Bin, ...]
    error: float
    adaptive_error: float
    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    nll: float
    n_cases: int
    mean_confidence: float
    accuracy: float


def calibration(
    probabilities: np.ndarray,
    targets: np.ndarray,
    n_bins: int = N_BINS,
    groups: np.ndarray | None = None,
    intervals: bool = True,
) -> Calibration:
    """Compare confidence, the largest probability, with accuracy in bins of equal width.

    The error is that of Naeini et al. (2015, 10.1609/aaai.v29i1.9602) as Guo et al. (2017, arXiv 1706.04599) use it for
    several classes; the score is that of Brier (1950, Monthly Weather Review 78:1) over all classes, its parts those of
    Murphy (1973, 10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2), summed over the classes.

    Args:
        probabilities: (N, K) float64, rows sum to 1.
        targets: (N,) int64, index of the true class.
        n_bins: Number of bins between 0 and 1.
        groups: (N,) group of each case; None where cases are independent.
        intervals: Whether the accuracy of each bin has an interval, which resampling does not need.

    Raises:
        DataError: There is no case, shapes do not fit, a row is no distribution, or a target is out of range.
    """
    _check(probabilities, targets)
    if n_bins < 1:
        raise DataError(f"expected at least one bin, found {n_bins}", setting="n_bins")
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    place = _place(confidence, edges)
    bins = tuple(
        Bin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            count=int(here.sum()),
            confidence=float(confidence[here].mean()),
            accuracy=_accuracy(right[here], None if groups is None else groups[here], intervals),
        )
        for i in np.unique(place)
        for here in [place == i]
    )
    truth = np.eye(probabilities.shape[1])[targets]
    reliability, resolution = _brier_parts(probabilities, truth, edges)
    frequencies = truth.mean(axis=0)
    return Calibration(
        bins=bins,
        error=sum(each.count * abs(each.accuracy.estimate - each.confidence) for each in bins) / len(targets),
        adaptive_error=_adaptive_error(confidence, right, n_bins),
        brier=float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        reliability=reliability,
        resolution=resolution,
        uncertainty=float((frequencies * (1.0 - frequencies)).sum()),
        nll=float(-np.log(np.clip(probabilities[truth > 0], _SMALLEST, None)).mean()),
        n_cases=len(targets),
        mean_confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
    )


def calibration_of(predictions: pl.DataFrame, class_names: Sequence[str], n_bins: int = N_BINS) -> Calibration:
    """Return the calibration of a table of predictions.

    Args:
        predictions: Columns ``truth`` and ``p_<class>``; rows without truth do not count. Rows of one ``group`` are
            not independent where there is such a column, and neither are several of one ``fov_id``.
        class_names: The K classes.
        n_bins: Number of bins between 0 and 1.

    Raises:
        DataError: A column is missing, no row has a truth, or one is none of the classes.
    """
    columns = [schema.PROBABILITY_PREFIX + name for name in class_names]
    missing = [name for name in (schema.TRUTH, *columns) if name not in predictions.columns]
    if missing:
        raise DataError(f"calibration: expected predictions with {', '.join(missing)}, found {predictions.columns}")
    known = predictions.filter(pl.col(schema.TRUTH).is_not_null())
    unknown = sorted(set(known[schema.TRUTH]) - set(class_names))
    if unknown:
        raise DataError(f"calibration: expected true classes among {list(class_names)}, found {unknown}")
    index = {name: place for place, name in enumerate(class_names)}
    targets = np.array([index[name] for name in known[schema.TRUTH]], dtype=np.int64)
    return calibration(known.select(columns).to_numpy().astype(np.float64), targets, n_bins, _groups(known))


def _place(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the bin of each value, whose upper end belongs to it; one slightly above 1 is rounded."""
    return np.clip(np.searchsorted(edges, values, side="left") - 1, 0, len(edges) - 2)


def _adaptive_error(confidence: np.ndarray, right: np.ndarray, n_bins: int) -> float:
    order = np.argsort(confidence, kind="stable")
    bins = [part for part in np.array_split(order, n_bins) if len(part)]
    return float(sum(len(part) * abs(confidence[part].mean() - right[part].mean()) for part in bins) / len(right))


def _brier_parts(probabilities: np.ndarray, truth: np.ndarray, edges: np.ndarray) -> tuple[float, float]:
    """Return reliability and resolution, summed over the classes."""
    reliability = resolution = 0.0
    for predicted, true in zip(probabilities.T, truth.T, strict=True):
        place = _place(predicted, edges)
        for index in np.unique(place):
            here = place == index
            rate, weight = true[here].mean(), here.mean()
            reliability += weight * (predicted[here].mean() - rate) ** 2
            resolution += weight * (rate - true.mean()) ** 2
    return float(reliability), float(resolution)


def _groups(table: pl.DataFrame) -> np.ndarray | None:
    fovs = table.get_column(schema.FOV_ID, default=None)
    groups = table.get_column(schema.GROUP, default=None)
    if groups is not None and not groups.is_null().all() and fovs is not None:
        return groups.fill_null(fovs).to_numpy()
    return fovs.to_numpy() if fovs is not None and fovs.is_duplicated().any() else None


def _accuracy(right: np.ndarray, groups: np.ndarray | None, interval: bool) -> Interval:
    if not interval:
        return Interval(float(right.mean()), None, None)
    every = np.arange(len(right))
    return pooled_accuracy(right.astype(np.float64), np.zeros(len(right)), every, groups)


def _check(probabilities: np.ndarray, targets: np.ndarray) -> None:
    if probabilities.ndim != 2 or len(probabilities) == 0 or np.shape(targets) != (len(probabilities),):
        raise DataError(
            "calibration: expected probabilities (N, K) and targets (N,) of at least one case, found shapes "
            f"{probabilities.shape} and {np.shape(targets)}"
        )
    if not np.isfinite(probabilities).all() or (np.abs(probabilities.sum(axis=1) - 1.0) > 1e-3).any():
        raise DataError("calibration: expected probabilities that sum to 1 in each row: predict again")
    if targets.min() < 0 or targets.max() >= probabilities.shape[1]:
        raise DataError(
            f"calibration: expected targets from 0 to {probabilities.shape[1] - 1}, found {targets.min()} to "
            f"{targets.max()}"
        )
