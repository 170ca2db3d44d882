"""Whether an explanation finds what is known to carry the class: the clusters of a planted motif."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from locgraph.errors import DataError
from locgraph.explain.metrics.selection import check_finite


@dataclass(frozen=True)
class GroundTruth:
    """Scores against the truth.

    Attributes:
        auc: ROC-AUC in [0, 1], higher is better, 0.5 by chance: how often a cluster of the motif scores above another
            one, where equal scores count half (Hanley and McNeil 1982, 10.1148/radiology.143.1.7063747).
        average_precision: In [0, 1], higher is better, ``share`` by chance.
        precision: Part of the k top clusters that is in the motif of k clusters, in [0, 1], higher is better, ``share``
            by chance; among equal scores, what is to be expected of a random choice.
        share: Part of the clusters that the motif is.
        reason: Why the others are None; None where they are not.
    """

    auc: float | None
    average_precision: float | None
    precision: float | None
    share: float
    reason: str | None = None


def against_motif(scores: Tensor, motif: Tensor) -> GroundTruth:
    """Judges scores by a motif.

    Args:
        scores: (C,) float32.
        motif: (C,) bool.

    Returns:
        The result; None for the metrics, with the reason, where all or none are in the motif.

    Raises:
        DataError: The sizes differ, or a score is not finite.
    """
    if len(scores) != len(motif):
        raise DataError(
            f"expected one score for each of the {len(motif)} entries of the motif, found {len(scores)}: both must be "
            "of the same tables; explain again"
        )
    values, truth = check_finite(scores).numpy(), motif.numpy()
    size = int(truth.sum())
    share = size / len(truth) if len(truth) else 0.0
    if size in (0, len(truth)):
        reason = "none belongs to the motif" if size == 0 else "all belong to the motif"
        return GroundTruth(None, None, None, share, f"{reason}, of {len(truth)}: nothing to tell apart")
    return GroundTruth(
        float(roc_auc_score(truth, values)),
        float(average_precision_score(truth, values)),
        _precision_at_k(values, truth, size),
        share,
    )


def _precision_at_k(scores: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Expected part of the motif among the k top scores, where equal scores are in random order."""
    last = np.sort(scores)[-k]
    above, level = scores > last, scores == last
    places = k - int(above.sum())
    return float((truth[above].sum() + places * truth[level].mean()) / k)
