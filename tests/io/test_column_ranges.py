"""Ranges of the columns of a file, before and after conversion."""

import math

import polars as pl
import pytest

from locgraph.io.columns import ColumnMap
from locgraph.io.inspection import ColumnRange, other_ranges, taken_ranges

SOURCE = pl.DataFrame(
    {
        "x": [1.0, 3.0, 2.0, math.nan, math.inf, None],
        "y": [1, 2, 3, 4, 5, None],
        "lp": ["3", " 4 ", "x", "5", "", None],
        "name": ["a", "b", None, "", "c", "d"],
        "nothing": [None] * 6,
        "empty": pl.Series([math.nan] * 6),
        "list": [[1], [2], None, [3], [4], [5]],
    }
)


def test_taken_columns_are_in_nm():
    chosen = ColumnMap({"x": "x", "y": "y", "precision": "lp"}, unit="px", pixel_size_nm=100, units={"precision": "nm"})

    x, y, precision = taken_ranges(chosen, SOURCE, chosen.to_canonical(SOURCE, "here"))

    assert x == ColumnRange("x", "Float64", "x", "px", "nm", 100.0, 200.0, 300.0, 3)
    assert y == ColumnRange("y", "Int64", "y", "px", "nm", 100.0, 300.0, 500.0, 1)
    assert precision == ColumnRange("lp", "String", "precision", "nm", "nm", 3.0, 4.0, 5.0, 3)


def test_several_columns_that_are_one_quantity_are_named_together():
    chosen = ColumnMap({"x": "x", "y": "y", "precision": ["x", "y"]}, unit="nm")

    found = taken_ranges(chosen, SOURCE, chosen.to_canonical(SOURCE, "here"))[2]

    assert (found.source, found.dtype, found.source_unit) == ("x, y", "Float64, Int64", "nm")
    assert found.low == pytest.approx(1.0)
    assert found.high == pytest.approx(math.sqrt(6.5))


def test_other_columns_are_told_as_they_are():
    found = {column.source: column for column in other_ranges(SOURCE, ("x", "lp"))}

    assert list(found) == ["y", "name", "nothing", "empty", "list"]
    assert found["y"] == ColumnRange("y", "Int64", None, None, None, 1.0, 3.0, 5.0, 1)
    assert (found["name"].low, found["name"].missing) == (None, 1)
    assert (found["nothing"].low, found["nothing"].missing) == (None, 6)
    assert (found["empty"].high, found["empty"].missing) == (None, 6)
    assert (found["list"].median, found["list"].missing) == (None, 1)
