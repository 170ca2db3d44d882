"""How far the answer to a selection is from the answer to all."""

import math

import pytest
import torch

from locgraph.explain.metrics.probabilities import Parts
from locgraph.explain.metrics.unfaithfulness import unfaithfulness


def judged(whole, kept):
    return unfaithfulness(Parts(torch.tensor(whole), torch.tensor(kept), torch.tensor(whole)))


def test_by_hand():
    divergence = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert judged([0.5, 0.5], [0.25, 0.75]) == pytest.approx(1 - math.exp(-divergence))


def test_the_direction_is_from_the_whole():
    """What the whole rules out may be said of a part at a finite price, the other way round it may not."""
    assert judged([1.0, 0.0], [0.5, 0.5]) == pytest.approx(0.5)
    assert judged([0.5, 0.5], [1.0, 0.0]) == 1


def test_the_same_answer():
    assert judged([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]) == 0


def test_range():
    draws = torch.randn((200, 2, 4), generator=torch.Generator().manual_seed(0)).mul(5).softmax(dim=2)
    found = [unfaithfulness(Parts(whole, kept, whole)) for whole, kept in draws]
    assert 0 <= min(found) < max(found) <= 1
