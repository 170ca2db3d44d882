"""What a network says of a selection and of the rest."""

import pytest
import torch

from locgraph.explain.coalitions import Coalitions
from locgraph.explain.metrics import probabilities
from locgraph.explain.metrics.probabilities import class_probabilities, parts

WEIGHTS = torch.tensor([0.1, -0.2, 0.05, 0.3])


@pytest.fixture
def graph(make_example):
    return make_example(4, features=torch.stack([WEIGHTS, WEIGHTS], dim=1)).graph


def test_parts_by_hand(graph, additive):
    found = parts(additive, graph, torch.tensor([True, True, False, False]))

    torch.testing.assert_close(found.whole, torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(found.kept, torch.tensor([0.6, 0.4]))
    torch.testing.assert_close(found.removed, torch.tensor([0.15, 0.85]))


def test_no_clusters_are_worth_a_guess(graph, by_hand):
    network = by_hand(lambda graph: torch.full((graph.num_graphs,), 5.0))
    found = parts(network, graph, torch.zeros(4, dtype=torch.bool))
    assert found.kept.tolist() == [0.5, 0.5]
    assert torch.equal(found.whole, found.removed)


@pytest.mark.parametrize("limit", [1, 30, 200_000])
def test_batches_change_nothing(limit, graph, additive, monkeypatch):
    monkeypatch.setattr(probabilities, "_MAX_ROWS", limit)
    masks = torch.rand((9, 4), generator=torch.Generator().manual_seed(0)) < 0.5
    expected = 0.5 + masks.float() @ WEIGHTS
    torch.testing.assert_close(class_probabilities(additive, graph, masks)[:, 1], expected)


def test_every_class_as_coalitions_say(make_network, make_full_example):
    network, graph = make_network("locclusternet"), make_full_example().graph
    masks = torch.rand((6, 5), generator=torch.Generator().manual_seed(1)) < 0.5

    found = class_probabilities(network, graph, masks)

    for target in range(found.shape[1]):
        expected = Coalitions(network, graph, target).values(masks)
        torch.testing.assert_close(found[:, target], expected, atol=1e-5, rtol=0)
    assert not found.requires_grad
