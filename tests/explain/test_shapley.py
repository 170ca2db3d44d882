"""Shapley values: against the formula by brute force, and on games whose answer is known."""

import itertools
import math

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain.coalitions import Coalitions
from locgraph.explain.shapley import Shapley, draw_sets, drawn_sets, exact_sets, gains_by_size, shapley_values


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


def test_groups_are_asked_for_at_once(motif_game):
    coalitions, _ = motif_game()
    groups = torch.eye(6, dtype=torch.bool)
    coalitions.network.calls = 0

    together = shapley_values(coalitions, groups, [exact_sets(~each) for each in groups])

    assert coalitions.network.calls == 1
    assert coalitions.n_evaluated == 2**6 - 1
    alone = [shapley_values(coalitions, each[None], [exact_sets(~each)]).item() for each in groups]
    assert together.tolist() == pytest.approx(alone, abs=1e-7)


def test_nobody_else_plays(motif_game):
    coalitions, _ = motif_game()
    group = mask_of({1, 2}, 6)
    nobody = torch.zeros(6, dtype=torch.bool)
    found = shapley_values(coalitions, group[None], [exact_sets(nobody)])
    assert found.item() == pytest.approx(float(coalitions.values(group[None])) - 0.5)


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


def test_draws_come_with_their_complements():
    draws = draw_sets(10, 7, seeded())
    assert torch.equal(draws[5:], ~draws[:5])
    assert draw_sets(5, 7, seeded()).shape == (5, 7)
    assert torch.equal(draws, draw_sets(10, 7, seeded()))


def test_an_estimate_comes_near(motif_game):
    coalitions, _ = motif_game()
    group = mask_of({0, 2}, 6)
    exact = shapley_values(coalitions, group[None], [exact_sets(~group)])
    drawn = shapley_values(coalitions, group[None], [drawn_sets(~group, draw_sets(2000, 6, seeded()))])
    assert drawn.item() == pytest.approx(exact.item(), abs=0.02)


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
def test_scores_sum_to_what_there_is_to_share(n, make_motif, finds_motif):
    example, _ = make_motif(n=n, size=min(n, 4))
    found = Shapley(pairs=4).explain(finds_motif(), example, seeded()).clusters
    whole = Coalitions(finds_motif(), example.graph, 1).whole

    assert found.shape == (n,)
    assert found.dtype == torch.float32
    assert found.sum().item() == pytest.approx(whole - 0.5, abs=1e-5)


def test_more_orders_come_nearer(make_motif, finds_motif):
    example, _ = make_motif(n=10, size=4)
    exact = Shapley(pairs=60).explain(finds_motif(), example, seeded()).clusters  # 1024 sets
    errors = [
        torch.stack([Shapley(pairs).explain(finds_motif(), example, seeded(seed)).clusters for seed in range(3)])
        - exact
        for pairs in (1, 30)
    ]
    few, many = (error.square().mean().sqrt().item() for error in errors)
    assert many < 0.5 * few
    assert many < 0.05


def test_memory_bounds_change_nothing(make_motif, finds_motif, monkeypatch):
    example, _ = make_motif(n=20, size=4)
    expected = Shapley(pairs=4).explain(finds_motif(), example, seeded()).clusters
    monkeypatch.setattr("locgraph.explain.shapley._MAX_MASK", 1000)
    found = Shapley(pairs=4).explain(finds_motif(), example, seeded()).clusters
    torch.testing.assert_close(found, expected)


def test_planted_clusters_lead(make_motif, finds_motif):
    for seed in range(2):
        example, planted = make_motif(seed, n=14, size=4)
        scores = Shapley().explain(finds_motif(), example, seeded(seed)).clusters
        assert scores[planted].min() > scores[~planted].max()


@pytest.mark.parametrize("n", [7, 16])
def test_the_same_seed_gives_the_same_scores(n, make_motif, finds_motif):
    example, _ = make_motif(n=n, size=4)
    one, two = (Shapley(pairs=10).explain(finds_motif(), example, seeded()).clusters for _ in range(2))
    other = Shapley(pairs=10).explain(finds_motif(), example, seeded(1)).clusters
    assert torch.equal(one, two)
    assert torch.equal(one, other) is (n == 7)


def test_order_of_clusters_changes_nothing_but_the_order(make_motif, finds_motif, permuted):
    example, _ = make_motif(n=7)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    found = Shapley().explain(finds_motif(), permuted(example, order), seeded()).clusters
    expected = Shapley().explain(finds_motif(), example, seeded()).clusters[order]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["invariantnet", "locclusternet"])
def test_real_networks(name, make_network, make_full_example):
    network, example = make_network(name), make_full_example()
    scores = Shapley().explain(network, example, seeded()).clusters
    whole = Coalitions(network, example.graph, 1).whole
    assert scores.sum().item() == pytest.approx(whole - 1 / 3, abs=1e-5)
    assert scores.std() > 0


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


@pytest.mark.parametrize("pairs", [0, 1.5, True, None])
def test_settings_are_checked(pairs):
    with pytest.raises(ConfigError, match=r"explainer\.pairs must be a whole number of at least 1"):
        Shapley(pairs=pairs)
