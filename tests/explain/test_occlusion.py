"""Occlusion: networks whose losses are known."""

import pytest
import torch
from torch_geometric.data import Batch

from locgraph.explain.coalitions import subgraphs
from locgraph.explain.occlusion import Occlusion


def occlude(network, example):
    return Occlusion().explain(network, example, torch.Generator()).clusters


def test_additive_games_give_their_weights(make_example, additive):
    example = make_example(9)
    scores = occlude(additive, example)
    torch.testing.assert_close(scores, example.graph["cluster"].x[:, 0], atol=1e-6, rtol=0)
    assert scores.dtype == torch.float32
    assert additive.calls == 2, "all clusters, then all without one at once"


def test_what_is_there_twice_is_not_missed(make_motif, by_hand):
    def says(graph):
        planted = (graph["cluster"].x[:, 1] > 0).float()
        return torch.zeros(graph.num_graphs).index_add_(0, graph["cluster"].batch, planted).clamp(max=1)

    example, planted = make_motif(n=6, size=2)
    assert planted.sum() == 2
    assert occlude(by_hand(says), example).tolist() == [0.0] * 6


def test_one_cluster_is_worth_more_than_nothing(make_example, additive):
    example = make_example(1, features=[[0.2, 0.0]], edges=[[], []])
    assert occlude(additive, example).item() == pytest.approx(0.2, abs=1e-6)


def test_order_of_clusters_changes_nothing_but_the_order(make_motif, finds_motif, permuted):
    example, _ = make_motif(n=8)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 7, 4])
    found = occlude(finds_motif(), permuted(example, order))
    torch.testing.assert_close(found, occlude(finds_motif(), example)[order], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["invariantnet", "locclusternet"])
def test_real_networks(name, make_network, make_full_example):
    network, example = make_network(name), make_full_example()
    alone = [subgraphs(example.graph, ~torch.eye(5, dtype=torch.bool)[[row]]) for row in range(5)]
    with torch.no_grad():
        whole, *rest = (network(graph).softmax(dim=1)[0, 1] for graph in (example.graph, *alone))

    torch.testing.assert_close(occlude(network, example), whole - torch.stack(rest), atol=1e-6, rtol=0)
    assert isinstance(example.graph, Batch)
