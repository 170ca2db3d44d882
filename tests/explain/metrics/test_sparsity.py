"""How little an explanation needs."""

import pytest
import torch

from locgraph.errors import DataError
from locgraph.explain.metrics.sparsity import concentration, normalised_entropy, sparsity


@pytest.mark.parametrize(
    ("selected", "expected"), [([1, 0, 0, 0], 0.75), ([1, 1, 1, 1], 0), ([0, 0, 0, 0], 1), ([1], 0)]
)
def test_sparsity(selected, expected):
    assert sparsity(torch.tensor(selected, dtype=torch.bool)) == expected


@pytest.mark.parametrize(
    ("scores", "gini", "entropy"),
    [
        ([1.0, 1.0, 1.0, 1.0], 0, 1),
        ([0.0, -3.0, 0.0, 0.0], 1, 0),
        ([1.0, -1.0, 1.0, -1.0], 0, 1),
        ([1.0, 1.0, 0.0, 0.0], 2 / 3, 0.5),
        ([1e30, 1e30, 0.0, 0.0], 2 / 3, 0.5),
        ([1e-40, 1e-40, 0.0, 0.0], 2 / 3, 0.5),
    ],
)
def test_spread_of_scores(scores, gini, entropy):
    assert concentration(torch.tensor(scores)) == pytest.approx(gini)
    assert normalised_entropy(torch.tensor(scores)) == pytest.approx(entropy, abs=1e-6)


def test_gini_as_mean_difference():
    scores = torch.rand(30, generator=torch.Generator().manual_seed(0))
    pairs = (scores[:, None] - scores[None]).abs().sum() / (2 * 30 * 29 * scores.mean())
    assert concentration(scores) == pytest.approx(float(pairs), rel=1e-5)
    assert concentration(scores * -7) == pytest.approx(float(pairs), rel=1e-5)


@pytest.mark.parametrize("scores", [[0.0, 0.0, 0.0], [2.0]])
def test_nothing_to_spread(scores):
    assert concentration(torch.tensor(scores)) is None
    assert normalised_entropy(torch.tensor(scores)) is None


def test_scores_that_are_not_finite():
    with pytest.raises(DataError, match="finite score"):
        concentration(torch.tensor([1.0, torch.inf]))
