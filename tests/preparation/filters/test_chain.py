"""Filters one after the other, and the grid of their searches."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.preparation.filters.base import apply_filters, cell_indices, positions
from locgraph.preparation.filters.merge_blinks import MergeBlinks
from locgraph.preparation.filters.selection import Between, Frames


@pytest.fixture
def table(locs):
    """Five localisations; the first two are one blink."""
    columns = {"x": [0, 1, 500, 900, 950], "frame": [0, 1, 2, 3, 4], "photons": [60, 50, 70, 200, 300]}
    return locs(**columns)


def test_they_run_in_the_order_they_are_written_in(table):
    bright, merge = Between("photons", least=100), MergeBlinks(10.0, 0)

    left, taken = apply_filters(table, 2, {"merge": merge, "bright": bright}, "fov")
    assert left["x"].to_list() == pytest.approx([60 * 0 / 110 + 50 * 1 / 110, 900, 950])
    assert taken == {"filtered: merge": 1, "filtered: bright": 1}

    left, taken = apply_filters(table, 2, {"bright": bright, "merge": merge}, "fov")
    assert left["x"].to_list() == [900, 950]
    assert list(taken.items()) == [("filtered: bright", 3), ("filtered: merge", 0)]


def test_without_filters_nothing_changes(table):
    left, taken = apply_filters(table, 2, {}, "fov")

    assert left is table
    assert taken == {}


def test_a_column_that_an_earlier_filter_made_is_there(table):
    filters = {"merge": MergeBlinks(10.0, 0), "long": Between("n_frames", least=2)}

    left, taken = apply_filters(table, 2, filters, "fov")

    assert left["n_frames"].to_list() == [2]
    assert taken == {"filtered: merge": 1, "filtered: long": 3}


def test_a_missing_column_is_named(table):
    with pytest.raises(
        DataError,
        match=r"raw/fov\.csv: the filter precise expected the columns \['precision'\], found \['x', 'y', 'frame', "
        r"'photons'\]",
    ):
        apply_filters(table, 2, {"precise": Between("precision", most=5)}, "raw/fov.csv")


def test_where_nothing_is_left_the_error_counts_what_each_filter_removed(table):
    filters = {"late": Frames(first=2), "bright": Between("photons", least=1000), "precise": Between("precision", 1)}

    with pytest.raises(
        DataError,
        match=r"fov: expected localisations after preprocessing, found none: of 5, late took 2, bright took 3",
    ):
        apply_filters(table, 2, filters, "fov")


def test_values_that_cannot_be_used_name_fov_and_filter(table):
    table = table.with_columns(photons=pl.lit(0.0))

    with pytest.raises(DataError, match=r"fov: the filter merge: expected photons above 0 .*found 2 of 2"):
        apply_filters(table, 2, {"merge": MergeBlinks(10.0, 0)}, "fov")


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("offset", [0.0, 1e9])
@pytest.mark.parametrize("reach", [1e-4, 0.1, 1.0, 37.0])
def test_pairs_within_reach_are_neighbours(dimensions, offset, reach):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 20 * reach, (300, dimensions))
    points = np.concatenate([points, points + np.eye(dimensions)[0] * reach]) + offset

    cells = cell_indices(points, reach)

    distances = np.linalg.norm(points[:, None] - points, axis=2)
    apart = np.abs(cells[:, None] - cells).max(axis=2)
    assert apart[distances <= reach].max() == 1
    assert cells.min() == 0
    assert cells.max() <= 21


def test_cells_are_larger_where_there_would_be_too_many():
    points = np.array([[0.0, 0.0], [1e-6, 0.0], [1e15, 0.0]])

    cells = cell_indices(points, 1e-6)

    assert cells[:, 0].tolist() == [0, 0, 2**40]


def test_positions_by_dimension(locs):
    table = locs(x=[1, 2], y=[3, 4], z=[5, 6])

    assert positions(table, 2).tolist() == [[1, 3], [2, 4]]
    assert positions(table, 3).tolist() == [[1, 3, 5], [2, 4, 6]]
    assert positions(table, 3).flags.c_contiguous
