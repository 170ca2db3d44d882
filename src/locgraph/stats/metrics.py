"""Metrics of predicted classes, with the same definitions as those of `locgraph.learn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

ACCURACY: Final = "accuracy"
BALANCED_ACCURACY: Final = "balanced_accuracy"
F1: Final = "f1"
AUROC: Final = "auroc"
METRICS: Final = (ACCURACY, BALANCED_ACCURACY, F1, AUROC)
"""Metrics between 0 and 1, in the order of tables."""

RECALL: Final = "recall"
PRECISION: Final = "precision"
IOU: Final = "iou"


def class_scores(
    truth: np.ndarray, predicted: np.ndarray, certainty: np.ndarray | None = None, class_names: Sequence[str] = ()
) -> dict[str, float]:
    """Return accuracy, balanced accuracy, F1 and AUROC.

    Args:
        truth: True classes (N,), at least one.
        predicted: Predicted classes (N,).
        certainty: (N, K) float64: probabilities or values of a decision function, larger for a more likely class; None
            gives no AUROC.
        class_names: The K classes, in the order of the columns.

    Returns:
        ``accuracy``; ``balanced_accuracy``, the mean recall of the classes in ``truth``; ``f1``, its mean over the
        classes that are true or predicted; ``auroc``, the mean over the classes in ``truth`` of that of each class
        against the rest, absent where ``truth`` has a single class.
    """
    scores = {
        ACCURACY: float((truth == predicted).mean()),
        BALANCED_ACCURACY: balanced_accuracy(truth, predicted),
        F1: float(f1_score(truth, predicted, average="macro")),
    }
    present = np.unique(truth)
    if certainty is not None and len(present) > 1:
        # a class that is absent from training has no column: its AUROC is that of chance
        column = {name: certainty[:, place] for place, name in enumerate(class_names)}
        areas = [roc_auc_score(truth == name, column[name]) if name in column else 0.5 for name in present.tolist()]
        scores[AUROC] = float(np.mean(areas))
    return scores


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean recall of the classes in ``truth``.

    It equals scikit-learn's, which is too slow for the thousands of calls of permutation importance and warns where a
    class is predicted that is not in ``truth``.

    Args:
        truth: True classes (N,), at least one.
        predicted: Predicted classes (N,).
    """
    return float(np.mean([(predicted[truth == name] == name).mean() for name in np.unique(truth)]))


def scores_by_class(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return recall, precision, F1 and intersection over union of each class.

    Args:
        counts: Confusion matrix (K, K), rows are true classes.

    Returns:
        ``recall``, ``precision``, ``f1`` and ``iou``, each (K,) float64; NaN where the class is not true (recall), not
        predicted (precision), or neither (F1 and IoU).
    """
    right, true, predicted = np.diag(counts).astype(np.float64), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            RECALL: right / true,
            PRECISION: right / predicted,
            F1: 2 * right / (true + predicted),
            IOU: right / (true + predicted - right),
        }
