"""Tests of features between classes, against scipy, and what is said where there is no answer."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.feature_tests import COLUMNS, feature_tests, samples_by_class


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


def test_pairs_as_scipy_tests_them(three):
    found = feature_tests(three)

    for column in three.columns:
        for one, other in combinations("abc", 2):
            a, b = values(three, column, one), values(three, column, other)
            rows = found.filter(feature=column, class_a=one, class_b=other)
            assert rows["test"].to_list() == ["mann_whitney_u", "welch_t"]
            assert rows["effect"].to_list() == ["cliffs_delta", "hedges_g"]
            assert set(rows["unit"]) == {"nm"}
            assert rows.select("n_a", "n_b", "n").row(0) == (len(a), len(b), len(a) + len(b))
            u, t = stats.mannwhitneyu(a, b), stats.ttest_ind(a, b, equal_var=False)
            assert rows["statistic"].to_list() == pytest.approx([u.statistic, t.statistic])
            assert rows["p"].to_list() == pytest.approx([u.pvalue, t.pvalue])
            assert rows["df"].to_list() == [None, pytest.approx(t.df)]
            assert np.sign(rows["estimate"][1]) == np.sign(a.mean() - b.mean())
            assert (rows["low"] < rows["estimate"]).all()
            assert (rows["estimate"] < rows["high"]).all()


def test_all_classes_at_once(three):
    found = feature_tests(three).filter(pl.col("class_a").is_null())

    for column in three.columns:
        samples = [values(three, column, name) for name in "abc"]
        rows = found.filter(feature=column)
        assert rows["test"].to_list() == ["kruskal_wallis", "anova"]
        h, f = stats.kruskal(*samples), stats.f_oneway(*samples)
        assert rows["statistic"].to_list() == pytest.approx([h.statistic, f.statistic])
        assert rows["p"].to_list() == pytest.approx([h.pvalue, f.pvalue])
        assert rows["estimate"].to_list() == pytest.approx([h.statistic / 35, f.statistic * 2 / (f.statistic * 2 + 33)])
        assert rows["reason"].null_count() == 2


def test_correction_runs_over_all_rows_of_one_test(three):
    found = feature_tests(three)

    for _, rows in found.group_by("test"):
        p = rows["p"].to_numpy()
        order = p.argsort()
        raw = p[order] * len(p) / np.arange(1, len(p) + 1)
        expected = np.empty(len(p))
        expected[order] = np.minimum.accumulate(raw[::-1])[::-1].clip(max=1)
        np.testing.assert_allclose(rows["q"].to_numpy(), expected)
    assert len(found.filter(test="mann_whitney_u")) == 9


def test_columns_and_order(three):
    found = feature_tests(three, level="group", class_names=["c", "never seen", "a", "b"])

    assert found.schema == COLUMNS
    assert set(found["level"]) == {"group"}
    assert found["feature"].unique(maintain_order=True).to_list() == ["size", "count", "noise"]
    pairs = found.filter(test="welch_t", feature="size").select("class_a", "class_b").rows()
    assert pairs == [("c", "a"), ("c", "b"), ("a", "b")]


def test_two_classes_are_compared_once():
    found = feature_tests(features("aabb", size=[1.0, 2.0, 3.0, 4.0]))

    assert found["test"].to_list() == ["mann_whitney_u", "welch_t"]
    assert found["estimate"][0] == -1
    assert found["p"][0] == pytest.approx(1 / 3)  # exact: 2 of 6 arrangements


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


def test_a_constant_feature():
    assert reasons(features("aabb", size=[2.0] * 4)) == dict.fromkeys(
        ("mann_whitney_u", "welch_t"), "the same value in all 4 cases"
    )
    found = feature_tests(features("aabbcc", size=[0.1 + 0.2, 0.3] * 3))
    assert found["p"].null_count() == 8
    assert set(found["reason"]) == {"the same value in all 6 cases", "the same value in all 4 cases"}


def test_a_class_with_one_case():
    assert reasons(features("aab", size=[1.0, 2.0, 3.0]))["welch_t"] == "a class needs at least 2 cases: b has 1"
    found = feature_tests(features("aabbc", size=[1.0, 2.0, 3.0, 4.0, 5.0]))
    h = found.filter(test="kruskal_wallis").row(0, named=True)
    assert h["n"] == 4
    assert h["statistic"] == pytest.approx(stats.kruskal([1, 2], [3, 4]).statistic)
    assert h["reason"] == "leaves out classes of fewer than 2 cases: c has 1"
    assert found.filter(class_b="c")["reason"].to_list() == ["a class needs at least 2 cases: c has 1"] * 4
    lonely = reasons(features("abc", size=[1.0, 2.0, 3.0]))
    assert lonely["anova"] == "fewer than two classes have 2 cases or more: a has 1, b has 1, c has 1"


def test_no_value_at_all():
    table = pl.DataFrame({"label": ["a", "b"], "size": [None, None]}, schema_overrides={"size": pl.Float64})
    assert reasons(FeatureTable(table, {"size": "nm"}))["welch_t"] == "a class needs at least 2 cases: a has 0, b has 0"


@pytest.mark.parametrize(("labels", "said"), [("aa", "the class a alone"), ([None, None], "no class")])
def test_one_class_or_none(labels, said):
    assert reasons(features(labels, size=[1.0, 2.0])) == {
        "mann_whitney_u": f"a comparison needs two classes, found {said}"
    }


def test_classes_that_do_not_vary_within():
    found = feature_tests(features("aabbcc", size=[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]))

    welch, anova = found.filter(test="welch_t"), found.filter(test="anova").row(0, named=True)
    assert welch["reason"].to_list() == ["neither class varies: there is no t"] * 3
    assert (anova["estimate"], anova["p"], anova["reason"]) == (1.0, None, "no class varies: there is no F")
    assert found.filter(test="mann_whitney_u")["estimate"].to_list() == [-1.0] * 3


def test_no_features():
    assert feature_tests(features("ab")).schema == COLUMNS
    assert feature_tests(features("ab")).is_empty()
