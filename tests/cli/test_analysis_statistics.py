"""Statistics: what stands first, and what stands for a feature."""

import polars as pl
import pytest

from locgraph.analysis.feature_table import FeatureTable
from locgraph.cli.analysis_findings import Findings
from locgraph.cli.analysis_statistics import compare_classes, ranked, statistics_of, where


@pytest.fixture
def features():
    """Of three classes, in groups of two: ``strong`` tells them apart, ``weak`` hardly, ``same`` not at all."""
    labels = ["a", "b", "c"] * 4
    strong = [float("abc".index(label)) + 0.01 * row for row, label in enumerate(labels)]
    weak = [float(value) for value in (5, 1, 3, 2, 4, 1, 5, 3, 2, 4, 4, 3)]
    groups = [f"{label}{row // 6}" for row, label in enumerate(labels)]
    names = [f"f{row:02d}" for row in range(12)]
    table = pl.DataFrame(
        {"fov_id": names, "group": groups, "label": labels, "mean_weak": weak, "mean_strong": strong}
        | {"sd_strong": weak[::-1], "same": [1.0] * 12}
    )
    return FeatureTable(table, dict.fromkeys(["mean_weak", "mean_strong", "sd_strong", "same"], "nm"))


FEATURE_OF = {"mean_weak": "weak", "mean_strong": "strong", "sd_strong": "strong", "same": "same"}


def without_groups(features):
    table = features.table.with_columns(group=pl.lit(None, dtype=pl.String))
    return FeatureTable(table, features.units)


def test_comparisons_of_all_classes_come_first_the_smallest_q_ahead(features, tmp_path):
    found = compare_classes(without_groups(features), ["a", "b", "c"], Findings(tmp_path))

    first = found.row(0, named=True)
    assert (first["feature"], first["test"], first["class_a"]) == ("mean_strong", "kruskal_wallis", None)
    pairs = found["class_a"].is_not_null().to_list()
    assert pairs == sorted(pairs)
    assert set(found["level"]) == {"fov"}
    assert "same value in all 12 cases" in found.filter(feature="same")["reason"][0]


def test_groups_are_tested_as_groups_and_come_first(features, tmp_path):
    findings = Findings(tmp_path)
    found = compare_classes(features, ["a", "b", "c"], findings)

    assert found["level"][0] == "group"
    assert found.filter(pl.col("level") == "group", pl.col("test") == "kruskal_wallis")["n"][0] == 6
    assert findings.warnings[-1].endswith("go by the rows with level group")


def test_the_strongest_statistic_stands_for_its_feature(features, tmp_path):
    tests = compare_classes(without_groups(features), ["a", "b", "c"], Findings(tmp_path))
    rows = ranked(tests, FEATURE_OF)

    assert [row["feature"] for row in rows] == ["mean_strong", "mean_weak"]
    assert rows[0]["test"] == "kruskal_wallis"


def test_two_classes_are_ranked_by_the_size_of_their_difference(features, tmp_path):
    two = FeatureTable(features.table.filter(pl.col("label") != "c"), features.units)
    rows = ranked(compare_classes(without_groups(two), ["a", "b"], Findings(tmp_path)), {})

    assert rows[0]["feature"] == "mean_strong"
    assert (rows[0]["test"], rows[0]["estimate"]) == ("mann_whitney_u", -1.0)


def test_without_results_nothing_is_ranked(features, tmp_path):
    one = FeatureTable(features.table.filter(pl.col("label") == "a"), features.units)

    assert ranked(compare_classes(without_groups(one), ["a"], Findings(tmp_path)), {}) == []


def test_columns_are_traced_to_their_features():
    found = statistics_of(["mean_area_hull", "q2.5_count", "q25_count", "n_clusters"], ["mean", "q2.5", "q25", "q2"])

    assert found == {
        "mean_area_hull": "area_hull",
        "q2.5_count": "count",
        "q25_count": "count",
        "n_clusters": "n_clusters",
    }


def test_sets_of_numbers_have_names():
    assert where("hand_made", None) == "hand-made features"
    assert where("learned", 2) == "learned vectors of fold 2"
