"""From scores to a selection."""

import pytest
import torch

from locgraph.errors import ConfigError, DataError
from locgraph.explain.explanation import Explanation
from locgraph.explain.metrics.selection import Selection, ranking, top

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


@pytest.mark.parametrize(
    ("by", "amount", "message"),
    [
        ("best", 1, "selection.by must be one of count, fraction, threshold and subgraph, found 'best'"),
        ("count", 0, "selection.amount .selection.by=count. must be a whole number of at least 1, found 0"),
        ("count", 0.5, "found 0.5"),
        ("fraction", 0, "above 0 and at most 1, found 0"),
        ("fraction", 3, "found 3"),
        ("subgraph", 3, "selection.by=subgraph"),
        ("threshold", "x", "selection.amount .selection.by=threshold. must be a number, found 'x'"),
    ],
)
def test_settings_that_cannot_work(by, amount, message):
    with pytest.raises(ConfigError, match=message):
        Selection(by, amount)


@pytest.mark.parametrize("by", ["count", "fraction", "threshold"])
def test_scores_without_order(by):
    with pytest.raises(DataError, match="a finite score for each cluster, found 1 of 2 that are not"):
        Selection(by, 1)(Explanation(torch.tensor([0.0, torch.nan])))
