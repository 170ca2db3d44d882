"""The number of groups, evidence for them, and the tables of a grouping."""

import json

import numpy as np
import polars as pl
import pytest

from builders.grouping import planted, planted_units, units_of
from locgraph.analysis.grouping.algorithms import AffinityPropagation, Agglomerative, KMeans
from locgraph.analysis.grouping.density import Hdbscan
from locgraph.analysis.grouping.groups import GroupSettings, find_groups
from locgraph.analysis.grouping.matrix import MatrixSettings
from locgraph.analysis.grouping.number import NumberSettings, choose_number, compare_with_one_cloud
from locgraph.errors import ConfigError, DataError

QUICK = NumberSettings(bootstraps=0, null_draws=0)
FEW = NumberSettings(most=7, bootstraps=4, null_draws=19, rows=200)


def test_stability_and_silhouette_pick_the_planted_number():
    values, _ = planted()
    chosen = choose_number(KMeans(starts=5), values, None, FEW, 0)
    assert chosen.n_groups == 5
    assert "5 groups have the largest silhouette" in chosen.why
    assert chosen.table["n_groups"].to_list() == [2, 3, 4, 5, 6, 7]
    row = chosen.table.filter(pl.col("chosen")).row(0, named=True)
    assert row["n_groups"] == 5
    assert row["stability"] > 0.99
    assert chosen.notes == ()


def test_one_cloud_is_not_stable_and_no_clearer_than_the_null():
    cloud = np.random.default_rng(0).normal(size=(150, 4))
    chosen = choose_number(KMeans(starts=2), cloud, 6, FEW, 0)
    assert chosen.why == "given"
    assert "another sample would give other groups" in chosen.notes[0]
    assert compare_with_one_cloud(KMeans(starts=2), cloud, 2, FEW, 0).p > 0.05
    assert compare_with_one_cloud(KMeans(starts=2), planted()[0], 5, FEW, 0).p == 0.05
    assert compare_with_one_cloud(KMeans(), cloud, 2, QUICK, 0) is None


def test_a_null_cloud_has_the_covariance_of_the_values():
    # along one line every cloud of the null is a line too: no clearer in one dimension than in the values
    line = np.random.default_rng(0).normal(size=(100, 1)) @ np.array([[1.0, 2.0, -1.0]])
    assert compare_with_one_cloud(KMeans(starts=2), line, 2, FEW, 0).p > 0.05


def test_without_stability_the_silhouette_alone_decides():
    chosen = choose_number(KMeans(), planted()[0], None, QUICK, 0)
    assert chosen.n_groups == 5
    assert chosen.table["stability"].null_count() == chosen.table.height
    assert "stability" not in chosen.why


def test_a_sample_of_the_units_decides_where_there_are_many():
    values, _ = planted(200)
    assert (
        choose_number(KMeans(starts=3), values, None, NumberSettings(most=6, bootstraps=3, rows=150), 0).n_groups == 5
    )


def test_tables_of_a_grouping():
    units = planted_units()
    result = find_groups(units, KMeans(), GroupSettings(n_groups=5, number=QUICK), {"source": "here"})
    assert result.n_groups == 5
    assert repr(result) == "Groups(5 groups of 30, 30, 30, 30, 30 FOVs, matched accuracy 1.000)"
    assert result.table.columns == [
        *("fov_id", "group", "probability", "distance", "silhouette", "medoid", "label", "patient", "parent_fov")
    ]
    assert result.table["medoid"].sum() == 5
    assert result.agreement.matched_accuracy == result.agreement.adjusted_rand == 1.0
    nearest = result.table.filter(pl.col("medoid")).join(
        result.table.group_by("group").agg(pl.col("distance").min().alias("least")), on="group"
    )
    assert (nearest["distance"] == nearest["least"]).all()
    assert result.about == {"source": "here"}


def test_differences_name_the_columns_that_make_a_group():
    values, _ = planted()
    columns = {"c0": values[:, 0], "c1": values[:, 1], "other": np.random.default_rng(5).normal(size=150)}
    units = units_of(columns, {"c0": "size", "c1": "shape", "other": "texture"})
    result = find_groups(
        units, KMeans(), GroupSettings(3, MatrixSettings(weights={"size": 1, "shape": 1}), number=QUICK)
    )
    table = result.differences
    assert table["column"].unique(maintain_order=True).to_list()[-1] == "other"
    assert dict(table.select("column", "used").unique().iter_rows()) == {"c0": True, "c1": True, "other": False}
    low = table.filter(column="c0").sort("median")
    assert low["delta"][0] < -0.4 < 0.8 < low["delta"][-1]
    assert table.filter(column="other")["q"].min() > 0.01
    assert (table["q"] >= table["p"]).all()
    assert any("marked used" in note for note in result.notes)


def test_a_column_with_gaps_is_compared_where_it_has_values():
    values, _ = planted()
    gaps = np.where(np.arange(150) % 3 == 0, np.nan, values[:, 1])
    units = units_of({"c0": values[:, 0], "gaps": gaps})
    result = find_groups(units, KMeans(), GroupSettings(2, number=QUICK))
    assert result.differences.filter(column="gaps")["n"].sum() == 100
    assert "gaps" in result.matrix.columns_left_out


def test_units_without_a_group_are_counted_and_match_no_class():
    values, truth = planted()
    values = np.concatenate([values, np.random.default_rng(3).uniform(15, 60, (9, 4))])
    columns = {f"c{place}": column for place, column in enumerate(values.T)}
    labels = [f"planted {cloud}" for cloud in truth] + ["planted 0"] * 9
    units = units_of(columns, label=labels)
    settings = GroupSettings(matrix=MatrixSettings(limit=None), number=QUICK)
    result = find_groups(units, Hdbscan(min_group_size=12, min_samples=3), settings)
    assert result.n_groups == 5
    assert (result.labels[150:] == -1).all()
    assert result.record()["without_group"] == (result.labels == -1).sum()
    assert result.agreement.matched_accuracy < 150.5 / 159
    assert result.table["distance"].null_count() == (result.labels == -1).sum()
    assert result.number.why == "found by the algorithm"


def test_what_is_written(tmp_path):
    result = find_groups(planted_units(10), KMeans(), GroupSettings(5, number=QUICK))
    result.write(tmp_path)
    assert pl.read_parquet(tmp_path / "groups.parquet").equals(result.table)
    record = json.loads((tmp_path / "groups.json").read_text())
    assert record["agreement"]["matched_accuracy"] == 1.0
    assert [each["n"] for each in record["groups"]] == [10] * 5
    assert record["evidence"] is None
    assert {path.name for path in tmp_path.iterdir()} == {
        *("groups.parquet", "groups.json", "group_numbers.parquet", "group_differences.parquet"),
        *("group_composition.parquet", "group_composition_tests.parquet"),
    }


@pytest.mark.parametrize(
    ("grouper", "settings", "setting", "words"),
    [
        (Hdbscan(), {"n_groups": 3}, "n_groups", "Hdbscan finds the number of groups itself"),
        (KMeans(), {"n_groups": 99}, "n_groups", "at most as many groups as FOVs, 15, found 99"),
        (KMeans(), {"spatial_neighbours": 3}, "spatial_neighbours", "use grouping=agglomerative"),
        (Agglomerative(), {"spatial_neighbours": 3}, "spatial_neighbours", "FOVs with positions in a FOV, found none"),
    ],
)
def test_settings_that_do_not_fit(grouper, settings, setting, words):
    with pytest.raises(ConfigError, match=words) as caught:
        find_groups(planted_units(3), grouper, GroupSettings(**settings, number=QUICK))
    assert caught.value.setting == setting


def test_three_units_can_be_grouped():
    result = find_groups(units_of({"a": [0.0, 0.1, 9.0]}), KMeans(), GroupSettings(number=FEW))
    assert result.labels.tolist() == [0, 0, 1]


def test_no_group_at_all():
    values = np.random.default_rng(0).uniform(size=(40, 4))
    units = units_of({f"c{place}": column for place, column in enumerate(values.T)})
    with pytest.raises(DataError, match="all FOVs are left without one") as caught:
        find_groups(units, Hdbscan(min_group_size=20), GroupSettings(number=QUICK))
    assert caught.value.setting == "grouping"
    with pytest.raises(ConfigError, match="no number of groups can be used: damping: did not settle"):
        find_groups(units, AffinityPropagation(most_iterations=1), GroupSettings(number=QUICK))


def test_spatial_regions_of_clusters():
    across = np.tile(np.arange(12.0), 2)
    value = (across >= 6) + np.random.default_rng(0).normal(size=24) * 0.05
    keys = {"fov_id": ["a"] * 12 + ["b"] * 12, "cluster_id": [*range(12)] * 2, "x": across, "y": [0.0] * 24}
    units = units_of({"c": value}, unit="cluster", **keys)
    result = find_groups(units, Agglomerative(), GroupSettings(2, spatial_neighbours=2, number=QUICK))
    assert len(set(zip(result.labels.tolist(), (across >= 6).tolist(), strict=True))) == 2
    assert any("without the constraint to neighbours" in note for note in result.notes)


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: GroupSettings(n_groups=1), "n_groups"),
        (lambda: GroupSettings(spatial_neighbours=0), "spatial_neighbours"),
        (lambda: GroupSettings(permutations=-1), "permutations"),
        (lambda: GroupSettings(seed=-1), "seed"),
        (lambda: NumberSettings(least=1), "least"),
        (lambda: NumberSettings(least=5, most=4), "most"),
        (lambda: NumberSettings(bootstraps=1), "bootstraps"),
        (lambda: NumberSettings(rows=3), "rows"),
        (lambda: NumberSettings(tolerance=2), "tolerance"),
        (lambda: NumberSettings(null_draws=-1), "null_draws"),
    ],
)
def test_wrong_settings_are_named(make, setting):
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.setting == setting
