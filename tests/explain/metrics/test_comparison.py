"""Scores compared with each other and with a planted motif."""

import itertools

import numpy as np
import pytest
import torch

from locgraph.errors import DataError
from locgraph.explain.base import Explanation
from locgraph.explain.metrics.comparison import against_motif, agreement
from locgraph.explain.metrics.selection import Selection

UP = torch.tensor([1.0, 2.0, 3.0, 4.0])


def test_pairs_by_hand():
    found = agreement(
        {
            "up": Explanation(UP),
            "same": Explanation(UP**2),
            "down": Explanation(-UP),
            "flat": Explanation(torch.zeros(4)),
        },
        Selection("count", 2),
    )

    assert found.columns == ["explainer", "other_explainer", "spearman", "kendall", "jaccard"]
    assert found.height == 6
    rows = {row[:2]: row[2:] for row in found.iter_rows()}
    assert rows["up", "same"] == pytest.approx((1, 1, 1))
    assert rows["up", "down"] == pytest.approx((-1, -1, 0))
    assert rows["same", "down"] == pytest.approx((-1, -1, 0))
    # of equal scores the first are selected, which are those that `down` prefers
    assert rows["up", "flat"] == (None, None, 0)
    assert rows["down", "flat"] == (None, None, 1)


def test_scores_that_are_not_finite_have_no_order():
    with pytest.raises(DataError, match="found 1 of 4"):
        agreement({"up": Explanation(UP), "bad": Explanation(torch.where(UP > 1, UP, torch.nan))}, Selection())


MOTIF = torch.tensor([0, 1, 0, 1, 0, 0]).bool()


def test_perfect_and_inverted():
    perfect = against_motif(MOTIF.float() + torch.linspace(0, 0.5, 6), MOTIF)
    assert (perfect.auc, perfect.average_precision, perfect.precision, perfect.reason) == (1, 1, 1, None)
    assert perfect.share == pytest.approx(1 / 3)
    inverted = against_motif(-MOTIF.float() - torch.linspace(0, 0.5, 6), MOTIF)
    assert (inverted.auc, inverted.precision) == (0, 0)
    assert inverted.average_precision == pytest.approx((1 / 5 + 2 / 6) / 2)


def test_equal_scores_are_no_better_than_chance():
    found = against_motif(torch.zeros(6), MOTIF)
    assert found.auc == 0.5
    assert found.average_precision == found.precision == pytest.approx(1 / 3)


def test_precision_with_ties_is_that_of_every_order():
    scores, truth = torch.tensor([3.0, 1.0, 1.0, 1.0, 0.0]), torch.tensor([0, 1, 0, 1, 1]).bool()
    by_order = [truth[[0, *order[:2]]].float().mean().item() for order in itertools.permutations([1, 2, 3])]
    assert against_motif(scores, truth).precision == pytest.approx(np.mean(by_order))


@pytest.mark.parametrize(("motif", "share", "reason"), [([0, 0], 0, "none belongs"), ([1, 1], 1, "all belong")])
def test_metrics_do_not_exist_where_all_or_none_are_in_the_motif(motif, share, reason):
    found = against_motif(torch.tensor([0.1, 0.2]), torch.tensor(motif).bool())
    assert (found.auc, found.average_precision, found.precision, found.share) == (None, None, None, share)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("scores", "message"),
    [([0.1, 0.2], "one score for each of the 6 entries of the motif, found 2"), ([torch.nan] * 6, "found 6 of 6")],
)
def test_scores_that_do_not_fit_the_motif(scores, message):
    with pytest.raises(DataError, match=message):
        against_motif(torch.tensor(scores), MOTIF)
