"""Tiles: where they lie, what they share, and what is left out."""

import itertools

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.objects.tiles import EMPTY, Tiles


def table(points):
    return pl.DataFrame(np.asarray(points, float), schema=["x", "y"], orient="row")


def by_name(objects):
    return {name: rows.tolist() for name, rows in objects}


def test_tiles_hold_their_lower_and_left_border():
    points = [(5, 7), (14.9, 7), (15, 7), (5, 17), (36, 17)]  # the first tile starts at 5, 7
    objects = Tiles(size_nm=10)(table(points), 2, "cell")
    assert by_name(objects) == {"r1_c1": [0, 1], "r1_c2": [2], "r2_c1": [3], "r2_c4": [4]}
    assert objects.counts[EMPTY] == 2 * 4 - 4
    assert objects.counts["localisations in no object"] == 0


def test_overlapping_tiles_share_localisations():
    points = [(0, 0), (7, 0), (8, 0), (11, 0), (17, 0)]  # tiles at 0, 7 and no third: the second ends at 17
    objects = Tiles(size_nm=10, overlap_nm=3)(table(points), 2, "cell")
    assert by_name(objects) == {"r1_c1": [0, 1, 2], "r1_c2": [1, 2, 3], "r1_c3": [4]}
    assert objects.counts["localisations in several objects"] == 2


@pytest.mark.parametrize("overlap", [0.0, 30.0, 50.0])
def test_tiles_agree_with_a_comparison_of_all(overlap):
    points = np.random.default_rng(3).uniform(0, [530, 310], (400, 2)) + np.array([1e5, -1e5])
    objects = Tiles(size_nm=100, overlap_nm=overlap)(table(points), 2, "cell")
    moved = points - points.min(axis=0)
    expected = {}
    for row, column in itertools.product(range(20), range(20)):
        low = np.array([column, row]) * (100 - overlap)
        inside = ((moved >= low) & (moved < low + 100)).all(axis=1)
        needed = (low == 0) | (moved.max(axis=0) >= low + overlap)  # none that the tile before holds whole
        if inside.any() and needed.all():
            expected[f"r{row + 1}_c{column + 1}"] = np.flatnonzero(inside).tolist()
    assert by_name(objects) == expected


def test_tiles_move_with_the_fov_and_know_no_order_of_rows():
    points = np.random.default_rng(5).uniform(0, 1000, (200, 2)).round(3)
    order = np.random.default_rng(6).permutation(200)
    one = Tiles(size_nm=300)(table(points), 2, "cell")
    other = Tiles(size_nm=300)(table(points[order] + 4096), 2, "cell")
    assert {name: sorted(rows) for name, rows in by_name(one).items()} == {
        name: sorted(order[rows].tolist()) for name, rows in other
    }


def test_partial_tiles_are_left_out_where_that_is_wanted():
    points = [(0, 0), (12, 0), (25, 0), (25, 9.99)]
    objects = Tiles(size_nm=10, partial=False)(table([*points, (0, 10)]), 2, "cell")
    assert by_name(objects) == {"r1_c1": [0], "r1_c2": [1]}
    assert objects.left_out == {"r1_c3": "reaches beyond the FOV", "r2_c1": "reaches beyond the FOV"}


def test_sparse_tiles_are_left_out_by_the_limits():
    objects = Tiles(size_nm=10, min_localisations=2)(table([(0, 0), (1, 1), (11, 0)]), 2, "cell")
    assert by_name(objects) == {"r1_c1": [0, 1]}
    assert objects.left_out == {"r1_c2": "fewer than 2 localisations"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size_nm": 0}, "size_nm: expected a length above 0"),
        ({"size_nm": 10, "overlap_nm": 6}, "overlap_nm: expected at most half of size_nm = 10, found 6"),
        ({"size_nm": 10, "overlap_nm": -1}, "overlap_nm"),
        ({"size_nm": 10, "partial": 1}, "partial"),
    ],
)
def test_wrong_settings(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Tiles(**arguments)
