"""Prices of masks, and what a network says."""

import math

import pytest
import torch

from locgraph.explain.frozen import frozen
from locgraph.explain.masks import price, surprise


def test_price_of_size_does_not_grow_with_the_fov():
    assert price(torch.tensor([1.0, 0.0]), 3.0, 0.0).item() == pytest.approx(1.5)
    assert price(torch.tensor([1.0, 0.0] * 50), 3.0, 0.0).item() == pytest.approx(1.5)


def test_price_of_being_unsure():
    assert price(torch.tensor([0.5]), 0.0, 2.0).item() == pytest.approx(2 * math.log(2))
    assert price(torch.tensor([0.0, 1.0]), 0.0, 2.0).item() == pytest.approx(0, abs=1e-6)


def test_surprise_is_the_cross_entropy_of_the_class(make_network, make_full_example):
    network, example = make_network("locclusternet_both"), make_full_example()

    with frozen(network):
        found = surprise(network, example.graph, network.describe(example.graph), 2)
        expected = -network(example.graph).log_softmax(dim=1)[0, 2]

    torch.testing.assert_close(found, expected)
