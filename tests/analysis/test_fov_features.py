"""Features of clusters taken together for each FOV, against numpy."""

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.fov_features import Aggregation, fov_features, join_vectors, quantile_prefix
from locgraph.errors import ConfigError, DataError
from locgraph.io.featextracted import ExtractedFov

FOVS = pl.DataFrame({"fov_id": ["a", "b", "c"], "label": ["T", "L", "L"], "group": [None, None, None]})
AREAS = {"a": [1.0, 2.0, 9.0, 4.0], "b": [5.0], "c": [3.0, 3.0]}


def extracted(fov_id, unit="nm^2", **columns):
    areas = AREAS[fov_id]
    clusters = pl.DataFrame(
        {"view": 0, "cluster_id": range(len(areas)), "x_mean": 1.0, "y_mean": 2.0, "area": areas} | columns
    )
    locs = pl.DataFrame({"x": [0.0] * 3 * len(areas)})
    return ExtractedFov(fov_id, locs, clusters, 2, None, (), None, {"area": unit, "x_mean": "nm"})


def test_mean_spread_and_quantiles_with_their_units():
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


def test_a_single_cluster_has_no_spread():
    assert fov_features([extracted("b")], FOVS).table["sd_area"].to_list() == [0.0]


def test_a_feature_that_one_fov_has_not_is_a_gap_and_told():
    found = fov_features([extracted("a", bright=1.0), extracted("b")], FOVS, Aggregation(("mean",), ()))

    assert found.columns == ("n_clusters", "n_localisations", "mean_area", "mean_bright")
    assert found.units["mean_bright"] == "1"
    assert found.table["mean_bright"].to_list() == [1.0, None]
    assert found.warnings == (
        "1 of 3 FOVs have no features and are left out",
        "mean_bright has no value in 1 of 2 rows",
    )


def test_values_that_are_no_numbers_do_not_count():
    found = fov_features([extracted("c", skew=[float("nan"), 4.0])], FOVS, Aggregation(("mean",), (1.0,)))

    assert found.table.select("mean_skew", "q100_skew").row(0) == (4.0, 4.0)


def test_two_units_of_one_feature_are_told():
    found = fov_features([extracted("a"), extracted("b", unit="um^2")], FOVS)

    assert "area is in nm^2 in some FOVs and in um^2 in others: do not compare it" in found.warnings


def test_no_fov_at_all():
    found = fov_features([], FOVS)

    assert found.table.height == 0
    assert found.columns == ("n_clusters", "n_localisations")
    assert found.warnings == ("3 of 3 FOVs have no features and are left out",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"statistics": ("median",)}, r"aggregation\.statistics must be some of \['mean', 'sd'\], found \('median',\)"),
        ({"statistics": "mean"}, r"aggregation\.statistics must be some of"),
        ({"quantiles": (50,)}, r"aggregation\.quantiles must be numbers from 0 to 1, found \[50\]"),
        ({"quantiles": ("half",)}, r"aggregation\.quantiles must be numbers"),
        ({"quantiles": (0.5, 0.5)}, "at least one of statistics and quantiles, each once"),
        ({"statistics": (), "quantiles": ()}, "at least one of statistics and quantiles"),
        ({"statistics": ("sum",), "setting": "analysis"}, r"analysis\.statistics"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        Aggregation(**settings)


@pytest.mark.parametrize(("quantile", "prefix"), [(0.5, "q50"), (0.025, "q2.5"), (1, "q100"), (0.07, "q7")])
def test_names_of_quantiles(quantile, prefix):
    assert quantile_prefix(quantile) == prefix


def vectors(fov_ids, fold=0):
    n = len(fov_ids)
    return pl.DataFrame(
        {"fov_id": fov_ids, "fold": fold, "split": "test", "v_0": range(n), "v_1": [0.5] * n},
        schema_overrides={"v_0": pl.Float32, "v_1": pl.Float32},
    )


def test_vectors_beside_features():
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
def test_vectors_that_do_not_belong_together(table, message):
    with pytest.raises(DataError, match=message):
        join_vectors(fov_features([extracted("a")], FOVS), table)
