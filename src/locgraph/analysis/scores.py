"""Scores of predicted classes, as training scores the network: the same definitions, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from scipy.stats import rankdata

ACCURACY: Final = "accuracy"
BALANCED_ACCURACY: Final = "balanced_accuracy"
F1: Final = "f1"
AUROC: Final = "auroc"
METRICS: Final = (ACCURACY, BALANCED_ACCURACY, F1, AUROC)


def class_scores(
    truth: np.ndarray, predicted: np.ndarray, certainty: np.ndarray | None = None, class_names: Sequence[str] = ()
) -> dict[str, float]:
    """Accuracy, balanced accuracy, F1 and AUROC of one test side.

    Args:
        truth: True classes (N,), at least one.
        predicted: Predicted classes (N,).
        certainty: (N, K) float64: probabilities or values of a decision function, larger speaks for the class; None
            gives no AUROC.
        class_names: The K classes, in the order of the columns.

    Returns:
        ``accuracy``; ``balanced_accuracy``, the mean recall of the classes there are; ``f1``, its mean over the classes
        there are or that were predicted; ``auroc``, of each class against the rest, its mean over the classes there
        are, left out where there is one alone.
    """
    found = {
        ACCURACY: float((truth == predicted).mean()),
        BALANCED_ACCURACY: balanced_accuracy(truth, predicted),
        F1: _f1(truth, predicted),
    }
    present = np.unique(truth)
    if certainty is not None and len(present) > 1:
        # a class that training never saw has no column, and chance alone finds it
        column = {name: certainty[:, place] for place, name in enumerate(class_names)}
        areas = [area_under_curve(column[name], truth == name) if name in column else 0.5 for name in present.tolist()]
        found[AUROC] = float(np.mean(areas))
    return found


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the classes of ``truth`` (N,) of the part that was found."""
    return float(np.mean([(predicted[truth == name] == name).mean() for name in np.unique(truth)]))


def area_under_curve(scores: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive case has a larger score than a negative one; ties count half.

    By ranks, as Hanley and McNeil (1982, 10.1148/radiology.143.1.7063747) show.

    Args:
        scores: (N,) float64.
        positive: (N,) bool, some of either kind.
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores)[positive].sum()
    return float((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def certainty_of(pipeline: Any, values: np.ndarray) -> np.ndarray | None:
    """How sure a classifier of scikit-learn is of each class.

    Returns:
        (N, K) float64 in the order of its ``classes_``; None where it does not say.
    """
    if hasattr(pipeline, "predict_proba"):
        return np.asarray(pipeline.predict_proba(values), dtype=np.float64)
    if hasattr(pipeline, "decision_function"):
        found = np.asarray(pipeline.decision_function(values), dtype=np.float64)
        return np.stack([-found, found], axis=1) if found.ndim == 1 else found
    return None


def _f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    found = []
    for name in np.unique(np.concatenate([truth, predicted])):
        right = int(((truth == name) & (predicted == name)).sum())
        named = int((truth == name).sum()) + int((predicted == name).sum())
        found.append(2 * right / named)
    return float(np.mean(found))
