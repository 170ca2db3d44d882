"""Outliers: units of a class that is left out, found by distance alone, or by a classifier that knows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from scipy.stats import rankdata
from sklearn.neighbors import NearestNeighbors

from locgraph.analysis.representations.classification import accuracy, class_ranks
from locgraph.analysis.representations.scores import NOVELTY, OUTLIERS_SUPERVISED, Score, absent, scored
from locgraph.analysis.representations.unit_folds import class_folds, owner_folds
from locgraph.errors import DataError
from locgraph.stats.bootstrap import few_owners, percentile_interval
from locgraph.stats.intervals import Interval
from locgraph.stats.pooled import FEWEST_GROUPS

NEIGHBOURS: Final = 5
"""The score of a unit is its distance to this neighbour among normal units (Ramaswamy et al. 2000,
10.1145/342009.335437)."""
_DRAWS: Final = 200


def detect_outliers(
    vectors: np.ndarray,
    distances: np.ndarray,
    labels: np.ndarray,
    owners: np.ndarray,
    outliers: Sequence[str],
    n_folds: int,
    seed: int,
) -> list[Score]:
    """Find the units of some classes among all others.

    Unsupervised: each unit is scored by its distance to the 5th nearest of the normal units of the training side, which
    holds no outlier, and no normal unit is scored by a fold that it, or one of its owner, is in the training side of.
    Supervised: the linear classifier, which is told the outliers of the training side.

    Args:
        vectors: (N, L) float64, for the classifier.
        distances: (N, L) float64, the same in the scale in which distances are taken.
        labels: (N,) classes.
        owners: (N,) what units belong to.
        outliers: Classes that are outliers together; none leaves out each class in turn, and the mean is returned.
        n_folds: Upper limit of the number of folds.
        seed: Of folds and bootstrap.

    Returns:
        Area under the receiver operating characteristic (AUROC), and balanced accuracy; a reason where there is none.
    """
    classes = np.unique(labels)
    turns = [labels == name for name in classes] if not outliers else [np.isin(labels, list(outliers))]
    if len(classes) < 2 or not all(0 < turn.sum() < len(labels) for turn in turns):
        reason = f"needs units of the outlier class and others; the classes are {', '.join(map(str, classes))}"
        return absent([NOVELTY, OUTLIERS_SUPERVISED], reason)
    note = f"{', '.join(outliers)}" if outliers else f"each of {len(classes)} classes left out in turn"
    return [
        _score(NOVELTY, lambda: _novelty(distances, turns, owners, n_folds, seed), len(labels), note),
        _score(OUTLIERS_SUPERVISED, lambda: _supervised(vectors, turns, owners, n_folds, seed), len(labels), note),
    ]


def _score(metric: str, compute: Callable[[], Interval], n: int, note: str) -> Score:
    try:
        interval = compute()
    except DataError as error:
        return absent([metric], str(error))[0]
    return scored(metric, interval, n, chance=0.5, note=note)


def _novelty(vectors: np.ndarray, turns: list[np.ndarray], owners: np.ndarray, n_folds: int, seed: int) -> Interval:
    """Return the mean AUROC over turns, with the bootstrap over owners."""
    names, places = np.unique(owners, return_inverse=True)
    scores = [novelty_scores(vectors, turn, owners, n_folds, seed) for turn in turns]
    every = np.ones(len(owners))
    estimate = float(np.mean([weighted_auroc(own, turn, every) for own, turn in zip(scores, turns, strict=True)]))
    if len(names) < FEWEST_GROUPS:
        return Interval(estimate, None, None, few_owners(len(names)))
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(_DRAWS):
        weights = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[places].astype(float)
        areas = [weighted_auroc(own, turn, weights) for own, turn in zip(scores, turns, strict=True)]
        if not np.isnan(areas).any():
            draws.append(float(np.mean(areas)))
    return percentile_interval(estimate, np.array(draws or [estimate]))


def novelty_scores(
    vectors: np.ndarray, is_outlier: np.ndarray, owners: np.ndarray, n_folds: int, seed: int
) -> np.ndarray:
    """Return the distance (N,) of each unit to its 5th nearest normal unit of other owners; larger is stranger.

    Args:
        vectors: (N, L) float64.
        is_outlier: (N,) bool.
        owners: (N,) what units belong to.
        n_folds: Upper limit of the number of folds of the normal units.
        seed: Of the folds.

    Raises:
        DataError: The normal units are too few, or of one owner.
    """
    normal, strange = np.flatnonzero(~is_outlier), np.flatnonzero(is_outlier)
    folds = owner_folds(owners[normal], n_folds, seed)
    scores = np.zeros(len(vectors))
    for train, test in folds:
        if len(train) < NEIGHBOURS:
            raise DataError(f"needs at least {NEIGHBOURS} normal units in each training side, found {len(train)}")
        neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(vectors[normal[train]])
        scores[normal[test]] = neighbours.kneighbors(vectors[normal[test]])[0][:, -1]
        # an outlier meets the normal units of every fold
        scores[strange] += neighbours.kneighbors(vectors[strange])[0][:, -1] / len(folds)
    return scores


def weighted_auroc(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """Return the probability that a positive case has the higher score, ties counted as one half; NaN without cases.

    Args:
        scores: (N,) float64.
        positive: (N,) bool.
        weights: (N,) float64, how often each case counts.
    """
    place = rankdata(scores, method="dense").astype(np.int64) - 1
    above = np.bincount(place, weights * positive)
    below = np.bincount(place, weights * ~positive, minlength=len(above))
    total = above.sum() * below.sum()
    return float((above * (np.cumsum(below) - below / 2)).sum() / total) if total > 0 else float("nan")


def _supervised(vectors: np.ndarray, turns: list[np.ndarray], owners: np.ndarray, n_folds: int, seed: int) -> Interval:
    """Return the mean balanced accuracy over turns; its interval only where there is one turn."""
    results = []
    for turn in turns:
        names = np.where(turn, "outlier", "normal")
        ranks = class_ranks(vectors, names, class_folds(names, owners, n_folds, seed))
        tested = ~np.isnan(ranks)
        results.append(accuracy((ranks <= 1)[tested], names[tested], owners[tested], balanced=True))
    if len(results) == 1:
        return results[0]
    mean = float(np.mean([each.estimate for each in results]))
    return Interval(mean, None, None, "the mean over classes that share their units has no interval")
