import math

import pytest

from locgraph.errors import ConfigError
from locgraph.simulate.arguments import check_flag, check_number, check_whole


def test_number_within_limits_comes_back_as_float():
    assert check_number("gap_nm", 2, at_least=2, at_most=2) == 2.0
    assert isinstance(check_number("gap_nm", 2), float)


@pytest.mark.parametrize("value", ["2", None, True, math.nan, math.inf, 0, -1, 11])
def test_number_outside_limits_or_of_another_kind_is_refused(value):
    with pytest.raises(ConfigError, match=r"gap_nm must be a number above 0 and at most 10, found .*: change gap_nm"):
        check_number("gap_nm", value, above=0, at_most=10)


def test_limits_hold_at_their_edge():
    check_number("p", 1, at_most=1)
    with pytest.raises(ConfigError, match="above 0"):
        check_number("p", 0, above=0)
    with pytest.raises(ConfigError, match="at least 1"):
        check_number("p", 0.99, at_least=1)


def test_whole_number():
    assert check_whole("seed", 0, at_least=0) == 0


@pytest.mark.parametrize("value", [-1, 1.0, True, "1", None])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ConfigError, match="seed must be a whole number of at least 0"):
        check_whole("seed", value, at_least=0)


def test_flag():
    assert check_flag("equalise_counts", False) is False
    for value in ("false", 1, None):
        with pytest.raises(ConfigError, match="equalise_counts must be true or false"):
            check_flag("equalise_counts", value)
