"""How two partitions of the same cases agree, whatever their parts are called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


@dataclass(frozen=True)
class PartitionAgreement:
    """Agreement of two partitions.

    Attributes:
        n: Number of cases.
        matched_accuracy: Fraction of the cases in parts that are matched one to one so that it is largest.
        adjusted_rand: 0 by chance, 1 where both are the same (Hubert and Arabie 1985, 10.1007/BF01908075).
        nmi: Mutual information over the mean of both entropies; it rises with the number of parts by chance.
        matches: Part of the second partition -> part of the first that it is matched with.
    """

    n: int
    matched_accuracy: float
    adjusted_rand: float
    nmi: float
    matches: dict[str, str]


def compare_partitions(first: np.ndarray, second: np.ndarray, unmatched: str | None = None) -> PartitionAgreement:
    """Compare two partitions.

    Parts are matched by the assignment with the most cases in common (Kuhn 1955, 10.1002/nav.3800020109). Where one
    partition has more parts, some have no match and all of their cases count as wrong.

    Args:
        first: Part of each case (N,), at least one case.
        second: The same for the other partition (N,).
        unmatched: Part of the second that is matched with none, so that its cases count as wrong; None: there is none.
    """
    names, others = np.unique(first), np.unique(second)
    counts = contingency_matrix(first, second)
    matchable = np.flatnonzero(others != unmatched) if unmatched is not None else np.arange(len(others))
    rows, chosen = linear_sum_assignment(counts[:, matchable], maximize=True)
    columns = matchable[chosen]
    return PartitionAgreement(
        n=len(first),
        matched_accuracy=float(counts[rows, columns].sum() / len(first)),
        adjusted_rand=float(adjusted_rand_score(first, second)),
        nmi=float(normalized_mutual_info_score(first, second)),
        matches={str(others[column]): str(names[row]) for row, column in zip(rows, columns, strict=True)},
    )
