"""Filters by value: limits on a column, frames, channels, a box, and a random part."""

import pytest

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.preparation.filters.merge_blinks import MergeBlinks
from locgraph.preparation.filters.remove_sparse import RemoveSparse
from locgraph.preparation.filters.selection import COLUMNS, Between, Channels, Frames, Region, Thin


@pytest.mark.parametrize(
    ("least", "most", "expected"), [(2, None, [0, 2]), (None, 2.0, [1, 2]), (2, 2, [2]), (0.5, 1.5, [1]), (9, None, [])]
)
def test_limits_count_as_within(locs, least, most, expected):
    table = locs(photons=[3.0, 1.0, 2.0])

    assert Between("photons", least, most)(table, 2).equals(table[expected])


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_may_have_limits(locs, column):
    table = locs(**{column: [0, 1, 2]})
    chosen = Between(column, least=1)

    assert chosen.needs == (column,)
    assert chosen(table, 2)[column].to_list() == [1, 2]
    assert set(COLUMNS) == set(schema.LOCALISATION_COLUMNS) - {"view", "cluster_id"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, [0, 1, 2, 3]), ({"first": 2}, [0, 3]), ({"last": 2}, [1, 2, 3]), ({"first": 1, "last": 2}, [2, 3])],
)
def test_both_ends_are_kept(locs, settings, expected):
    table = locs(frame=[7, 0, 1, 2])

    assert Frames(**settings)(table, 2).equals(table[expected])


NAMES = {0: "tubulin", 1: "clathrin", 2: "beads"}


@pytest.mark.parametrize(
    ("names", "keep", "expected"),
    [
        (None, [0], [0, 3]),
        (None, [2, 0], [0, 2, 3]),
        (NAMES, ["clathrin"], [1]),
        (NAMES, ["beads", 0], [0, 2, 3]),
        (NAMES, ["beads", 2], [2]),
        ({1: "clathrin"}, None, [1]),
        ({"1": "clathrin"}, ["clathrin", "clathrin"], [1]),
        (None, [7], []),
    ],
)
def test_chosen_channels_stay_in_their_order(locs, names, keep, expected):
    table = locs(channel=[0, 1, 2, 0], x=[0.0, 1.0, 2.0, 3.0])

    kept = Channels(names, keep)(table, 2)

    assert kept.equals(table[expected])


@pytest.mark.parametrize(
    ("limits", "needs", "expected"),
    [
        ({"x": [1, 2]}, ("x",), [1, 2]),
        ({"x": [None, 1], "y": [0, None]}, ("x", "y"), [0, 1]),
        ({"x": [1, None], "z": [-5.0, 5.0]}, ("x", "z"), [1]),
        ({"y": [100, 200]}, ("y",), []),
    ],
)
def test_faces_count_as_within(locs, limits, needs, expected):
    table = locs(x=[0.0, 1.0, 2.0, 3.0], y=[5.0, 0.0, -1.0, 7.0], z=[0.0, 5.0, 5.1, 9.0])
    chosen = Region(**limits)

    assert chosen.needs == needs
    assert chosen(table, 3).equals(table[expected])


def test_so_many_are_kept_in_their_order(locs):
    table = locs(x=list(range(50)))

    kept = Thin(20)(table, 2)

    assert kept.height == 20
    assert kept["x"].is_sorted()
    assert set(kept["x"]) < set(range(50))
    assert kept.equals(Thin(20)(table, 2))
    assert not kept.equals(Thin(20, seed=1)(table, 2))


def test_every_localisation_is_as_likely_as_another(locs):
    table = locs(x=list(range(10)))

    drawn = [x for seed in range(500) for x in Thin(3, seed)(table, 2)["x"]]

    # 150 each are expected, with a standard deviation of about 10
    assert all(100 < drawn.count(x) < 200 for x in range(10))


@pytest.mark.parametrize("height", [0, 3, 5])
def test_a_fov_with_no_more_stays_as_it_is(locs, height):
    table = locs(x=list(range(height)))

    assert Thin(5)(table, 2).equals(table)


@pytest.mark.parametrize(
    ("make", "settings", "setting", "message"),
    [
        (Between, {"column": "photons"}, "least", "as limits of photons, found neither"),
        (Between, {"column": "photons", "least": 2, "most": 1}, "least, most", r"in order"),
        (Between, {"column": "photons", "least": "few"}, "least, most", "'few'"),
        (Between, {"column": "intensity", "least": 1}, "column", "one of x, y, .*photons.*, found 'intensity'"),
        (Between, {"column": "cluster_id", "least": 1}, "column", "found 'cluster_id'"),
        (Frames, {"first": -1}, "first", "found -1"),
        (Frames, {"last": 2.5}, "last", r"found 2\.5"),
        (Frames, {"first": 3, "last": 2}, "last", "not before first=3, found 2"),
        (Channels, {}, "keep", "at least one channel, by its index or name, found none"),
        (Channels, {"keep": []}, "keep", "found none"),
        (Channels, {"keep": ["tubulin"]}, "keep", r"names among \[\], found \['tubulin'\]"),
        (Channels, {"names": NAMES, "keep": ["actin", 0]}, "keep", r"found \['actin'\]"),
        (Channels, {"names": {0: "a", 1: "a"}, "keep": ["a"]}, "names", "a different name for each channel"),
        (Channels, {"names": {-1: "a"}, "keep": ["a"]}, "names", "whole number from 0, found -1"),
        (Channels, {"names": {"first": "a"}, "keep": ["a"]}, "names", "whole number from 0, found 'first'"),
        (Channels, {"keep": [1.5]}, "keep", "whole number from 0, found 1.5"),
        (Channels, {"keep": [True]}, "keep", "whole number from 0, found True"),
        (Region, {}, "x", r"\[low, high\] in nm for x, y or z, found none"),
        (Region, {"y": [2, 1]}, "y", r"in order"),
        (Region, {"z": [None, None]}, "z", r"in order"),
        (Thin, {"count": 0}, "count", "at least 1, found 0"),
        (Thin, {"count": 5, "seed": -1}, "seed", "at least 0, found -1"),
        (RemoveSparse, {"radius_nm": 0, "min_neighbours": 1}, "radius_nm", "found 0"),
        (RemoveSparse, {"radius_nm": 5, "min_neighbours": 0}, "min_neighbours", "found 0"),
        (MergeBlinks, {"distance_nm": 0.0, "dark_frames": 1}, "distance_nm", r"found 0\.0"),
        (MergeBlinks, {"distance_nm": 5.0, "dark_frames": -1}, "dark_frames", "found -1"),
    ],
)
def test_a_setting_out_of_range_is_named(make, settings, setting, message):
    with pytest.raises(ConfigError, match=message) as error:
        make(**settings)
    assert error.value.setting == setting


def test_filters_name_the_columns_that_they_need():
    assert MergeBlinks(1.0, 0).needs == Frames().needs == ("frame",)
    assert Channels(keep=[0]).needs == ("channel",)
    assert RemoveSparse(1.0, 1).needs == Thin(5).needs == ()
