"""Which clusters hang together: against breadth-first search and distances by hand."""

import numpy as np
import pytest
import torch

from locgraph.explain.neighbourhood import neighbourhood, prunable, within_hops


def joined(count, *edges):
    near = torch.zeros((count, count), dtype=torch.bool)
    for one, other in edges:
        near[one, other] = near[other, one] = True
    return near


def lists(near):
    return [row.nonzero()[:, 0].tolist() for row in near]


def n_pieces(near, members):
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


@pytest.mark.parametrize("count", [1, 2, 4])
def test_no_edges(count, make_example):
    assert not neighbourhood(make_example(count, edges=[[], []]).graph, 5).any()


def test_where_all_are_joined_the_nearest_in_space_are(make_example):
    near = neighbourhood(make_example(4, k=0, positions=[[0, 0], [1, 0], [2.5, 0], [10, 0]]).graph, 1)
    assert torch.equal(near, joined(4, (0, 1), (1, 2), (2, 3)))


@pytest.mark.parametrize("neighbours", [3, 9])
def test_few_clusters_stay_joined(neighbours, make_example):
    near = neighbourhood(make_example(4, k=0).graph, neighbours)
    assert torch.equal(near, ~torch.eye(4, dtype=torch.bool))


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
def test_prunable_against_counting_pieces(seed):
    rng = np.random.default_rng(seed)
    count = 12
    near = lists(joined(count, *rng.integers(0, count, size=(rng.integers(4, 20), 2))).fill_diagonal_(False))
    members = frozenset(rng.permutation(count)[:9].tolist())
    expected = [row for row in sorted(members) if n_pieces(near, members - {row}) <= n_pieces(near, members)]
    assert prunable(near, members) == expected


def test_long_chains_do_not_exhaust_the_stack():
    count = 5000
    near = [[row - 1, row + 1] for row in range(count)]
    near[0], near[-1] = [1], [count - 2]
    assert prunable(near, frozenset(range(count))) == [0, count - 1]
