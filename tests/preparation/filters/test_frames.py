"""Choice of frames."""

import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.filters.selection import Frames


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, [0, 1, 2, 3]), ({"first": 2}, [0, 3]), ({"last": 2}, [1, 2, 3]), ({"first": 1, "last": 2}, [2, 3])],
)
def test_both_ends_are_kept(locs, settings, expected):
    table = locs(frame=[7, 0, 1, 2])

    assert Frames(**settings)(table, 2).equals(table[expected])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"first": -1}, "first must be a whole number of at least 0, found -1"),
        ({"last": 2.5}, r"last must be a whole number of at least 0, found 2\.5"),
        ({"first": 3, "last": 2}, "last must not come before first, found first=3, last=2"),
    ],
)
def test_frames_that_cannot_be_chosen(settings, message):
    with pytest.raises(ConfigError, match=message):
        Frames(**settings)


def test_it_needs_the_frame():
    assert Frames().needs == ("frame",)
