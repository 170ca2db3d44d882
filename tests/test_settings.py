import math

import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.settings import check_flag, check_length, check_lengths, check_limits, check_number, check_whole


def test_number_within_limits_comes_back_as_float():
    assert check_number("gap_nm", 2, at_least=2, at_most=2) == 2.0
    assert isinstance(check_number("gap_nm", 2), float)


@pytest.mark.parametrize("value", ["2", None, True, math.nan, math.inf, 0, -1, 11])
def test_number_outside_limits_or_of_another_kind_is_refused(value):
    with pytest.raises(ConfigError, match=r"^gap_nm: expected a number above 0 and at most 10, found "):
        check_number("gap_nm", value, above=0, at_most=10)


def test_limits_hold_at_their_edge():
    check_number("p", 1, at_most=1)
    with pytest.raises(ConfigError, match="above 0"):
        check_number("p", 0, above=0)
    with pytest.raises(ConfigError, match="at least 1"):
        check_number("p", 0.99, at_least=1)


def test_whole_number():
    assert check_whole("seed", 0, at_least=0) == 0
    assert type(check_whole("seed", np.int64(3), at_least=0)) is int


@pytest.mark.parametrize("value", [-1, 1.0, True, "1", None])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ConfigError, match=r"^seed: expected a whole number of at least 0"):
        check_whole("seed", value, at_least=0)


def test_flag():
    assert check_flag("equalise_counts", False) is False
    for value in ("false", 1, None):
        with pytest.raises(ConfigError, match=r"^equalise_counts: expected true or false"):
            check_flag("equalise_counts", value)


def test_lengths_pass_as_floats():
    assert check_length("a", 3) == 3.0
    assert isinstance(check_length("a", np.float32(2.5)), float)
    assert check_lengths("a", [50, 100.5]) == (50.0, 100.5)
    assert check_lengths("a", (1e-3,)) == (1e-3,)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), True, "5", None, [5]])
def test_what_is_no_length_is_refused(value):
    with pytest.raises(ConfigError, match=r"^features\.x: expected a length above 0 in nm, found"):
        check_length("features.x", value)
    with pytest.raises(ConfigError, match=r"^features\.x: expected a length above 0 in nm, found"):
        check_lengths("features.x", [10, value])


@pytest.mark.parametrize("values", [[], 50.0, "50", None, {50: 1}])
def test_what_is_no_list_of_lengths_is_refused(values):
    with pytest.raises(ConfigError, match=r"^radii: expected a list of lengths in nm, such as \[50, 100\]"):
        check_lengths("radii", values)


@pytest.mark.parametrize("values", [[50, 50.0], [1, 1.0000000001]])
def test_lengths_with_the_same_name_are_refused(values):
    with pytest.raises(ConfigError, match=r"^radii: expected lengths that differ in their first six digits"):
        check_lengths("radii", values)


@pytest.mark.parametrize("limits", [[2, 1], [None, None], [1], [1, 2, 3], ["a", 2], [math.nan, 2], [True, 2]])
def test_limits_are_two_numbers_in_order(limits):
    with pytest.raises(ConfigError, match=r"^x: expected two numbers in order, one of them null"):
        check_limits("x", limits)


def test_an_open_limit_is_infinite():
    assert check_limits("x", [1, 2]) == (1.0, 2.0)
    assert check_limits("x", [1, 1]) == (1.0, 1.0)
    assert check_limits("x", [None, 2]) == (-math.inf, 2.0)
    assert check_limits("x", [1, None]) == (1.0, math.inf)
