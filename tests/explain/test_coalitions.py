"""Sets of clusters: the graphs they make, their values, occlusion and Shapley values."""

import itertools
import math

import pytest
import torch
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.data.subgraph import keep_nodes
from locgraph.explain.baselines import Occlusion
from locgraph.explain.coalitions import Coalitions, subgraphs
from locgraph.explain.shapley import Shapley, draw_sets, drawn_sets, exact_sets, gains_by_size, shapley_values

LEVELS = ("localisation", "localisation_1", "localisation_2")


def every_mask(n):
    return torch.tensor(list(itertools.product([False, True], repeat=n)))


def one_by_one(graph, mask):
    """The subgraph of one mask, by the function that leaves out localisations in training."""
    single = graph.get_example(0)
    masks = {"cluster": mask}
    for index, name in enumerate(LEVELS):
        masks[name] = mask[single[schema.level_in(index)].edge_index[1]]
    below = mask
    for index, name in enumerate(("supercluster", "supercluster_1")):
        members, holders = single[schema.superlevel_in(index)].edge_index
        below = masks[name] = torch.tensor(
            [bool(below[members[holders == i]].any()) for i in range(single[name].num_nodes)]
        )
    return keep_nodes(single, LEVELS, masks)


def check_same(found, expected):
    assert found.num_graphs == expected.num_graphs
    assert found.node_types == expected.node_types
    assert found.edge_types == expected.edge_types
    for name in (*expected.node_types, *expected.edge_types):
        assert {*found[name].keys()} == {*expected[name].keys()}
        for key, value in expected[name].items():
            assert torch.equal(found[name][key], value), (name, key)
            assert found[name][key].dtype == value.dtype


def test_copies_equal_those_made_one_by_one(make_full_example):
    graph = make_full_example().graph
    assert len(graph["supercluster"].pos) > 1, "a supercluster has to go with its clusters"
    masks = every_mask(5)

    found = subgraphs(graph, masks)

    check_same(found, Batch.from_data_list([one_by_one(graph, mask) for mask in masks]))
    assert found["cluster"].ptr.diff().tolist() == masks.sum(dim=1).tolist()
    assert found["field_of_view"].num_nodes == len(masks)


def test_the_graph_stays_as_it_is(make_full_example):
    graph = make_full_example().graph
    before = graph.clone()

    subgraphs(graph, every_mask(5))

    check_same(graph, before)


def test_values_by_hand(make_example, additive):
    weights = torch.tensor([0.1, -0.2, 0.05, 0.3])
    example = make_example(4, features=torch.stack([weights, weights], dim=1))
    masks = every_mask(4)

    coalitions = Coalitions(additive, example.graph, 1)

    expected = 0.5 + masks.float() @ weights
    torch.testing.assert_close(coalitions.values(masks), expected)
    assert coalitions.values(masks).dtype == torch.float32
    assert coalitions.whole == pytest.approx(0.75)
    torch.testing.assert_close(Coalitions(additive, example.graph, 0).values(masks), 1 - expected)


def test_the_empty_set_has_an_equal_share(make_example, by_hand):
    """A network that has an opinion of an empty graph is not asked for it."""
    network = by_hand(lambda graph: torch.full((graph.num_graphs,), 5.0))
    coalitions = Coalitions(network, make_example(3).graph, 1)

    assert coalitions.empty == coalitions.values(torch.zeros((1, 3), dtype=torch.bool)) == 0.5
    assert coalitions.n_evaluated == 1


def test_no_set_is_evaluated_twice(make_example, additive):
    coalitions = Coalitions(additive, make_example(4).graph, 1)
    masks = every_mask(4)
    first = coalitions.values(torch.cat([masks[3:9], masks[3:9]]))

    assert coalitions.n_evaluated == 1 + 6
    calls = additive.calls
    assert torch.equal(coalitions.values(masks[3:9]), first[:6])
    assert additive.calls == calls
    coalitions.values(masks)
    assert coalitions.n_evaluated == 15


@pytest.mark.parametrize(("max_clusters", "calls"), [(32, 1), (16, 2), (8, 4), (4, 9), (1, 14)])
def test_batches_are_bounded(max_clusters, calls, make_example, additive):
    """The 14 sets that are neither all of four clusters nor none hold 28 clusters."""
    coalitions = Coalitions(additive, make_example(4).graph, 1, max_clusters)
    expected = Coalitions(additive, make_example(4).graph, 1).values(every_mask(4))
    additive.calls = 0

    torch.testing.assert_close(coalitions.values(every_mask(4)), expected)
    assert additive.calls == calls


def test_localisations_fill_a_batch_too(make_full_example, additive, monkeypatch):
    monkeypatch.setattr("locgraph.explain.coalitions._MAX_ROWS", 100)
    coalitions = Coalitions(additive, make_full_example().graph, 1)
    additive.calls = 0
    coalitions.values(every_mask(5))
    assert additive.calls > 10


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("invariantnet", ()),
        ("invariantnet", ("model/cluster_encoder=angular_filter",)),
        ("invariantnet", ("model/cluster_encoder=gatv2",)),
        ("invariantnet", ("model/head=both",)),
        ("locclusternet", ()),
        ("locnet_pointnet", ()),
        ("hgt", ("model/readout=supercluster",)),
        ("invariantnet", ("model/readout=with_descriptors", "model/readout@model.readout.readout=attention")),
    ],
)
def test_real_networks_predict_the_same_alone_and_together(name, overrides, make_network, make_full_example):
    network, graph = make_network(name, *overrides), make_full_example().graph
    masks = every_mask(5)[1:]
    with torch.no_grad():
        alone = torch.cat([network(Batch.from_data_list([one_by_one(graph, mask)])) for mask in masks])

    coalitions = Coalitions(network, graph, 2)

    torch.testing.assert_close(coalitions.values(masks), alone.softmax(dim=1)[:, 2], atol=1e-5, rtol=0)
    assert coalitions.values(masks).std() > 1e-4
    assert not coalitions.values(masks).requires_grad


@pytest.mark.parametrize("most", [0, 1 << 27])
def test_filters_are_computed_once_where_their_matrices_fit(most, make_network, make_full_example, monkeypatch):
    monkeypatch.setattr("locgraph.nn.cluster_encoders.filters.MOST_VALUES", most)
    network, graph = make_network("invariantnet"), make_full_example().graph
    calls = []
    network.cluster_encoder.layers[0].filter.register_forward_hook(lambda *_: calls.append(1))

    coalitions = Coalitions(network, graph, 2)
    for mask in every_mask(5)[1:]:
        coalitions.values(mask[None])

    assert len(calls) == (1 if most else 2**5 - 1)


def test_clusters_that_are_left_out_fill_a_batch_of_matrices_too(make_network, make_full_example, monkeypatch):
    monkeypatch.setattr("locgraph.explain.coalitions._MAX_PADDED", 20)
    network = make_network("invariantnet")
    coalitions = Coalitions(network, make_full_example().graph, 2)
    graphs = []
    network.readout.register_forward_hook(lambda module, inputs, output: graphs.append(len(output)))
    coalitions.values(every_mask(5)[1:-1])
    assert sum(graphs) == 30
    assert max(graphs) == 20 // 5


def test_clusters_are_described_once(make_network, make_full_example):
    network, graph = make_network("locclusternet"), make_full_example().graph
    calls = []
    network.loc_encoder.register_forward_hook(lambda *_: calls.append(1))
    Coalitions(network, graph, 2).values(every_mask(5))
    assert len(calls) == 1


def occlude(network, example):
    return Occlusion().explain(network, example, torch.Generator()).clusters


def test_occlusion_of_additive_games_gives_their_weights(make_example, additive):
    example = make_example(9)
    scores = occlude(additive, example)
    torch.testing.assert_close(scores, example.graph["cluster"].x[:, 0], atol=1e-6, rtol=0)
    assert scores.dtype == torch.float32
    assert additive.calls == 2, "all clusters, then all without one at once"


def test_occlusion_does_not_see_redundant_clusters(make_motif, by_hand):
    def says(graph):
        planted = (graph["cluster"].x[:, 1] > 0).float()
        return torch.zeros(graph.num_graphs).index_add_(0, graph["cluster"].batch, planted).clamp(max=1)

    example, planted = make_motif(n=6, size=2)
    assert planted.sum() == 2
    assert occlude(by_hand(says), example).tolist() == [0.0] * 6


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def mask_of(members, count):
    return torch.tensor([row in members for row in range(count)])


def brute_force(coalitions, group, others):
    """Shapley value of a group that plays as one, over all orders in which the players come in."""
    count, total = coalitions.n_clusters, 0.0
    for order in itertools.permutations(["group", *others]):
        before = {*order[: order.index("group")]}
        with_group, without = mask_of(before | {*group}, count), mask_of(before, count)
        total += float(coalitions.values(with_group[None]) - coalitions.values(without[None]))
    return total / math.factorial(len(others) + 1)


@pytest.fixture
def motif_game(make_motif, finds_motif):
    """A game in which clusters need each other."""

    def make(n=6, seed=0, size=3):
        example, planted = make_motif(seed, n=n, size=size)
        return Coalitions(finds_motif(), example.graph, 1), planted

    return make


@pytest.mark.parametrize("group", [(0,), (2, 4), (0, 1, 5)])
@pytest.mark.parametrize("left_out", [(), (3,)])
def test_a_group_plays_as_one(group, left_out, motif_game):
    coalitions, _ = motif_game()
    others = {*range(6)} - {*group, *left_out}

    sets = exact_sets(mask_of(others, 6))
    found = shapley_values(coalitions, mask_of(group, 6)[None], [sets])

    assert len(sets[0]) == 2 ** len(others)
    assert found.item() == pytest.approx(brute_force(coalitions, group, others), abs=1e-6)


def test_groups_are_evaluated_together(motif_game):
    coalitions, _ = motif_game()
    groups = torch.eye(6, dtype=torch.bool)
    coalitions.network.calls = 0

    together = shapley_values(coalitions, groups, [exact_sets(~each) for each in groups])

    assert coalitions.network.calls == 1
    assert coalitions.n_evaluated == 2**6 - 1
    alone = [shapley_values(coalitions, each[None], [exact_sets(~each)]).item() for each in groups]
    assert together.tolist() == pytest.approx(alone, abs=1e-7)


@pytest.mark.parametrize("group", [(), (2,), (0, 3)])
def test_drawn_sets_are_as_likely_as_the_formula_weighs_them(group):
    """Whichever group is taken out of them."""
    others = ~mask_of(group, 5)
    sets, weights = exact_sets(others)
    drawn, equal = drawn_sets(others, draw_sets(40_000, 5, seeded()))

    assert weights.sum().item() == pytest.approx(1.0)
    assert torch.equal(equal, torch.full((40_000,), 1 / 40_000))
    found = [(drawn == each).all(dim=1).float().mean().item() for each in sets]
    assert found == pytest.approx(weights.tolist(), abs=0.006)


@pytest.mark.parametrize("n", [4, 14])
def test_additive_games_give_their_weights(n, make_example, additive):
    """Exactly, whether all sets are asked for or orders are drawn."""
    example = make_example(n)
    scores = Shapley(pairs=2).explain(additive, example, seeded()).clusters
    torch.testing.assert_close(scores, example.graph["cluster"].x[:, 0], atol=1e-6, rtol=0)


def test_few_clusters_are_exact(make_motif, finds_motif):
    example, _ = make_motif(n=6)
    coalitions = Coalitions(finds_motif(), example.graph, 1)
    expected = [brute_force(coalitions, (row,), {*range(6)} - {row}) for row in range(6)]

    for seed in (0, 1):
        found = Shapley(pairs=8).explain(finds_motif(), example, seeded(seed)).clusters
        assert found.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 6, 20])
def test_scores_sum_to_the_gain_of_all_clusters(n, make_motif, finds_motif):
    example, _ = make_motif(n=n, size=min(n, 4))
    found = Shapley(pairs=4).explain(finds_motif(), example, seeded()).clusters
    whole = Coalitions(finds_motif(), example.graph, 1).whole

    assert found.shape == (n,)
    assert found.dtype == torch.float32
    assert found.sum().item() == pytest.approx(whole - 0.5, abs=1e-5)


def test_memory_bounds_change_nothing(make_motif, finds_motif, monkeypatch):
    example, _ = make_motif(n=20, size=4)
    expected = Shapley(pairs=4).explain(finds_motif(), example, seeded()).clusters
    monkeypatch.setattr("locgraph.explain.shapley._MAX_MASK", 1000)
    found = Shapley(pairs=4).explain(finds_motif(), example, seeded()).clusters
    torch.testing.assert_close(found, expected)


def test_gains_of_all_sets_are_shapley_values(motif_game):
    coalitions, _ = motif_game()
    masks = torch.tensor(list(itertools.product([False, True], repeat=6)))
    each = torch.eye(6, dtype=torch.bool)
    expected = shapley_values(coalitions, each, [exact_sets(~one) for one in each])
    torch.testing.assert_close(gains_by_size(masks, coalitions.values(masks)), expected, atol=1e-6, rtol=0)


def test_gains_of_few_sets_by_hand():
    """Cluster 0 gains 1 in the empty set, 2 and 4 in sets of one; nothing is known of cluster 2."""
    masks = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 1]]).bool()
    found = gains_by_size(masks, torch.tensor([0.0, 1.0, 5.0, 7.0, 3.0, 7.0]))
    assert found.tolist() == [(1 + (2 + 4) / 2) / 2, (5 + 6) / 2, 0.0, (3 + 6) / 2]
