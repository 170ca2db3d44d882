"""From FOVs to groups."""

import polars as pl

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.groups import group_means


def features(groups, labels, values):
    table = pl.DataFrame(
        {"fov_id": [str(i) for i in range(len(values))], "group": groups, "label": labels, "size": values},
        schema_overrides={"group": pl.String, "label": pl.String, "size": pl.Float64},
    )
    return FeatureTable(table, {"size": "nm"}, ("of FOVs",))


def test_each_group_counts_once():
    found = group_means(features(["q", "p", "p", "p"], ["b", "a", "a", "a"], [9.0, 1.0, 2.0, 6.0]))

    assert found.table.columns == ["group", "label", "n_fovs", "size"]
    assert found.table.rows() == [("p", "a", 3, 3.0), ("q", "b", 1, 9.0)]
    assert found.units == {"size": "nm"}
    assert found.keys == ("group", "label", "n_fovs")
    assert found.warnings == ()


def test_gaps_do_not_count_and_are_told_where_nothing_is_left():
    found = group_means(features(["p", "p", "q"], ["a", "a", "b"], [None, 2.0, None]))

    assert found.table["size"].to_list() == [2.0, None]
    assert found.warnings == ("size has no value in 1 of 2 rows",)


def test_fovs_without_group_or_class_are_told():
    found = group_means(features(["p", None, "q"], ["a", "a", None], [1.0, 2.0, 3.0]))

    assert found.table.rows() == [("p", "a", 1, 1.0)]
    assert found.warnings == ("2 of 3 FOVs lack a group or a class and are in no comparison of groups",)


def test_a_group_of_two_classes_is_told():
    found = group_means(features(["p", "p"], ["b", "a"], [1.0, 2.0]))

    assert found.table["label"].to_list() == ["a", "b"]
    (warning,) = found.warnings
    assert warning.startswith("1 groups have FOVs of several classes, such as p:")


def test_no_groups():
    found = group_means(features([None, None], ["a", "b"], [1.0, 2.0]))

    assert found.table.height == 0
    assert found.columns == ("size",)
    assert found.warnings == ("no FOV has both a group and a class: there is no comparison of groups",)
    assert group_means(features(["p"], ["a"], [1.0]).select([])).table.rows() == [("p", "a", 1)]
