"""Rank tests of many columns at once: every column is ranked a single time, whatever the number of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm, rankdata


@dataclass(frozen=True)
class RankTests:
    """Tests of P columns between K groups.

    Attributes:
        kruskal_p: (P,) p-values of Kruskal and Wallis' H; NaN where a column does not vary.
        epsilon_squared: (P,) effect size of H, 0 to 1 (Tomczak and Tomczak 2014).
        delta: (K, P) Cliff's delta of each group against all others together, positive where the group is larger; NaN
            where a group has no case, or all of them.
        p: (K, P) two-sided p-values of Mann and Whitney's U of the same.
    """

    kruskal_p: np.ndarray
    epsilon_squared: np.ndarray
    delta: np.ndarray
    p: np.ndarray


def rank_tests(values: np.ndarray, groups: np.ndarray, n_groups: int) -> RankTests:
    """Compare groups in each column, all at once and each against the rest.

    Kruskal and Wallis (1952, 10.1080/01621459.1952.10483441) and Mann and Whitney (1947, 10.1214/aoms/1177730491), both
    by their asymptotic distributions with correction for ties, the latter also for continuity.

    Args:
        values: (N, P) float64 without gaps.
        groups: (N,) int64, 0 to ``n_groups`` - 1.
        n_groups: Number of groups K; some may have no case.
    """
    n = len(values)
    ranks = rankdata(values, axis=0)
    sizes = np.bincount(groups, minlength=n_groups).astype(np.float64)[:, None]
    sums = np.stack([ranks[groups == group].sum(axis=0) for group in range(n_groups)])
    untied = _untied(values, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        h = np.nansum(sums**2 / sizes, axis=0) * 12 / (n * (n + 1)) - 3 * (n + 1)
        h = np.where(untied > 0, h / untied, np.nan)
        others = n - sizes
        u = sums - sizes * (sizes + 1) / 2
        delta = np.where(sizes * others > 0, 2 * u / (sizes * others) - 1, np.nan)
        spread = np.sqrt(sizes * others * (n + 1) / 12 * untied)
        z = np.maximum(np.abs(u - sizes * others / 2) - 0.5, 0.0) / spread
    present = int((sizes > 0).sum())
    return RankTests(chi2.sf(h, present - 1), h / (n - 1), delta, np.minimum(2 * norm.sf(z), 1.0))


def _untied(values: np.ndarray, n: int) -> np.ndarray:
    """Return 1 - sum(t^3 - t) / (n^3 - n) over the ties t of each column (P,); 0 where all values are equal."""
    ordered = np.sort(values, axis=0)
    corrections = []
    for column in ordered.T:
        ends = np.flatnonzero(np.append(column[1:] != column[:-1], True))
        ties = np.diff(np.append(-1, ends)).astype(np.float64)
        corrections.append((ties**3 - ties).sum())
    return 1.0 - np.array(corrections) / (float(n) ** 3 - n)
