"""Region of interest."""

import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.filters.selection import Region


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


def test_in_two_dimensions(locs):
    table = locs(x=[0.0, 1.0, 2.0], y=[0.0, 1.0, 2.0])

    assert Region(x=[1, 5], y=[0, 1])(table, 2).equals(table[[1]])


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, r"expected \[low, high\] in nm for x, y or z, found none"),
        ({"y": [2, 1]}, "y must be two numbers in order"),
        ({"z": [None, None]}, "z must be two numbers in order"),
    ],
)
def test_regions_that_cannot_be(limits, message):
    with pytest.raises(ConfigError, match=message):
        Region(**limits)
