"""SubgraphX: planted motifs, games whose answer is known, FOVs of any kind."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain.coalitions import Coalitions
from locgraph.explain.shapley import Shapley, exact_sets, shapley_values
from locgraph.explain.subgraphx import SubgraphX


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rank_of_planted(scores, planted):
    """Area under the ROC curve."""
    ahead = scores[planted][:, None] - scores[~planted]
    return ((ahead > 0).float() + 0.5 * (ahead == 0).float()).mean().item()


@pytest.mark.parametrize("k", [0, 4], ids=["all pairs", "nearest"])
@pytest.mark.parametrize("hops", [None, 2])
def test_planted_motifs_are_found(k, hops, make_motif, finds_motif):
    areas = []
    for seed in range(2):
        example, planted = make_motif(seed, n=12, size=4, k=k)
        network = finds_motif(slope=1.2, offset=-3.6)  # all six pairs are needed
        found = SubgraphX(max_clusters=4, rollouts=3, hops=hops).explain(network, example, seeded(seed))
        areas.append(rank_of_planted(found.clusters, planted))
        assert torch.equal(found.subgraph, planted)
    assert areas == [1.0, 1.0]


def test_clusters_that_stand_in_for_each_other_are_ranked(make_motif, by_hand):
    """Any two of six will do: without one of them nothing changes, and occlusion is blind."""

    def says(graph):
        planted = torch.zeros(graph.num_graphs).index_add_(
            0, graph["cluster"].batch, (graph["cluster"].x[:, 1] > 0).float()
        )
        return torch.where(planted >= 2, 4.0, -4.0)

    for seed in range(2):
        example, planted = make_motif(seed, n=12, size=6, k=0)
        found = SubgraphX(rollouts=3).explain(by_hand(says), example, seeded(seed))
        assert rank_of_planted(found.clusters, planted) > 0.95
        assert found.subgraph.sum() == 5
        assert found.subgraph[planted].sum() >= 2


def test_additive_games_give_their_weights(make_example, additive):
    example = make_example(12, k=0)
    weights = example.graph["cluster"].x[:, 0]

    found = SubgraphX(max_clusters=3, neighbours=11).explain(additive, example, seeded())

    torch.testing.assert_close(found.clusters, weights, atol=1e-6, rtol=0)
    assert found.clusters.dtype == torch.float32
    assert {*found.subgraph.nonzero()[:, 0].tolist()} == {*weights.topk(3).indices.tolist()}


def test_few_clusters_get_their_shapley_values(make_motif, finds_motif):
    example, _ = make_motif(n=5)
    expected = Shapley().explain(finds_motif(), example, seeded()).clusters
    found = SubgraphX(max_clusters=2).explain(finds_motif(), example, seeded())
    torch.testing.assert_close(found.clusters, expected, atol=1e-6, rtol=0)


def test_the_subgraph_has_the_highest_shapley_value(make_motif, finds_motif):
    """Of all four pairs of neighbours on a path of five clusters, found with exact values."""
    example, _ = make_motif(seed=3, n=5)
    path = torch.tensor([[0, 1, 2, 3, 1, 2, 3, 4], [1, 2, 3, 4, 0, 1, 2, 3]])
    example.graph["cluster", "near", "cluster"].edge_index = path
    pairs = torch.tensor([[row in (i, i + 1) for row in range(5)] for i in range(4)])
    coalitions = Coalitions(finds_motif(), example.graph, 1)
    values = shapley_values(coalitions, pairs, [exact_sets(~pair) for pair in pairs])

    found = SubgraphX(max_clusters=2, samples=16).explain(finds_motif(), example, seeded())

    assert values[(pairs == found.subgraph).all(dim=1)].item() == pytest.approx(values.max().item())


def test_one_cluster(make_example, additive):
    example = make_example(1, edges=[[], []])
    found = SubgraphX().explain(additive, example, seeded())
    assert found.clusters.item() == pytest.approx(example.graph["cluster"].x[0, 0].item(), abs=1e-6)
    assert found.subgraph.tolist() == [True]


@pytest.mark.parametrize("max_clusters", [1, 2, 9])
def test_two_clusters(max_clusters, make_example, additive):
    example = make_example(2, features=[[0.1, 0.0], [0.3, 0.0]], k=1)
    found = SubgraphX(max_clusters=max_clusters).explain(additive, example, seeded())
    assert found.clusters.tolist() == pytest.approx([0.1, 0.3], abs=1e-6)
    assert found.subgraph.tolist() == [max_clusters > 1, True]


def test_all_are_the_subgraph_where_so_many_are_allowed(make_motif, finds_motif):
    example, planted = make_motif(n=10)
    found = SubgraphX(max_clusters=10, start_clusters=3).explain(finds_motif(), example, seeded())
    assert found.subgraph.all()
    assert rank_of_planted(found.clusters, planted) > 0.9


@pytest.mark.parametrize("edges", [[[], []], [[0, 1, 2, 4], [1, 0, 3, 5]]], ids=["none", "pieces"])
def test_graphs_in_pieces(edges, make_motif, finds_motif):
    example, planted = make_motif(n=12, size=3)
    example.graph["cluster", "near", "cluster"].edge_index = torch.tensor(edges, dtype=torch.int64)
    found = SubgraphX(max_clusters=3).explain(finds_motif(), example, seeded())
    assert found.subgraph.sum() == 3
    assert rank_of_planted(found.clusters, planted) > 0.9


def test_many_clusters_are_thinned_first(make_motif, finds_motif):
    example, planted = make_motif(n=40, size=4, k=5)
    found = SubgraphX(start_clusters=12, rollouts=3).explain(finds_motif(offset=-5.0), example, seeded())
    assert found.clusters.shape == (40,)
    assert found.subgraph[planted].all()
    assert found.subgraph.sum() == 5


@pytest.mark.parametrize("n", [4, 12])
def test_the_same_seed_gives_the_same_scores(n, make_motif, finds_motif):
    example, _ = make_motif(n=n)
    one, two = (SubgraphX(rollouts=2).explain(finds_motif(), example, seeded()) for _ in range(2))
    other = SubgraphX(rollouts=2).explain(finds_motif(), example, seeded(1))
    assert torch.equal(one.clusters, two.clusters)
    assert torch.equal(one.subgraph, two.subgraph)
    assert torch.equal(one.clusters, other.clusters) is (n == 4)


def test_order_of_clusters_changes_nothing_but_the_order(make_motif, finds_motif, permuted):
    example, _ = make_motif(n=5)
    order = torch.tensor([3, 0, 2, 4, 1])
    explainer = SubgraphX(max_clusters=3)
    one = explainer.explain(finds_motif(), example, seeded())
    other = explainer.explain(finds_motif(), permuted(example, order), seeded())
    torch.testing.assert_close(other.clusters, one.clusters[order], atol=1e-6, rtol=0)
    assert torch.equal(other.subgraph, one.subgraph[order])


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("invariantnet", ()),
        ("locclusternet", ()),
        ("hgt", ("model/readout=supercluster",)),
        ("clusternet", ("model/readout=with_descriptors", "model/readout@model.readout.readout=set_transformer")),
    ],
)
def test_real_networks(name, overrides, make_network, make_full_example):
    network, example = make_network(name, *overrides), make_full_example()
    before = {key: value.clone() for key, value in network.state_dict().items()}

    found = SubgraphX(max_clusters=2).explain(network, example, seeded())

    expected = Shapley().explain(network, example, seeded()).clusters
    torch.testing.assert_close(found.clusters, expected, atol=1e-5, rtol=0)
    assert found.subgraph.sum() == 2
    assert not found.clusters.requires_grad
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network.training


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_clusters", 0, "explainer.max_clusters must be a whole number of at least 1"),
        ("order", "high", "explainer.order must be low_to_high or high_to_low"),
        ("samples", 0, "explainer.samples must be a whole number of at least 1"),
        ("hops", -1, "explainer.hops must be a whole number of at least 0"),
        ("neighbours", 0, "explainer.neighbours must be a whole number of at least 1"),
        ("start_clusters", 2.5, "explainer.start_clusters must be a whole number of at least 1"),
    ],
)
def test_settings_are_checked(name, value, words):
    with pytest.raises(ConfigError, match=words):
        SubgraphX(**{name: value})
