"""Tree search on rewards whose best subgraph is known."""

import itertools

import numpy as np
import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain.neighbourhood import prunable
from locgraph.explain.search_tree import SearchSettings, SearchTree

SETTINGS = {"max_clusters": 3, "rollouts": 30, "expand": 12, "order": "low_to_high", "exploration": 1.0}


def joined(count, *edges):
    near = torch.zeros((count, count), dtype=torch.bool)
    for one, other in edges:
        near[one, other] = near[other, one] = True
    return near


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


def test_all_children_are_asked_for_at_once():
    asked = []

    def reward(groups):
        asked.append(groups.sum(dim=1).tolist())
        return torch.zeros(len(groups))

    search(~torch.eye(5, dtype=torch.bool), reward, rollouts=1, max_clusters=2).run()

    assert asked == [[5], [4] * 5, [3] * 4, [2] * 3]


def test_no_subgraph_is_asked_for_twice():
    asked = []

    def reward(groups):
        asked.extend(row.tobytes() for row in groups.numpy())
        return groups[:, 0].float()

    search(~torch.eye(6, dtype=torch.bool), reward, rollouts=50).run()

    assert len(asked) == len(set(asked)) <= 2**6


@pytest.mark.parametrize(("order", "first"), [("low_to_high", 3), ("high_to_low", 0)])
def test_candidates_by_their_degree(order, first):
    """A triangle with a tail: cluster 2 cannot go, 3 has one neighbour, 0 and 1 have two."""
    near = joined(4, (0, 1), (1, 2), (0, 2), (2, 3))
    found = search(near, lambda groups: torch.zeros(len(groups)), order=order, expand=1, max_clusters=3).run()
    assert rows(found) == sorted({0, 1, 2, 3} - {first})


def test_the_first_way_goes_where_the_reward_is_highest():
    weights = torch.tensor([5.0, 1.0, 4.0, 2.0, 3.0])
    found = search(~torch.eye(5, dtype=torch.bool), lambda groups: groups.float() @ weights, rollouts=1, max_clusters=2)
    assert rows(found.run()) == [0, 2]


def test_exploration_tries_more():
    def seen(exploration):
        asked = []

        def reward(groups):
            asked.extend(groups)
            return 1 + 0.01 * groups[:, :3].float().sum(dim=1)

        search(~torch.eye(8, dtype=torch.bool), reward, exploration=exploration, rollouts=20).run()
        return len(asked)

    assert seen(5.0) > seen(0.0)


def test_pieces_stay_in_one_piece_each():
    """Two paths apart: a piece may shrink and vanish, but never break."""
    near = joined(8, (0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7))
    tree = search(near, lambda groups: groups[:, [0, 3]].float().sum(dim=1), max_clusters=4)
    found = rows(tree.run())
    assert found == [0, 1, 2, 3]
    lists = [row.nonzero()[:, 0].tolist() for row in near]
    assert prunable(lists, frozenset(found)) == [0, 3]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_clusters_are_their_own_subgraph(count):
    near = ~torch.eye(count, dtype=torch.bool)
    assert rows(search(near, lambda groups: torch.ones(len(groups))).run()) == list(range(count))


def test_it_starts_where_it_is_told():
    start = torch.tensor([True, False, True, True, False, True])
    tree = search(~torch.eye(6, dtype=torch.bool), lambda groups: groups[:, 5].float(), start, max_clusters=1)
    assert rows(tree.root) == [0, 2, 3, 5]
    assert rows(tree.run()) == [5]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_clusters", 0, "explainer.max_clusters must be a whole number of at least 1"),
        ("rollouts", 0, "explainer.rollouts must be a whole number of at least 1"),
        ("expand", 1.5, "explainer.expand must be a whole number of at least 1"),
        ("order", "random", "explainer.order must be low_to_high or high_to_low, found 'random'"),
        ("exploration", -1, "explainer.exploration must be a number at least 0"),
    ],
)
def test_settings_are_checked(name, value, words):
    with pytest.raises(ConfigError, match=words):
        SearchSettings(**SETTINGS | {name: value})
