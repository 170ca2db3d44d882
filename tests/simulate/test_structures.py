import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.simulate.structures import name_channels, read_classes
from locgraph.simulate.templates import template


def test_names_coordinates_and_channels_are_read():
    read = read_classes({"a": "T", "b": [[0, 0], [20, 0]], "c": {1: "ring", "0": [[0, 0]]}}, 2)
    assert list(read) == ["a", "b", "c"]
    np.testing.assert_array_equal(read["a"].sites[:, :2], template("T"))
    np.testing.assert_array_equal(read["b"].sites, [[-10, 0, 0], [10, 0, 0]])
    np.testing.assert_array_equal(read["c"].channels, [1] * 12 + [0])
    assert read["b"].radius_nm == 10


def test_flat_templates_lie_in_a_plane_in_3d():
    read = read_classes({"flat": "L", "solid": "cube"}, 3)
    assert np.all(read["flat"].sites[:, 2] == 0)
    np.testing.assert_array_equal(read["solid"].sites, template("cube"))


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({}, "at least one class"),
        ("T", "at least one class"),
        ({"a": "four"}, "no template is named 'four'"),
        ({"a": {}}, "classes.a has no channel"),
        ({"a": "cube"}, r"classes.a is three-dimensional.*set dimensions to 3"),
        ({"a": {-1: "T"}}, "channel index in classes.a must be a whole number"),
        ({"a": {"red": "T"}}, "channel index in classes.a must be a whole number"),
        ({"a": {0: [[1]]}}, "change classes.a"),
    ],
)
def test_classes_that_cannot_be_read_are_refused(classes, message):
    with pytest.raises(ConfigError, match=message):
        read_classes(classes, 2)


def test_channels_are_named_by_their_index():
    structures = read_classes({"a": {2: "T"}}, 2)
    assert name_channels(None, structures) == ("channel_0", "channel_1", "channel_2")
    assert name_channels(["r", "g", "b", "dark"], structures) == ("r", "g", "b", "dark")


@pytest.mark.parametrize("channels", [["r", "g"], ["r", "r", "g"], "rgb", 3])
def test_channel_names_that_do_not_fit_are_refused(channels):
    with pytest.raises(ConfigError, match=r"classes use 3 channels.*change channels"):
        name_channels(channels, read_classes({"a": {2: "T"}}, 2))


def test_a_list_of_templates_names_the_classes_after_them():
    assert list(read_classes(["T", "L"], 2)) == ["T", "L"]
    listed, mapped = read_classes(["T"], 2)["T"], read_classes({"T": "T"}, 2)["T"]
    np.testing.assert_array_equal(listed.sites, mapped.sites)
