"""Selection of clusters, and how sparse it is."""

import pytest
import torch

from locgraph.errors import DataError
from locgraph.explain.base import Explanation
from locgraph.explain.metrics.selection import Selection, concentration, normalised_entropy, ranking, sparsity, top

SCORES = torch.tensor([0.1, 0.5, -0.3, 0.5, 0.2])


@pytest.mark.parametrize(
    ("by", "amount", "expected"),
    [
        ("count", 1, [1]),
        ("count", 3, [1, 3, 4]),
        ("count", 9, [0, 1, 2, 3, 4]),
        ("fraction", 0.2, [1]),
        ("fraction", 0.01, [1]),
        ("fraction", 0.5, [1, 3, 4]),
        ("fraction", 1, [0, 1, 2, 3, 4]),
        ("threshold", 0.2, [1, 3]),
        ("threshold", -1.0, [0, 1, 2, 3, 4]),
        ("threshold", 0.5, []),
    ],
)
def test_by_scores(by, amount, expected):
    selected = Selection(by, amount)(Explanation(SCORES))
    assert selected.dtype == torch.bool
    assert selected.nonzero()[:, 0].tolist() == expected


def test_the_subgraph_of_the_explainer():
    named = torch.tensor([True, False, True, False, False])
    selection = Selection("subgraph", 0.4)
    assert torch.equal(selection(Explanation(SCORES, subgraph=named)), named)
    assert selection(Explanation(SCORES)).nonzero()[:, 0].tolist() == [1, 3]
    assert Selection("fraction", 0.4)(Explanation(SCORES, subgraph=named)).nonzero()[:, 0].tolist() == [1, 3]


def test_equal_scores_keep_their_order():
    assert ranking(torch.zeros(100)).tolist() == list(range(100))
    assert top(torch.tensor([1.0, 2.0, 1.0, 1.0]), 2).tolist() == [True, True, False, False]


@pytest.mark.parametrize("by", ["count", "fraction", "threshold"])
def test_scores_have_to_be_finite(by):
    with pytest.raises(DataError, match="a finite score for each cluster, found 1 of 2 that are not"):
        Selection(by, 1)(Explanation(torch.tensor([0.0, torch.nan])))


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
def test_concentration_and_entropy(scores, gini, entropy):
    assert concentration(torch.tensor(scores)) == pytest.approx(gini)
    assert normalised_entropy(torch.tensor(scores)) == pytest.approx(entropy, abs=1e-6)


@pytest.mark.parametrize("scores", [[0.0, 0.0, 0.0], [2.0]])
def test_concentration_does_not_exist(scores):
    assert concentration(torch.tensor(scores)) is None
    assert normalised_entropy(torch.tensor(scores)) is None
