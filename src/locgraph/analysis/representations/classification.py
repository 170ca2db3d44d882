"""How well a linear classifier names the class of a unit from its vector, on units that it was not fitted to."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from locgraph.analysis.classifiers import Standardiser
from locgraph.analysis.representations.scores import (
    BALANCED_ACCURACY,
    TOP,
    UNSEEN_ACCURACY,
    UNSEEN_BALANCED,
    Score,
    scored,
)
from locgraph.analysis.representations.unit_folds import Fold, class_folds, out_of_fold
from locgraph.stats.bootstrap import few_owners
from locgraph.stats.intervals import Interval
from locgraph.stats.pooled import FEWEST_GROUPS, pooled_accuracy

_ITERATIONS: Final = 5000


def linear_classifier(seed: int = 0) -> Pipeline:
    """Return standardisation and multinomial logistic regression, each class of the same weight.

    The standardisation is part of it: means and deviations are those of the training side alone.
    """
    step = LogisticRegression(class_weight="balanced", max_iter=_ITERATIONS, random_state=seed)
    return Pipeline([("standardise", Standardiser()), ("classify", step)])


def fit_quietly(pipeline: Pipeline, vectors: np.ndarray, labels: np.ndarray) -> Pipeline:
    """Fit a pipeline; that a separable class has no finite best weights is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return pipeline.fit(vectors, labels)


def class_ranks(vectors: np.ndarray, labels: np.ndarray, folds: list[Fold]) -> np.ndarray:
    """Return the rank of the true class among those a classifier of the other folds gives, 1 for the most probable.

    Args:
        vectors: (N, L) float64.
        labels: (N,) classes.
        folds: See `class_folds`.

    Returns:
        (N,) float64; NaN for units that no fold tests.
    """

    def predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        fitted = fit_quietly(linear_classifier(), vectors[train], labels[train])
        probabilities = fitted.predict_proba(vectors[test])
        places = np.searchsorted(fitted.classes_, labels[test])
        known = fitted.classes_[np.minimum(places, len(fitted.classes_) - 1)] == labels[test]
        own = probabilities[np.arange(len(test)), np.minimum(places, len(fitted.classes_) - 1)]
        # of equal probabilities the first class is predicted
        before = np.arange(probabilities.shape[1])[None] < places[:, None]
        higher = (probabilities > own[:, None]) | ((probabilities == own[:, None]) & before)
        return np.where(known, 1.0 + higher.sum(axis=1), np.inf)

    return out_of_fold(folds, predict, len(labels))


def classify(vectors: np.ndarray, labels: np.ndarray, owners: np.ndarray, n_folds: int, seed: int) -> list[Score]:
    """Cross-validate the linear classifier over units.

    Args:
        vectors: (N, L) float64.
        labels: (N,) classes.
        owners: (N,) what units belong to; an owner is never on both sides.
        n_folds: Upper limit of the number of folds.
        seed: Of the folds.

    Returns:
        Top-1, top-2 and top-3 accuracy (as far as there are more classes) and balanced accuracy.

    Raises:
        DataError: There are fewer than two classes, or too few owners of one.
    """
    folds = class_folds(labels, owners, n_folds, seed)
    ranks = class_ranks(vectors, labels, folds)
    tested = ~np.isnan(ranks)
    n_classes = len(np.unique(labels))
    note = f"{len(folds)} folds"
    scores = []
    for k, metric in TOP.items():
        if k == 1 or k < n_classes:
            interval = accuracy((ranks <= k)[tested], labels[tested], owners[tested], balanced=False)
            scores.append(scored(metric, interval, int(tested.sum()), note=note, chance=k / n_classes))
    interval = accuracy((ranks <= 1)[tested], labels[tested], owners[tested], balanced=True)
    return [*scores, scored(BALANCED_ACCURACY, interval, int(tested.sum()), note=note, chance=1 / n_classes)]


def classify_unseen(
    vectors: np.ndarray, labels: np.ndarray, owners: np.ndarray, train: np.ndarray, test: np.ndarray
) -> list[Score]:
    """Fit the classifier to the units that the encoder was trained on, and test it on those that it never met.

    Args:
        vectors: (N, L) float64.
        labels: (N,) classes.
        owners: (N,) what units belong to.
        train: Rows that the encoder has met, in training or validation.
        test: Rows that it has not.

    Returns:
        Accuracy and balanced accuracy.
    """
    ranks = class_ranks(vectors, labels, [(train, test)])[test]
    n_classes = len(np.unique(labels[train]))
    scores = []
    for metric, balanced in ((UNSEEN_ACCURACY, False), (UNSEEN_BALANCED, True)):
        interval = accuracy(ranks <= 1, labels[test], owners[test], balanced=balanced)
        note = f"fitted to {len(train)} units"
        scores.append(scored(metric, interval, len(test), note=note, chance=1 / n_classes))
    return scores


def accuracy(correct: np.ndarray, classes: np.ndarray, owners: np.ndarray, *, balanced: bool) -> Interval:
    """Return an accuracy over units with the interval of `pooled_accuracy`, over owners where units share them."""
    names = np.arange(len(correct)).astype(str)
    shared = len(np.unique(owners)) < len(owners)
    result = pooled_accuracy(correct.astype(np.float64), classes, names, owners if shared else None, balanced=balanced)
    n_owners = len(np.unique(owners))
    return Interval(result.estimate, None, None, few_owners(n_owners)) if n_owners < FEWEST_GROUPS else result
