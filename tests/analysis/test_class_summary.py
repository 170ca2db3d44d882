"""Mean, spread and quartiles by class."""

import polars as pl
import pytest

from locgraph.analysis.class_summary import COLUMNS, class_summary
from locgraph.analysis.feature_table import FeatureTable


def test_numbers_of_each_class():
    table = pl.DataFrame(
        {
            "label": ["b", "a", "a", "a", "a", None],
            "size": [7.0, 1.0, 2.0, 3.0, None, 100.0],
            "count": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        }
    )

    found = class_summary(FeatureTable(table, {"size": "nm", "count": "1"}))

    assert found.rows()[:2] == [
        ("size", "nm", "a", 3, 2.0, 1.0, 1.5, 2.0, 2.5),
        ("size", "nm", "b", 1, 7.0, None, 7.0, 7.0, 7.0),
    ]
    assert found["feature"].to_list() == ["size", "size", "count", "count"]
    assert found.filter(feature="count", label="a")["n"].to_list() == [4]
    assert found.filter(feature="count", label="a")["sd"][0] == pytest.approx(0)


def test_nothing_to_sum_up():
    empty = class_summary(FeatureTable(pl.DataFrame({"label": ["a"]}), {}))

    assert tuple(empty.columns) == COLUMNS
    assert empty.is_empty()
    assert class_summary(FeatureTable(pl.DataFrame({"label": [None], "size": [1.0]}), {"size": "nm"})).is_empty()
