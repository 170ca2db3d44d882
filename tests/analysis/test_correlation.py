"""Correlations of features, against scipy."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from locgraph.analysis.correlation import correlations
from locgraph.analysis.feature_table import FeatureTable


def features(**columns):
    n = len(next(iter(columns.values())))
    return FeatureTable(pl.DataFrame({"label": ["a"] * n} | columns), dict.fromkeys(columns, "1"))


@pytest.fixture
def four():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    return features(x=x, y=y, like_x=-np.exp(3 * x) + 0.01 * y, like_y=np.round(y, 1), flat=np.ones(30))


def test_both_coefficients(four):
    found = correlations(four)

    assert found.columns == ("x", "y", "like_x", "like_y")
    assert (found.n, found.reason) == (30, None)
    assert found.left_out == {"flat": "the same value in all 30 rows"}
    values = four.table.select(found.columns).to_numpy()
    for a in range(4):
        for b in range(4):
            pair = values[:, a], values[:, b]
            assert found.pearson[a, b] == pytest.approx(stats.pearsonr(*pair).statistic)
            assert found.spearman[a, b] == pytest.approx(stats.spearmanr(*pair).statistic)
    assert (found.pearson.diagonal() == 1).all()


def test_alike_features_lie_beside_each_other(four):
    order = correlations(four).order.tolist()

    assert sorted(order) == [0, 1, 2, 3]
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_the_table_has_each_pair_once(four):
    table = correlations(four).table()

    assert table.columns == ["feature_a", "feature_b", "pearson", "spearman", "n"]
    assert table.height == 6
    row = table.filter(pl.concat_list("feature_a", "feature_b").list.sort() == ["like_x", "x"])
    assert row["spearman"][0] == pytest.approx(-1, abs=0.05)
    assert row["pearson"][0] > row["spearman"][0]


def test_one_and_two_features():
    assert correlations(features(x=[1.0, 2.0, 4.0])).pearson.tolist() == [[1.0]]
    two = correlations(features(x=[1.0, 2.0, 4.0], y=[1.0, 3.0, 2.0]))
    assert two.spearman[0, 1] == pytest.approx(0.5)
    assert two.order.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"x": [1.0, 2.0]}, "needs at least 3 rows, found 2"),
        ({"x": [1.0, 1.0, 1.0]}, "needs at least 1 features that vary and have a value in each row, found 0"),
    ],
)
def test_too_little(columns, reason):
    found = correlations(features(**columns))

    assert found.reason == reason
    assert found.table().is_empty()
    assert found.table().schema["pearson"] == pl.Float64
