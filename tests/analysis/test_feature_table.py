"""Features joined with classes and groups, and what is said of gaps."""

import polars as pl
import pytest

from locgraph.analysis.feature_table import FeatureTable, classes_of, feature_table
from locgraph.errors import DataError

FOVS = pl.DataFrame(
    {"fov_id": ["c", "a", "b"], "label": ["T", None, "L"], "group": ["p1", None, "p2"], "path": ["", "", ""]}
)


def rows(**columns):
    return pl.DataFrame({"fov_id": ["a", "b", "c"]} | columns)


def test_rows_are_sorted_and_carry_class_and_group():
    found = feature_table(rows(size=[1, 2, 3]), {"size": "nm"}, FOVS)

    assert found.table.rows() == [("a", None, None, 1.0), ("b", "p2", "L", 2.0), ("c", "p1", "T", 3.0)]
    assert found.table.columns == ["fov_id", "group", "label", "size"]
    assert found.columns == ("size",)
    assert found.keys == ("fov_id", "group", "label")
    assert found.warnings == ("1 of 3 FOVs have no class and are in no comparison of classes",)
    assert found.labelled().table["fov_id"].to_list() == ["b", "c"]
    assert classes_of(found.table) == ("L", "T")


def test_what_is_missing_is_told():
    found = feature_table(
        rows(size=[1.0, float("inf"), float("nan")])[1:], {"size": "nm"}, FOVS.drop("path"), ["known before"]
    )

    assert found.table["size"].to_list() == [None, None]
    assert found.warnings == (
        "known before",
        "1 of 3 FOVs have no features and are left out",
        "size has no value in 2 of 2 rows",
    )


def test_some_of_the_features():
    found = feature_table(rows(size=[1, 2, 3], count=[4, 5, 6]), {"size": "nm", "count": "1"}, FOVS)

    assert found.select(["count"]).units == {"count": "1"}
    assert found.select([]).table.columns == ["fov_id", "group", "label"]
    with pytest.raises(DataError, match=r"expected some of \['size', 'count'\], found \['sise'\]"):
        found.select(["sise"])


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=r"missing \['label', 'size'\], clash \[\]"):
        FeatureTable(pl.DataFrame({"fov_id": ["a"]}), {"size": "nm"})
    with pytest.raises(DataError, match=r"missing \[\], clash \['group'\]"):
        FeatureTable(pl.DataFrame({"label": ["a"], "group": [1.0]}), {"group": "1"})
