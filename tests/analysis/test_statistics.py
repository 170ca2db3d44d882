"""Statistics of features by class: tests against scipy, summaries, correlations, and reasons for gaps."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.statistics import (
    SUMMARY_COLUMNS,
    TEST_COLUMNS,
    class_summary,
    compare_classes,
    correlations,
    feature_by_column,
    feature_tests,
    ranked,
    samples_by_class,
)
from locgraph.stats.effects import cliffs_delta, hedges_g
from locgraph.stats.tests import anova, false_discovery, kruskal, mann_whitney, welch


def features(labels, **columns):
    table = pl.DataFrame({"label": list(labels)} | columns, schema_overrides={"label": pl.String})
    return FeatureTable(table, dict.fromkeys(columns, "nm"))


@pytest.fixture(scope="module")
def three():
    rng = np.random.default_rng(0)
    labels = "a" * 12 + "b" * 15 + "c" * 9
    shift = np.array([{"a": 0.0, "b": 1.0, "c": 0.3}[name] for name in labels])
    return features(
        labels, size=rng.normal(shift), count=rng.poisson(4 + 3 * shift).astype(float), noise=rng.normal(size=36)
    )


def values(table, column, name):
    return table.table.filter(pl.col("label") == name)[column].to_numpy()


def test_pairs_of_classes_are_tested_with_effects_and_corrected(three):
    table = feature_tests(three)

    for one, other in combinations("abc", 2):
        a, b = values(three, "count", one), values(three, "count", other)
        rows = table.filter(feature="count", class_a=one, class_b=other)
        assert rows["test"].to_list() == ["mann_whitney_u", "welch_t"]
        assert rows["effect"].to_list() == ["cliffs_delta", "hedges_g"]
        assert rows.select("unit", "n_a", "n_b", "n").row(0) == ("nm", len(a), len(b), len(a) + len(b))
        u, t, delta, g = mann_whitney(a, b), welch(a, b), cliffs_delta(a, b), hedges_g(a, b)
        assert rows.select("statistic", "df", "p").rows() == [(u.statistic, None, u.p), (t.statistic, t.df, t.p)]
        assert rows.select("estimate", "low", "high").rows() == [
            (each.estimate, each.low, each.high) for each in (delta, g)
        ]
    for (_,), rows in table.group_by("test"):
        np.testing.assert_allclose(rows["q"], false_discovery(rows["p"].to_numpy()))


def test_all_classes_are_tested_with_effects(three):
    rows = feature_tests(three).filter(pl.col("class_a").is_null(), pl.col("feature") == "size")

    samples = [values(three, "size", name) for name in "abc"]
    h, f = kruskal(samples), anova(samples)
    assert rows["test"].to_list() == ["kruskal_wallis", "anova"]
    assert rows.select("statistic", "df", "p").rows() == [(h.statistic, 2, h.p), (f.statistic, 2, f.p)]
    expected = [h.statistic / 35, f.statistic * 2 / (f.statistic * 2 + 33)]
    assert rows["estimate"].to_list() == pytest.approx(expected)
    assert rows["reason"].null_count() == 2


def test_columns_and_pairs_keep_the_given_order(three):
    found = feature_tests(three, level="group", class_names=["c", "never seen", "a", "b"])

    assert found.schema == TEST_COLUMNS
    assert set(found["level"]) == {"group"}
    assert found["feature"].unique(maintain_order=True).to_list() == ["size", "count", "noise"]
    pairs = found.filter(test="welch_t", feature="size").select("class_a", "class_b").rows()
    assert pairs == [("c", "a"), ("c", "b"), ("a", "b")]


def test_gaps_and_rows_without_a_class_do_not_count():
    table = features([*"aaabbb", None], size=[1.0, 2.0, None, 2.5, 4.0, None, 100.0])

    found = feature_tests(table)

    assert found.select("n_a", "n_b").row(0) == (2, 2)
    assert found["statistic"][0] == 0
    assert samples_by_class(table.table, "size", "ab")["b"].tolist() == [2.5, 4.0]


def reasons(table):
    found = feature_tests(table)
    assert (
        found.filter(pl.col("reason").is_not_null()).select("p", "q", "statistic").null_count().row(0)
        == (len(found),) * 3
    )
    return dict(zip(found["test"], found["reason"], strict=True))


def test_a_constant_feature_has_a_reason():
    assert reasons(features("aabb", size=[2.0] * 4)) == dict.fromkeys(
        ("mann_whitney_u", "welch_t"), "the same value in all 4 cases"
    )
    found = feature_tests(features("aabbcc", size=[0.1 + 0.2, 0.3] * 3))
    assert found["p"].null_count() == 8
    assert set(found["reason"]) == {"the same value in all 6 cases", "the same value in all 4 cases"}


def test_a_class_with_one_case_is_left_out():
    assert reasons(features("aab", size=[1.0, 2.0, 3.0]))["welch_t"] == "a class needs at least 2 cases: b has 1"
    found = feature_tests(features("aabbc", size=[1.0, 2.0, 3.0, 4.0, 5.0]))
    h = found.filter(test="kruskal_wallis").row(0, named=True)
    assert h["n"] == 4
    assert h["statistic"] == pytest.approx(stats.kruskal([1, 2], [3, 4]).statistic)
    assert h["reason"] == "leaves out classes of fewer than 2 cases: c has 1"
    assert found.filter(class_b="c")["reason"].to_list() == ["a class needs at least 2 cases: c has 1"] * 4
    lonely = reasons(features("abc", size=[1.0, 2.0, 3.0]))
    assert lonely["anova"] == "fewer than two classes have 2 cases or more: a has 1, b has 1, c has 1"


@pytest.mark.parametrize(("labels", "classes"), [("aa", "the class a alone"), ([None, None], "no class")])
def test_fewer_than_two_classes_have_a_reason(labels, classes):
    assert reasons(features(labels, size=[1.0, 2.0])) == {
        "mann_whitney_u": f"a comparison needs two classes, found {classes}"
    }


def test_classes_that_do_not_vary_have_no_t_and_no_f():
    found = feature_tests(features("aabbcc", size=[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]))

    welch, anova = found.filter(test="welch_t"), found.filter(test="anova").row(0, named=True)
    assert welch["reason"].to_list() == ["neither class varies: there is no t"] * 3
    assert (anova["estimate"], anova["p"], anova["reason"]) == (1.0, None, "no class varies: there is no F")
    assert found.filter(test="mann_whitney_u")["estimate"].to_list() == [-1.0] * 3


def test_summary_of_each_class():
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


def test_without_features_or_classes_the_summary_is_empty():
    empty = class_summary(FeatureTable(pl.DataFrame({"label": ["a"]}), {}))

    assert tuple(empty.columns) == SUMMARY_COLUMNS
    assert empty.is_empty()
    assert class_summary(FeatureTable(pl.DataFrame({"label": [None], "size": [1.0]}), {"size": "nm"})).is_empty()


@pytest.fixture
def correlated():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    return features("a" * 30, x=x, y=y, like_x=-np.exp(3 * x) + 0.01 * y, like_y=np.round(y, 1), flat=np.ones(30))


def test_correlations_are_those_of_scipy(correlated):
    found = correlations(correlated)

    assert found.columns == ("x", "y", "like_x", "like_y")
    assert (found.n, found.reason) == (30, None)
    assert found.left_out == {"flat": "the same value in all 30 rows"}
    values = correlated.table.select(found.columns).to_numpy()
    for a in range(4):
        for b in range(4):
            pair = values[:, a], values[:, b]
            assert found.pearson[a, b] == pytest.approx(stats.pearsonr(*pair).statistic)
            assert found.spearman[a, b] == pytest.approx(stats.spearmanr(*pair).statistic)
    assert (found.pearson.diagonal() == 1).all()


def test_alike_features_lie_beside_each_other(correlated):
    order = correlations(correlated).order.tolist()

    assert sorted(order) == [0, 1, 2, 3]
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_the_table_of_correlations_has_each_pair_once(correlated):
    table = correlations(correlated).table()

    assert table.columns == ["feature_a", "feature_b", "pearson", "spearman", "n"]
    assert table.height == 6
    row = table.filter(pl.concat_list("feature_a", "feature_b").list.sort() == ["like_x", "x"])
    assert row["spearman"][0] == pytest.approx(-1, abs=0.05)
    assert row["pearson"][0] > row["spearman"][0]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"x": [1.0, 2.0]}, "needs at least 3 rows, found 2"),
        ({"x": [1.0, 1.0, 1.0]}, "needs at least 1 features that vary and have a value in each row, found 0"),
    ],
)
def test_too_few_rows_or_features_are_the_reason(columns, reason):
    found = correlations(features("a" * len(columns["x"]), **columns))

    assert found.reason == reason
    assert found.table().is_empty()
    assert found.table().schema["pearson"] == pl.Float64


@pytest.fixture
def grouped():
    """Three classes, in groups of two: ``strong`` separates them, ``weak`` hardly, ``same`` not at all."""
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


def without_groups(grouped):
    table = grouped.table.with_columns(group=pl.lit(None, dtype=pl.String))
    return FeatureTable(table, grouped.units)


def test_comparisons_of_all_classes_come_first_the_smallest_q_ahead(grouped):
    found = compare_classes(without_groups(grouped), ["a", "b", "c"])[0]

    first = found.row(0, named=True)
    assert (first["feature"], first["test"], first["class_a"]) == ("mean_strong", "kruskal_wallis", None)
    pairs = found["class_a"].is_not_null().to_list()
    assert pairs == sorted(pairs)
    assert set(found["level"]) == {"fov"}
    assert "same value in all 12 cases" in found.filter(feature="same")["reason"][0]


def test_groups_are_tested_as_groups_and_come_first(grouped):
    found, warnings = compare_classes(grouped, ["a", "b", "c"])

    assert found["level"][0] == "group"
    assert found.filter(pl.col("level") == "group", pl.col("test") == "kruskal_wallis")["n"][0] == 6
    assert warnings[-1].endswith("go by the rows with level group")


def test_the_strongest_statistic_represents_its_feature(grouped):
    tests = compare_classes(without_groups(grouped), ["a", "b", "c"])[0]
    rows = ranked(tests, FEATURE_OF)

    assert [row["feature"] for row in rows] == ["mean_strong", "mean_weak"]
    assert rows[0]["test"] == "kruskal_wallis"


def test_without_results_nothing_is_ranked(grouped):
    one = FeatureTable(grouped.table.filter(pl.col("label") == "a"), grouped.units)

    assert ranked(compare_classes(without_groups(one), ["a"])[0], {}) == []


def test_columns_are_traced_to_their_features():
    found = feature_by_column(
        ["mean_area_hull", "q2.5_count", "q25_count", "n_clusters"], ["mean", "q2.5", "q25", "q2"]
    )

    assert found == {
        "mean_area_hull": "area_hull",
        "q2.5_count": "count",
        "q25_count": "count",
        "n_clusters": "n_clusters",
    }
