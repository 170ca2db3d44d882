"""SubgraphX: planted motifs and games whose answer is known; its search; and which clusters are connected."""

import itertools

import numpy as np
import pytest
import torch

from locgraph.explain.coalitions import Coalitions
from locgraph.explain.shapley import Shapley, exact_sets, shapley_values
from locgraph.explain.subgraph_search import SearchSettings, SearchTree, neighbourhood, prunable, within_hops
from locgraph.explain.subgraphx import SubgraphX


def joined(count, *edges):
    near = torch.zeros((count, count), dtype=torch.bool)
    for one, other in edges:
        near[one, other] = near[other, one] = True
    return near


def lists(near):
    return [row.nonzero()[:, 0].tolist() for row in near]


def n_components(near, members):
    left, pieces = set(members), 0
    while left:
        pieces += 1
        waiting = [left.pop()]
        while waiting:
            reached = {*near[waiting.pop()]} & left
            left -= reached
            waiting.extend(reached)
    return pieces


def test_edges_count_both_ways(make_example):
    example = make_example(4, edges=[[0, 1, 3, 3], [1, 0, 1, 3]])
    assert torch.equal(neighbourhood(example.graph, 5), joined(4, (0, 1), (1, 3)))


def test_all_pairs_are_replaced_by_nearest_clusters(make_example):
    near = neighbourhood(make_example(4, k=0, positions=[[0, 0], [1, 0], [2.5, 0], [10, 0]]).graph, 1)
    assert torch.equal(near, joined(4, (0, 1), (1, 2), (2, 3)))


def test_coincident_clusters_are_not_their_own_neighbours(make_example):
    near = neighbourhood(make_example(5, k=0, positions=np.zeros((5, 2))).graph, 2)
    assert not near.diagonal().any()
    assert (near.sum(dim=1) >= 2).all()


@pytest.mark.parametrize(
    ("hops", "expected"), [(0, [[2], [0, 5]]), (1, [[1, 2, 3], [0, 1, 5]]), (9, [[0, 1, 2, 3], [0, 1, 2, 3, 5]])]
)
def test_hops_by_hand(hops, expected):
    """A path 0-1-2-3, and 4 and 5 apart."""
    groups = torch.zeros((2, 6), dtype=torch.bool)
    groups[0, 2] = groups[1, 0] = groups[1, 5] = True
    found = within_hops(joined(6, (0, 1), (1, 2), (2, 3)), groups, hops)
    assert lists(found) == expected


def test_prunable_by_hand():
    """Two triangles that share cluster 2, and a tail."""
    near = lists(joined(7, (0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (2, 4), (4, 5)))
    assert prunable(near, frozenset(range(7))) == [0, 1, 3, 5, 6]
    assert prunable(near, frozenset({0, 2, 3, 4})) == [0, 3, 4]
    assert prunable(near, frozenset({4})) == [4]
    assert prunable(near, frozenset()) == []


@pytest.mark.parametrize("seed", range(30))
def test_prunable_clusters_do_not_split_components(seed):
    rng = np.random.default_rng(seed)
    count = 12
    near = lists(joined(count, *rng.integers(0, count, size=(rng.integers(4, 20), 2))).fill_diagonal_(False))
    members = frozenset(rng.permutation(count)[:9].tolist())
    expected = [row for row in sorted(members) if n_components(near, members - {row}) <= n_components(near, members)]
    assert prunable(near, members) == expected


def test_long_chains_do_not_exhaust_the_stack():
    count = 5000
    near = [[row - 1, row + 1] for row in range(count)]
    near[0], near[-1] = [1], [count - 2]
    assert prunable(near, frozenset(range(count))) == [0, count - 1]


SETTINGS = {"max_clusters": 3, "rollouts": 30, "expand": 12, "order": "low_to_high", "exploration": 1.0}


def everything(count):
    return torch.ones(count, dtype=torch.bool)


def search(near, reward, start=None, **changes):
    start = everything(len(near)) if start is None else start
    return SearchTree(start, near, reward, SearchSettings(**SETTINGS | changes))


def rows(subgraph):
    return subgraph.members.nonzero()[:, 0].tolist()


def connected(near, members):
    reached, waiting = {members[0]}, [members[0]]
    while waiting:
        new = {*near[waiting.pop()].nonzero()[:, 0].tolist()} & {*members} - reached
        reached |= new
        waiting.extend(new)
    return len(reached) == len(members)


@pytest.mark.parametrize("seed", range(6))
def test_the_best_connected_subgraph_is_found(seed):
    """Of a random tree, whose clusters add weights to the reward, and 1 if two certain ones are there together."""
    rng = np.random.default_rng(seed)
    count = 9
    near = joined(count, *((row, rng.integers(row)) for row in range(1, count)))
    weights = torch.as_tensor(rng.uniform(0, 0.3, size=count), dtype=torch.float32)
    pair = near.nonzero()[seed]

    def reward(groups):
        return groups.float() @ weights + groups[:, pair].all(dim=1).float()

    found = search(near, reward).run()

    candidates = [each for each in itertools.combinations(range(count), 3) if connected(near, each)]
    masks = torch.stack([torch.isin(torch.arange(count), torch.tensor(each)) for each in candidates])
    assert rows(found) == list(candidates[int(reward(masks).argmax())])


def test_all_children_are_evaluated_together():
    asked = []

    def reward(groups):
        asked.append(groups.sum(dim=1).tolist())
        return torch.zeros(len(groups))

    search(~torch.eye(5, dtype=torch.bool), reward, rollouts=1, max_clusters=2).run()

    assert asked == [[5], [4] * 5, [3] * 4, [2] * 3]


@pytest.mark.parametrize(("order", "first"), [("low_to_high", 3), ("high_to_low", 0)])
def test_candidates_by_their_degree(order, first):
    """A triangle with a tail: cluster 2 cannot go, 3 has one neighbour, 0 and 1 have two."""
    near = joined(4, (0, 1), (1, 2), (0, 2), (2, 3))
    found = search(near, lambda groups: torch.zeros(len(groups)), order=order, expand=1, max_clusters=3).run()
    assert rows(found) == sorted({0, 1, 2, 3} - {first})


def test_the_first_path_follows_the_highest_reward():
    weights = torch.tensor([5.0, 1.0, 4.0, 2.0, 3.0])
    found = search(~torch.eye(5, dtype=torch.bool), lambda groups: groups.float() @ weights, rollouts=1, max_clusters=2)
    assert rows(found.run()) == [0, 2]


def test_connected_components_stay_connected():
    """Two paths apart: a piece may shrink and vanish, but never break."""
    near = joined(8, (0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7))
    tree = search(near, lambda groups: groups[:, [0, 3]].float().sum(dim=1), max_clusters=4)
    found = rows(tree.run())
    assert found == [0, 1, 2, 3]
    lists = [row.nonzero()[:, 0].tolist() for row in near]
    assert prunable(lists, frozenset(found)) == [0, 3]


def test_the_search_starts_with_the_given_clusters():
    start = torch.tensor([True, False, True, True, False, True])
    tree = search(~torch.eye(6, dtype=torch.bool), lambda groups: groups[:, 5].float(), start, max_clusters=1)
    assert rows(tree.root) == [0, 2, 3, 5]
    assert rows(tree.run()) == [5]


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


@pytest.mark.parametrize("edges", [[[], []], [[0, 1, 2, 4], [1, 0, 3, 5]]], ids=["none", "pieces"])
def test_graphs_of_several_components(edges, make_motif, finds_motif):
    example, planted = make_motif(n=12, size=3)
    example.graph["cluster", "near", "cluster"].edge_index = torch.tensor(edges, dtype=torch.int64)
    found = SubgraphX(max_clusters=3).explain(finds_motif(), example, seeded())
    assert found.subgraph.sum() == 3
    assert rank_of_planted(found.clusters, planted) > 0.9


def test_many_clusters_are_reduced_first(make_motif, finds_motif):
    example, planted = make_motif(n=40, size=4, k=5)
    found = SubgraphX(start_clusters=12, rollouts=3).explain(finds_motif(offset=-5.0), example, seeded())
    assert found.clusters.shape == (40,)
    assert found.subgraph[planted].all()
    assert found.subgraph.sum() == 5


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
