"""Edges between clusters: the right search, and settings that cannot work are refused."""

import numpy as np
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.graphs.edges import AllPairs, Nearest, WithinRadius

LINE = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])


def test_nearest():
    assert Nearest(k=1)(LINE).tolist() == [[1, 0, 1], [0, 1, 2]]


def test_nearest_takes_what_is_there():
    assert Nearest(k=50)(LINE).tolist() == AllPairs()(LINE).tolist()


def test_all_pairs():
    assert AllPairs(limit=3)(LINE).tolist() == [[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]]


def test_all_pairs_of_too_many_clusters():
    with pytest.raises(DataError, match="all pairs of 3 clusters"):
        AllPairs(limit=2)(LINE)


def test_within_radius():
    assert WithinRadius(radius_nm=2.0)(LINE).tolist() == [[1, 0, 2, 1], [0, 1, 1, 2]]
    assert WithinRadius(radius_nm=1.5)(LINE).tolist() == [[1, 0], [0, 1]]


def test_within_radius_of_too_many_clusters():
    assert WithinRadius(radius_nm=2.0, limit=4)(LINE).shape == (2, 4)
    with pytest.raises(DataError, match=r"radius_nm=2 of each other would be 4, .*graph\.cluster_edges\.limit=3"):
        WithinRadius(radius_nm=2.0, limit=3)(LINE)


@pytest.mark.parametrize("edges", [Nearest(3), AllPairs(), WithinRadius(5.0)])
def test_one_cluster_has_no_edges(edges):
    found = edges(np.zeros((1, 3)))

    assert found.shape == (2, 0)
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Nearest(k=0), "k must be at least 1, found 0"),
        (lambda: AllPairs(limit=0), "limit must be at least 1, found 0"),
        (lambda: WithinRadius(radius_nm=0.0), r"radius_nm must be above 0, found 0\.0"),
        (lambda: WithinRadius(radius_nm=float("nan")), "radius_nm must be above 0, found nan"),
        (lambda: WithinRadius(radius_nm=1.0, limit=0), "limit must be at least 1, found 0"),
    ],
)
def test_settings_that_cannot_work(make, setting):
    with pytest.raises(ConfigError, match=rf"graph\.cluster_edges\.{setting}"):
        make()
