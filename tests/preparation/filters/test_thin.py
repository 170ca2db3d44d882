"""Thinning to one number of localisations."""

import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.filters.selection import Thin


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
    ("settings", "message"),
    [
        ({"count": 0}, "count must be a whole number of at least 1, found 0"),
        ({"count": 5, "seed": -1}, "seed must be a whole number of at least 0, found -1"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ConfigError, match=message):
        Thin(**settings)
