"""Limits on one column."""

import pytest

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.preparation.filters.selection import COLUMNS, Between


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
    ("settings", "message"),
    [
        ({"column": "photons"}, "expected least or most, or both, as limits of photons, found neither"),
        ({"column": "photons", "least": 2, "most": 1}, r"\[least, most\] must be two numbers in order"),
        ({"column": "photons", "least": "few"}, r"\[least, most\] must be two numbers in order.*'few'"),
        ({"column": "intensity", "least": 1}, "column must be one of x, y, .*photons.*, found 'intensity'"),
        ({"column": "cluster_id", "least": 1}, "found 'cluster_id'"),
    ],
)
def test_limits_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        Between(**settings)
