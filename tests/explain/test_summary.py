"""Features of the clusters that matter."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from scipy import stats

from locgraph import schema
from locgraph.errors import DataError
from locgraph.explain.summary import class_separation, cluster_table, explained_features


def attributions(scores, level="cluster", features=None, classes=None, fold=0, explainer="e"):
    """``fov_id`` -> scores, as rows of the table of attributions."""
    rows = [
        {
            "fov_id": fov_id,
            "fold": fold,
            "explainer": explainer,
            "explained_class": (classes or {}).get(fov_id, "A"),
            "level": level,
            "cluster_id": index if level == "cluster" else None,
            "feature": features[index] if level == "feature" else None,
            "score": score,
        }
        for fov_id, values in scores.items()
        for index, score in enumerate(values)
    ]
    types = {name: column.dtype for name, column in schema.ATTRIBUTION_COLUMNS.items()}
    return pl.DataFrame(rows, schema=types)


def clusters(values):
    """``fov_id`` -> feature -> values."""
    return cluster_table(
        {
            fov_id: pl.DataFrame(
                {"view": 0, "cluster_id": range(len(next(iter(columns.values())))), "x_mean": 0.0} | columns
            )
            for fov_id, columns in values.items()
        }
    )


def test_one_fov_by_hand():
    found = explained_features(
        attributions({"a": [3.0, 1.0, -5.0, 0.0]}), clusters({"a": {"size": [10.0, 20.0, 30.0, 40.0]}})
    )

    assert found.height == 1
    row = found.row(0, named=True)
    assert (row["explainer"], row["explained_class"], row["feature"], row["n_fovs"]) == ("e", "A", "size", 1)
    assert row["mean"] == 25
    assert row["weighted_mean"] == 12.5
    assert row["effect"] == pytest.approx(-12.5 / np.std([10, 20, 30, 40], ddof=1))
    assert row["correlation"] == pytest.approx(-0.8)
    for name in ("effect", "correlation", "attribution"):
        assert row[f"{name}_low"] is row[f"{name}_high"] is None
    assert row["attribution"] is None


def test_fovs_have_equal_weights():
    """A FOV of many clusters counts as much as one of few, and intervals are over FOVs."""
    rng = np.random.default_rng(0)
    sizes = {"a": 3, "b": 50, "c": 10, "d": 7}
    values = {fov: rng.normal(size=n) for fov, n in sizes.items()}
    scores = {fov: rng.normal(size=n) for fov, n in sizes.items()}
    found = explained_features(attributions(scores), clusters({fov: {"f": x} for fov, x in values.items()})).row(
        0, named=True
    )

    means = [x.mean() for x in values.values()]
    weighted = [np.average(values[fov], weights=np.maximum(scores[fov], 0)) for fov in sizes]
    rho = [stats.spearmanr(scores[fov], values[fov]).statistic for fov in sizes]
    effect = (np.array(weighted) - means) / np.concatenate(list(values.values())).std(ddof=1)
    assert found["n_fovs"] == 4
    assert found["mean"] == pytest.approx(np.mean(means))
    assert found["weighted_mean"] == pytest.approx(np.mean(weighted))
    for name, expected in (("effect", effect), ("correlation", rho)):
        low, high = stats.t.interval(0.95, 3, np.mean(expected), stats.sem(expected))
        if name == "correlation":
            low, high = max(low, -1), min(high, 1)
        assert (found[name], found[f"{name}_low"], found[f"{name}_high"]) == pytest.approx(
            (np.mean(expected), low, high)
        )


def test_undefined_values_are_null():
    found = explained_features(
        attributions({"a": [-1.0, -2.0], "b": [0.0, 0.0]}),
        clusters({"a": {"f": [0.1, 0.1]}, "b": {"f": [0.1, 0.1]}}),
    ).row(0, named=True)
    assert found["mean"] == pytest.approx(0.1)
    assert found["n_fovs"] == 2
    for name in ("weighted_mean", "effect", "correlation", "correlation_low"):
        assert found[name] is None


def test_values_that_are_not_finite_are_left_out():
    found = explained_features(
        attributions({"a": [1.0, 1.0, 2.0, 6.0]}), clusters({"a": {"f": [1.0, 2.0, None, np.nan]}})
    ).row(0, named=True)
    assert (found["mean"], found["weighted_mean"], found["correlation"]) == (1.5, 1.5, None)


def test_scores_of_features():
    scores = {"a": [3.0, -1.0], "b": [100.0, 100.0], "c": [0.0, 0.0]}
    table = pl.concat(
        [
            attributions(scores, "feature", ["f", "g"], fold=None),
            attributions({fov: [1.0, 2.0] for fov in scores}, fold=None),
        ]
    )
    found = explained_features(table, clusters({fov: {"f": [1.0, 2.0], "g": [1.0, 3.0]} for fov in scores}))
    by_feature = {row["feature"]: row for row in found.iter_rows(named=True)}
    assert by_feature["f"]["attribution"] == pytest.approx((0.75 + 0.5) / 2)
    assert by_feature["g"]["attribution"] == pytest.approx((-0.25 + 0.5) / 2)
    # two values settle little: the interval is cut
    assert by_feature["g"]["attribution_low"] == -1
    assert by_feature["g"]["attribution_high"] == 1


def test_separation_by_hand():
    """One cluster of each FOV tells the classes apart, the others hide it."""
    values = {
        "a1": [1.0, 9.0],
        "a2": [1.0, 3.0],
        "b1": [2.0, 8.0],
        "b2": [2.0, 2.0],
    }
    classes = {"a1": "A", "a2": "A", "b1": "B", "b2": "B"}
    found = class_separation(
        attributions({fov: [1.0, 0.0] for fov in values}, classes=classes),
        clusters({fov: {"f": x, "constant": [0.1, 0.1]} for fov, x in values.items()}),
    )

    row = found.filter(feature="f").row(0, named=True)
    assert (row["n_fovs"], row["n_classes"]) == (4, 2)
    assert row["eta_squared_weighted"] == pytest.approx(1)
    assert row["eta_squared_all"] == pytest.approx(0, abs=1e-12)
    constant = found.filter(feature="constant").row(0, named=True)
    assert constant["eta_squared_all"] is constant["eta_squared_weighted"] is None


def test_separation_is_the_correlation_ratio():
    rng = np.random.default_rng(1)
    values = {
        f"{name}{i}": rng.normal(shift, 1, 6) for name, shift in (("A", 0), ("B", 0.5), ("C", 1)) for i in range(5)
    }
    scores = {fov: rng.uniform(0.1, 1, 6) for fov in values}
    found = class_separation(
        attributions(scores, classes={fov: fov[0] for fov in values}),
        clusters({fov: {"f": x} for fov, x in values.items()}),
    ).row(0, named=True)
    for name, means in (
        ("eta_squared_all", {fov: x.mean() for fov, x in values.items()}),
        ("eta_squared_weighted", {fov: np.average(x, weights=scores[fov]) for fov, x in values.items()}),
    ):
        groups = [[mean for fov, mean in means.items() if fov[0] == letter] for letter in "ABC"]
        f = stats.f_oneway(*groups).statistic
        assert found[name] == pytest.approx(f * 2 / (f * 2 + 12))


def test_views_other_than_the_whole_are_left_out():
    table = pl.DataFrame({"view": [0, 1], "cluster_id": [0, 0], "f": [1.0, 100.0]})
    assert cluster_table({"a": table})["f"].to_list() == [1.0]
    assert explained_features(attributions({"a": [1.0]}), cluster_table({"a": table}))["mean"].to_list() == [1.0]


def test_keys_and_positions_are_no_features():
    table = clusters({"a": {"f": [1.0], "name": ["x"]}})
    assert explained_features(attributions({"a": [1.0]}), table)["feature"].to_list() == ["f"]
    assert explained_features(attributions({"a": [1.0]}), table, ["x_mean"])["feature"].to_list() == ["x_mean"]


@pytest.mark.parametrize(
    ("table", "features", "message"),
    [
        (attributions({"a": [1.0, 2.0]}), None, "found none for 1 scores of a: use the tables"),
        (attributions({"b": [1.0]}), None, "found none for 1 scores of b"),
        (attributions({"a": [1.0]}), ["g"], r"expected the features \['g'\], found the columns"),
        (attributions({"a": [1.0]}, "feature", ["f"]), None, "expected scores of clusters, found none"),
    ],
)
@pytest.mark.parametrize("function", [explained_features, class_separation])
def test_tables_that_do_not_fit(table, features, message, function):
    with pytest.raises(DataError, match=message):
        function(table, clusters({"a": {"f": [1.0]}}), features)


def test_no_fov():
    with pytest.raises(DataError, match="cluster tables of at least one FOV"):
        cluster_table({})


def test_tables_need_no_torch():
    code = "import sys, locgraph.explain.summary; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
