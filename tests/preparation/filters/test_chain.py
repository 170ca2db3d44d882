"""Filters one after the other: what each took, and what stops them."""

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.preparation.filters.base import apply_filters
from locgraph.preparation.filters.merge_blinks import MergeBlinks
from locgraph.preparation.filters.selection import Between, Frames, Region


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


def test_a_missing_column_is_told(table):
    with pytest.raises(
        DataError,
        match=r"raw/fov\.csv: preprocess\.precise needs the columns \['precision'\], found \['x', 'y', 'frame', "
        r"'photons'\]; name them in columns\.names, or leave preprocess\.precise out",
    ):
        apply_filters(table, 2, {"precise": Between("precision", most=5)}, "raw/fov.csv")


def test_a_depth_in_two_dimensions_is_told(table):
    with pytest.raises(DataError, match=r"preprocess\.box needs the columns \['z'\]"):
        apply_filters(table, 2, {"box": Region(z=[0, 1])}, "fov")


def test_where_nothing_is_left_each_says_what_it_took(table):
    filters = {"late": Frames(first=2), "bright": Between("photons", least=1000), "precise": Between("precision", 1)}

    with pytest.raises(
        DataError,
        match=r"fov: expected localisations after preprocessing, found none: of 5, late took 2, bright took 3; loosen "
        "the settings of the group preprocess",
    ):
        apply_filters(table, 2, filters, "fov")


def test_values_that_cannot_be_used_are_told(table):
    table = table.with_columns(photons=pl.lit(0.0))

    with pytest.raises(DataError, match=r"fov: preprocess\.merge: expected photons above 0 .*found 2 of 2"):
        apply_filters(table, 2, {"merge": MergeBlinks(10.0, 0)}, "fov")
