"""Choice of channels, by index or name."""

import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.filters.selection import Channels

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
    ("names", "keep", "message"),
    [
        (None, None, "keep must name at least one channel by its index or name, found none"),
        (None, [], "keep must name at least one channel"),
        (None, ["tubulin"], r"names among \[\], found \['tubulin'\]; say in names which index they have"),
        (NAMES, ["actin", 0], r"names among \['tubulin', 'clathrin', 'beads'\], found \['actin'\]"),
        ({0: "a", 1: "a"}, ["a"], "names must name each channel differently"),
        ({-1: "a"}, ["a"], "a channel must be a whole number from 0, found -1"),
        ({"first": "a"}, ["a"], "a channel must be a whole number from 0, found 'first'"),
        (None, [1.5], "a channel must be a whole number from 0, found 1.5"),
        (None, [True], "a channel must be a whole number from 0, found True"),
    ],
)
def test_channels_that_cannot_be_chosen(names, keep, message):
    with pytest.raises(ConfigError, match=message):
        Channels(names, keep)


def test_it_needs_the_channel():
    assert Channels(keep=[0]).needs == ("channel",)
