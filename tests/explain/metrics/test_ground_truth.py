"""Scores against a planted motif."""

import itertools

import numpy as np
import pytest
import torch

from locgraph.errors import DataError
from locgraph.explain.metrics.ground_truth import against_motif

MOTIF = torch.tensor([0, 1, 0, 1, 0, 0]).bool()


def test_perfect_and_inverted():
    perfect = against_motif(MOTIF.float() + torch.linspace(0, 0.5, 6), MOTIF)
    assert (perfect.auc, perfect.average_precision, perfect.precision, perfect.reason) == (1, 1, 1, None)
    assert perfect.share == pytest.approx(1 / 3)
    inverted = against_motif(-MOTIF.float() - torch.linspace(0, 0.5, 6), MOTIF)
    assert (inverted.auc, inverted.precision) == (0, 0)
    assert inverted.average_precision == pytest.approx((1 / 5 + 2 / 6) / 2)


def test_at_random():
    generator = torch.Generator().manual_seed(0)
    found = [against_motif(torch.rand(6, generator=generator), MOTIF) for _ in range(800)]
    assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([one.precision for one in found]) == pytest.approx(1 / 3, abs=0.04)


def test_equal_scores_say_nothing():
    found = against_motif(torch.zeros(6), MOTIF)
    assert found.auc == 0.5
    assert found.average_precision == found.precision == pytest.approx(1 / 3)


def test_precision_with_ties_is_that_of_every_order():
    scores, truth = torch.tensor([3.0, 1.0, 1.0, 1.0, 0.0]), torch.tensor([0, 1, 0, 1, 1]).bool()
    by_order = [truth[[0, *order[:2]]].float().mean().item() for order in itertools.permutations([1, 2, 3])]
    assert against_motif(scores, truth).precision == pytest.approx(np.mean(by_order))


@pytest.mark.parametrize(("motif", "share", "reason"), [([0, 0], 0, "none belongs"), ([1, 1], 1, "all belong")])
def test_nothing_to_tell_apart(motif, share, reason):
    found = against_motif(torch.tensor([0.1, 0.2]), torch.tensor(motif).bool())
    assert (found.auc, found.average_precision, found.precision, found.share) == (None, None, None, share)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("scores", "message"),
    [([0.1, 0.2], "one score for each of the 6 entries of the motif, found 2"), ([torch.nan] * 6, "found 6 of 6")],
)
def test_scores_that_do_not_fit(scores, message):
    with pytest.raises(DataError, match=message):
        against_motif(torch.tensor(scores), MOTIF)
