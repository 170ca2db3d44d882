"""Features of FOVs and of groups: aggregation against numpy, joins, and warnings about gaps."""

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.feature_table import FeatureTable, classes_of, feature_table, group_means
from locgraph.analysis.fov_features import (
    Aggregation,
    fov_features,
    join_vectors,
    whole_fovs,
)
from locgraph.errors import ConfigError, DataError
from locgraph.io.featextracted import ExtractedFov, feature_columns, write_fov

MANIFEST = pl.DataFrame(
    {"fov_id": ["c", "a", "b"], "label": ["T", None, "L"], "group": ["p1", None, "p2"], "path": ["", "", ""]}
)


def rows(**columns):
    return pl.DataFrame({"fov_id": ["a", "b", "c"]} | columns)


def test_rows_are_sorted_and_carry_class_and_group():
    found = feature_table(rows(size=[1, 2, 3]), {"size": "nm"}, MANIFEST)

    assert found.table.rows() == [("a", None, None, 1.0), ("b", "p2", "L", 2.0), ("c", "p1", "T", 3.0)]
    assert found.table.columns == ["fov_id", "group", "label", "size"]
    assert found.columns == ("size",)
    assert found.keys == ("fov_id", "group", "label")
    assert found.warnings == ("1 of 3 FOVs have no class and are in no comparison of classes",)
    assert found.labelled().table["fov_id"].to_list() == ["b", "c"]
    assert classes_of(found.table) == ("L", "T")


def test_gaps_and_absent_fovs_are_in_the_warnings():
    found = feature_table(
        rows(size=[1.0, float("inf"), float("nan")])[1:], {"size": "nm"}, MANIFEST.drop("path"), ["known before"]
    )

    assert found.table["size"].to_list() == [None, None]
    assert found.warnings == (
        "known before",
        "1 of 3 FOVs have no features and are left out",
        "size has no value in 2 of 2 rows",
    )


def test_features_can_be_selected():
    found = feature_table(rows(size=[1, 2, 3], count=[4, 5, 6]), {"size": "nm", "count": "1"}, MANIFEST)

    assert found.select(["count"]).units == {"count": "1"}
    assert found.select([]).table.columns == ["fov_id", "group", "label"]
    with pytest.raises(DataError, match=r"expected some of \['size', 'count'\], found \['sise'\]"):
        found.select(["sise"])


def test_tables_without_label_or_with_a_key_as_feature_are_refused():
    with pytest.raises(DataError, match=r"missing \['label', 'size'\], clash \[\]"):
        FeatureTable(pl.DataFrame({"fov_id": ["a"]}), {"size": "nm"})
    with pytest.raises(DataError, match=r"missing \[\], clash \['group'\]"):
        FeatureTable(pl.DataFrame({"label": ["a"], "group": [1.0]}), {"group": "1"})


def grouped(groups, labels, values):
    table = pl.DataFrame(
        {"fov_id": [str(i) for i in range(len(values))], "group": groups, "label": labels, "size": values},
        schema_overrides={"group": pl.String, "label": pl.String, "size": pl.Float64},
    )
    return FeatureTable(table, {"size": "nm"}, ("of FOVs",))


def test_each_group_counts_once():
    found = group_means(grouped(["q", "p", "p", "p"], ["b", "a", "a", "a"], [9.0, 1.0, 2.0, 6.0]))

    assert found.table.columns == ["group", "label", "n_fovs", "size"]
    assert found.table.rows() == [("p", "a", 3, 3.0), ("q", "b", 1, 9.0)]
    assert found.units == {"size": "nm"}
    assert found.keys == ("group", "label", "n_fovs")
    assert found.warnings == ()


def test_fovs_without_group_or_class_are_left_out():
    found = group_means(grouped(["p", None, "q"], ["a", "a", None], [1.0, 2.0, 3.0]))

    assert found.table.rows() == [("p", "a", 1, 1.0)]
    assert found.warnings == ("2 of 3 FOVs lack a group or a class and are in no comparison of groups",)


def test_a_group_of_two_classes_gives_a_warning():
    found = group_means(grouped(["p", "p"], ["b", "a"], [1.0, 2.0]))

    assert found.table["label"].to_list() == ["a", "b"]
    (warning,) = found.warnings
    assert warning.startswith("1 groups have FOVs of several classes, such as p:")


def test_without_groups_there_are_no_rows():
    found = group_means(grouped([None, None], ["a", "b"], [1.0, 2.0]))

    assert found.table.height == 0
    assert found.columns == ("size",)
    assert found.warnings == ("no FOV has both a group and a class: there is no comparison of groups",)
    assert group_means(grouped(["p"], ["a"], [1.0]).select([])).table.rows() == [("p", "a", 1)]


FOVS = pl.DataFrame({"fov_id": ["a", "b", "c"], "label": ["T", "L", "L"], "group": [None, None, None]})
AREAS = {"a": [1.0, 2.0, 9.0, 4.0], "b": [5.0], "c": [3.0, 3.0]}


def extracted(fov_id, unit="nm^2", **columns):
    areas = AREAS[fov_id]
    clusters = pl.DataFrame(
        {"view": 0, "cluster_id": range(len(areas)), "x_mean": 1.0, "y_mean": 2.0, "area": areas} | columns
    )
    locs = pl.DataFrame({"x": [0.0] * 3 * len(areas)})
    return ExtractedFov(fov_id, locs, clusters, 2, None, (), None, {"area": unit, "x_mean": "nm"})


def test_clusters_are_aggregated_with_their_units():
    found = fov_features(map(extracted, "abc"), FOVS, Aggregation(quantiles=(0.25, 0.5)))

    assert found.units == {
        "n_clusters": "1",
        "n_localisations": "1",
        **dict.fromkeys(("mean_area", "sd_area", "q25_area", "q50_area"), "nm^2"),
    }
    for row in found.table.to_dicts():
        areas = AREAS[row["fov_id"]]
        assert row["n_clusters"] == len(areas)
        assert row["n_localisations"] == 3 * len(areas)
        assert row["mean_area"] == pytest.approx(np.mean(areas))
        assert row["sd_area"] == pytest.approx(np.std(areas))
        assert row["q25_area"] == pytest.approx(np.quantile(areas, 0.25))
        assert row["q50_area"] == np.median(areas)
    assert found.table["label"].to_list() == ["T", "L", "L"]
    assert found.warnings == ()


def test_a_feature_that_one_fov_lacks_is_a_gap():
    found = fov_features([extracted("a", bright=1.0), extracted("b")], FOVS, Aggregation(("mean",), ()))

    assert found.columns == ("n_clusters", "n_localisations", "mean_area", "mean_bright")
    assert found.units["mean_bright"] == "1"
    assert found.table["mean_bright"].to_list() == [1.0, None]
    assert found.warnings == (
        "1 of 3 FOVs have no features and are left out",
        "mean_bright has no value in 1 of 2 rows",
    )


def test_without_fovs_the_table_has_its_columns():
    found = fov_features([], FOVS)

    assert found.table.height == 0
    assert found.columns == ("n_clusters", "n_localisations")
    assert found.warnings == ("3 of 3 FOVs have no features and are left out",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"statistics": ("median",)}, r"^statistics: expected some of \['mean', 'sd'\], found \('median',\)"),
        ({"statistics": "mean"}, "^statistics: expected some of"),
        ({"quantiles": (50,)}, r"^quantiles: expected numbers from 0 to 1, found \[50\]"),
        ({"quantiles": ("half",)}, "^quantiles: expected numbers"),
        ({"quantiles": (0.5, 0.5)}, "^quantiles: expected at least one quantile or statistic, each once"),
        ({"statistics": (), "quantiles": ()}, "^quantiles: expected at least one"),
    ],
)
def test_wrong_aggregations_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Aggregation(**settings)


def vectors(fov_ids, fold=0):
    n = len(fov_ids)
    return pl.DataFrame(
        {"fov_id": fov_ids, "fold": fold, "split": "test", "v_0": range(n), "v_1": [0.5] * n},
        schema_overrides={"v_0": pl.Float32, "v_1": pl.Float32},
    )


def test_vectors_are_joined_by_fov():
    features = fov_features(map(extracted, "abc"), FOVS, Aggregation(("mean",), ()))

    found = join_vectors(features, vectors(["c", "a", "not here"]))

    assert found.columns[-2:] == ("v_0", "v_1")
    assert found.units["v_0"] == "1"
    assert found.table.select("fov_id", "label", "v_0", "v_1").rows() == [("a", "T", 1.0, 0.5), ("c", "L", 0.0, 0.5)]
    assert found.warnings == ("1 of 3 FOVs have no learned vector and are left out",)
    assert join_vectors(features.select([]), vectors(["a", "b", "c"])).columns == ("v_0", "v_1")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (vectors(["a"]).drop("fold"), "expected fov_id, fold and v_0, ... of FOVs"),
        (vectors(["a"]).select("fov_id", "fold"), "expected fov_id, fold and v_0"),
        (vectors(["a"]).with_columns(cluster_id=pl.lit(0)), "expected fov_id, fold and v_0"),
        (pl.concat([vectors(["a"]), vectors(["b"], fold=1)]), r"those of the folds \[0, 1\]"),
        (vectors(["a", "a"]), "several of one FOV; take the vectors of one run"),
    ],
)
def test_vectors_of_several_networks_are_refused(table, message):
    with pytest.raises(DataError, match=message):
        join_vectors(fov_features([extracted("a")], FOVS), table)


@pytest.fixture
def tables(tmp_path):
    locs = pl.DataFrame(
        {"view": [0, 0, 0, 1], "cluster_id": [-1, 0, 0, 0], "x": [9.0, 1.0, 2.0, 5.0], "y": [9.0, 1.0, 2.0, 5.0]}
    )
    clusters = pl.DataFrame(
        {"view": [0, 1], "cluster_id": [0, 0], "x_mean": [1.5, 5.0], "y_mean": [1.5, 5.0], "count": [2, 1]}
    ).with_columns(note=pl.lit("a"))
    for name in ("b", "deep/a"):
        write_fov(tmp_path, ExtractedFov(name, locs, clusters, 2, None, (), None))
    return tmp_path


def test_fovs_are_read_without_noise_and_other_views(tables):
    first, second = whole_fovs(tables, ["deep/a", "b"])

    assert (first.fov_id, second.fov_id) == ("deep/a", "b")
    assert first.locs["x"].to_list() == [1.0, 2.0]
    assert first.clusters["count"].to_list() == [2]
    assert feature_columns(first.clusters) == ["count"]


def test_an_absent_fov_is_an_error_with_its_name(tables):
    with pytest.raises(DataError, match="c: expected its locs"):
        list(whole_fovs(tables, ["c"]))
