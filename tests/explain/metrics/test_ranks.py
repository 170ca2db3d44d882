"""Whether two lists of scores agree."""

import pytest
import torch
from scipy import stats

from locgraph.errors import DataError
from locgraph.explain.metrics.ranks import jaccard, kendall, overlap, spearman


@pytest.mark.parametrize("correlation", [spearman, kendall])
@pytest.mark.parametrize("n", [2, 3, 20])
def test_order_alone_counts(correlation, n):
    scores = torch.rand(n, generator=torch.Generator().manual_seed(n))
    assert correlation(scores, scores.exp() * 5 - 2) == pytest.approx(1)
    assert correlation(scores, -(scores**3)) == pytest.approx(-1)


@pytest.mark.parametrize(("correlation", "other"), [(spearman, stats.spearmanr), (kendall, stats.kendalltau)])
def test_as_scipy_does(correlation, other):
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        first, second = torch.randint(5, (2, 30), generator=generator).float()
        assert correlation(first, second) == pytest.approx(float(other(first, second).statistic))


@pytest.mark.parametrize("correlation", [spearman, kendall])
def test_no_order_no_correlation(correlation):
    assert correlation(torch.ones(4), torch.arange(4.0)) is None
    assert correlation(torch.arange(4.0), torch.zeros(4)) is None
    assert correlation(torch.ones(1), torch.ones(1)) is None


def test_scores_that_are_not_finite():
    with pytest.raises(DataError, match="found 1 of 2"):
        spearman(torch.tensor([0.0, 1.0]), torch.tensor([0.0, torch.nan]))


def test_selections():
    first, second = torch.tensor([1, 1, 0, 0]).bool(), torch.tensor([0, 1, 1, 1]).bool()
    assert jaccard(first, second) == jaccard(second, first) == 0.25
    assert overlap(first, second) == 0.5
    assert overlap(second, first) == pytest.approx(1 / 3)
    assert jaccard(first, first) == overlap(first, first) == 1
    assert jaccard(first, ~first) == overlap(first, ~first) == 0


def test_nothing_selected():
    none, one = torch.zeros(2, dtype=torch.bool), torch.tensor([True, False])
    assert jaccard(none, none) is None
    assert overlap(none, one) is None
    assert jaccard(none, one) == overlap(one, none) == 0
