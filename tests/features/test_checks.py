import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.features.checks import check_channels, check_integer, check_length, check_lengths


def test_lengths_pass_as_floats():
    assert check_length("a", 3) == 3.0
    assert isinstance(check_length("a", np.float32(2.5)), float)
    assert check_lengths("a", [50, 100.5]) == (50.0, 100.5)
    assert check_lengths("a", (1e-3,)) == (1e-3,)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), True, "5", None, [5]])
def test_what_is_no_length_is_refused(value):
    with pytest.raises(ConfigError, match=r"features\.x must be a length above 0 in nm, found"):
        check_length("features.x", value)
    with pytest.raises(ConfigError, match=r"features\.x must be a length above 0 in nm, found"):
        check_lengths("features.x", [10, value])


@pytest.mark.parametrize("values", [[], 50.0, "50", None, {50: 1}])
def test_what_is_no_list_of_lengths_is_refused(values):
    with pytest.raises(ConfigError, match=r"must be a list of lengths in nm, such as \[50, 100\]"):
        check_lengths("radii", values)


@pytest.mark.parametrize("values", [[50, 50.0], [1, 1.0000000001]])
def test_lengths_with_the_same_name_are_refused(values):
    with pytest.raises(ConfigError, match="must differ from each other in their first six digits"):
        check_lengths("radii", values)


def test_integers():
    assert check_integer("a", np.int64(0), least=0) == 0
    for value in (-1, 1.0, True, "1", None):
        with pytest.raises(ConfigError, match=r"k must be an integer of at least 0, found"):
            check_integer("k", value, least=0)


def test_channels_are_named_by_index_in_their_order():
    assert list(check_channels("a", {2: "actin", 0: "lamin"}).items()) == [(2, "actin"), (0, "lamin")]
    assert check_channels("a", {"1": 647}) == {1: "647"}  # as JSON gives it back


@pytest.mark.parametrize(
    "value", [{}, None, ["actin"], {-1: "a"}, {0.5: "a"}, {"red": "a"}, {True: "a"}, {0: "a", 1: "a"}, {0: ""},
              {0: None}, {0: "a", "0": "b"}]
)  # fmt: skip
def test_channels_without_an_index_or_name_of_their_own_are_refused(value):
    with pytest.raises(ConfigError, match=r"c must map the index of each channel to a name of its own, such as"):
        check_channels("c", value)
