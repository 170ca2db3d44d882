"""Settings that filters refuse."""

import math

import pytest

from locgraph.errors import ConfigError
from locgraph.preprocess.base import check_length, check_limits, check_whole


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, True, "5", None])
def test_a_length_is_above_zero(value):
    with pytest.raises(ConfigError, match=r"distance_nm must be a length above 0 in nm, found"):
        check_length("distance_nm", value)
    assert check_length("distance_nm", 5) == 5.0


@pytest.mark.parametrize("value", [2, 3.0, True, "4", None])
def test_a_whole_number_has_a_least_value(value):
    with pytest.raises(ConfigError, match=r"frames must be a whole number of at least 3, found"):
        check_whole("frames", value, least=3)
    assert check_whole("frames", 3, least=3) == 3


@pytest.mark.parametrize("limits", [[2, 1], [None, None], [1], [1, 2, 3], ["a", 2], [math.nan, 2], [True, 2]])
def test_limits_are_two_numbers_in_order(limits):
    with pytest.raises(ConfigError, match=r"x must be two numbers in order, one of them null where it is open, found"):
        check_limits("x", limits)


def test_an_open_limit_is_infinite():
    assert check_limits("x", [1, 2]) == (1.0, 2.0)
    assert check_limits("x", [1, 1]) == (1.0, 1.0)
    assert check_limits("x", [None, 2]) == (-math.inf, 2.0)
    assert check_limits("x", [1, None]) == (1.0, math.inf)
