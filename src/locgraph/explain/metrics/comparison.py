"""Scores compared with those of other explainers, and with a known motif."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import polars as pl
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from locgraph import schema
from locgraph.errors import DataError
from locgraph.explain.base import Explanation
from locgraph.explain.metrics.selection import Selection, check_finite
from locgraph.stats.correlation import jaccard, kendall, spearman

OTHER_EXPLAINER: Final = "other_explainer"
SPEARMAN: Final = "spearman"
KENDALL: Final = "kendall"
JACCARD: Final = "jaccard"

_NAMES: Final = (schema.EXPLAINER, OTHER_EXPLAINER)
_VALUES: Final = (SPEARMAN, KENDALL, JACCARD)


def agreement(explanations: Mapping[str, Explanation], selection: Selection) -> pl.DataFrame:
    """Compare every pair of explainers on one FOV.

    Agreement does not show that explainers are right (Krishna et al. 2022, arXiv 2202.01602).

    Args:
        explanations: Name of the explainer -> its explanation of this FOV.
        selection: How clusters are selected.

    Returns:
        One row for each pair: ``explainer``, ``other_explainer``, ``spearman`` and ``kendall`` in [-1, 1] of the
        scores, ``jaccard`` in [0, 1] of the selected clusters; null where it does not exist.
    """
    scores = {name: check_finite(each.clusters).numpy() for name, each in explanations.items()}
    selected = {name: selection(each).numpy() for name, each in explanations.items()}
    rows = [
        (
            name,
            other,
            spearman(scores[name], scores[other]),
            kendall(scores[name], scores[other]),
            jaccard(selected[name], selected[other]),
        )
        for name, other in combinations(explanations, 2)
    ]
    types = dict.fromkeys(_NAMES, pl.String) | dict.fromkeys(_VALUES, pl.Float64)
    return pl.DataFrame(rows, schema=types, orient="row")


@dataclass(frozen=True)
class MotifScores:
    """How well scores find the clusters of a motif.

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


def against_motif(scores: Tensor, motif: Tensor) -> MotifScores:
    """Compare scores with a known motif.

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
        return MotifScores(None, None, None, share, f"{reason}, of {len(truth)}: no metric is defined")
    return MotifScores(
        float(roc_auc_score(truth, values)),
        float(average_precision_score(truth, values)),
        _precision_at_k(values, truth, size),
        share,
    )


def _precision_at_k(scores: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Return the expected part of the motif among the k top scores, where equal scores are in random order."""
    last = np.sort(scores)[-k]
    above, level = scores > last, scores == last
    places = k - int(above.sum())
    return float((truth[above].sum() + places * truth[level].mean()) / k)
