"""Correlations against scipy, and agreement of selections counted by hand."""

import numpy as np
import pytest
from scipy import stats

from locgraph.stats.correlation import jaccard, kendall, overlap, pearson_matrix, spearman, spearman_matrix


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    return np.stack([x, np.round(y, 1), np.exp(3 * x) + y], axis=1)


def test_correlations_are_those_of_scipy(values):
    for a in range(3):
        for b in range(3):
            pair = values[:, a], values[:, b]
            assert pearson_matrix(values)[a, b] == pytest.approx(stats.pearsonr(*pair).statistic)
            assert spearman_matrix(values)[a, b] == pytest.approx(stats.spearmanr(*pair).statistic)
            assert spearman(*pair) == pytest.approx(stats.spearmanr(*pair).statistic)
            assert kendall(*pair) == pytest.approx(stats.kendalltau(*pair).statistic)
    assert (pearson_matrix(values).diagonal() == 1).all()
    assert pearson_matrix(values[:, :1]).tolist() == [[1.0]]


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0], []])
@pytest.mark.parametrize("correlation", [spearman, kendall])
def test_without_order_there_is_no_rank_correlation(correlation, values):
    values, others = np.array(values), np.arange(float(len(values)))
    assert correlation(values, others) is correlation(others, values) is None


def test_agreement_of_selections():
    first, second, none = np.array([True, True, False]), np.array([True, False, False]), np.zeros(3, dtype=bool)
    assert jaccard(first, second) == 1 / 2
    assert (overlap(first, second), overlap(second, first)) == (1 / 2, 1.0)
    assert (jaccard(first, none), overlap(first, none)) == (0.0, 0.0)
    assert jaccard(none, none) is overlap(none, first) is None
