"""Fidelity over the size of the selection."""

import itertools

import numpy as np
import pytest
import torch

from locgraph.explain.metrics.fidelity_curve import _counts, fidelity_curve

WEIGHTS = torch.tensor([0.05, 0.2, -0.1, 0.1])


@pytest.fixture
def example(make_example):
    return make_example(4, features=torch.stack([WEIGHTS, WEIGHTS], dim=1))


def test_by_hand(example, additive):
    curve = fidelity_curve(additive, example.graph, WEIGHTS, 1)

    np.testing.assert_allclose(curve.selected, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve.plus, [0, 0.2, 0.3, 0.35, 0.25], atol=1e-6)
    np.testing.assert_allclose(curve.minus, [0.25, 0.05, -0.05, -0.1, 0], atol=1e-6)
    assert curve.plus_area == pytest.approx((0.2 + 0.3 + 0.35 + 0.125) / 4, abs=1e-6)
    assert curve.minus_area == pytest.approx((0.125 + 0.05 - 0.05 - 0.1) / 4, abs=1e-6)
    assert curve.area == pytest.approx(curve.plus_area - curve.minus_area)


def test_the_right_order_is_the_best(example, additive):
    areas = {
        order: fidelity_curve(additive, example.graph, torch.tensor(order, dtype=torch.float32), 1).area
        for order in itertools.permutations(range(4))
    }
    right = tuple(WEIGHTS.argsort().argsort().tolist())
    assert max(areas, key=areas.get) == right
    assert areas[right] > 0.1
    assert np.mean(list(areas.values())) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("points", [2, 3, 10])
@pytest.mark.parametrize("n", [3, 15])
def test_the_opposite_order_has_the_opposite_area(n, points, make_motif, finds_motif):
    """Also of a network that is no sum of its clusters."""
    example, _ = make_motif(n=n)
    scores = torch.rand(n, generator=torch.Generator().manual_seed(3))
    area, opposite = (
        fidelity_curve(finds_motif(), example.graph, found, 1, points).area for found in (scores, -scores)
    )
    assert area == pytest.approx(-opposite, abs=1e-6)


def test_the_motif_first_is_better_than_last(make_motif, finds_motif):
    example, motif = make_motif(n=15)
    assert fidelity_curve(finds_motif(), example.graph, motif.float(), 1).area > 0.3


def test_the_order_of_clusters_does_not_matter(make_motif, finds_motif, permuted):
    example, motif = make_motif(n=13)
    scores = motif.float() + torch.linspace(0, 0.5, 13)
    order = torch.randperm(13, generator=torch.Generator().manual_seed(0))
    first = fidelity_curve(finds_motif(), example.graph, scores, 1)
    second = fidelity_curve(finds_motif(), permuted(example, order).graph, scores[order], 1)
    np.testing.assert_allclose(first.plus, second.plus, atol=1e-6)
    np.testing.assert_allclose(first.minus, second.minus, atol=1e-6)


def test_one_cluster(make_example, additive):
    curve = fidelity_curve(additive, make_example(1, features=torch.tensor([[0.3, 0.0]])).graph, torch.ones(1), 1)
    assert curve.selected.tolist() == [0, 1]
    assert curve.area == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("n", "points"), [(1, 10), (4, 10), (15, 10), (15, 5), (1000, 10), (7, 2)])
def test_sizes(n, points):
    counts = _counts(n, points)
    assert counts[0] == 0
    assert counts[-1] == n
    assert counts == sorted({n - count for count in counts})
    assert len(counts) <= points + 2
