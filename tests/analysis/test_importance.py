"""Permutation importance against scikit-learn, and where the answer is known."""

import numpy as np
import pytest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression

from locgraph.analysis.classifiers import TunedClassifier
from locgraph.analysis.cross_validation import Samples, cross_validate, make_folds
from locgraph.analysis.importance import drop, importance


@pytest.fixture(scope="module")
def folds():
    """Column ``x`` predicts the class, twice; ``noise`` does not."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 60)
    signal = 2.0 * (labels == "b") + rng.normal(0, 0.5, 120)
    values = np.stack([signal, signal + rng.normal(0, 0.01, 120), rng.normal(size=120)], axis=1)
    names = tuple(f"f{index:03d}" for index in range(120))
    return make_folds(Samples(names, ("mean_x", "q50_x", "noise"), values, labels, None), 3, seed=0)[0]


@pytest.fixture(scope="module")
def results(folds):
    return cross_validate(folds, {"logistic": TunedClassifier(LogisticRegression())}, 3, seed=0)


def test_importance_is_that_of_scikit_learn(folds, results):
    fold = folds[0]
    values, labels = fold.samples.values[fold.test_rows], fold.samples.labels[fold.test_rows]
    pipeline = results.fits["logistic", 0].pipeline

    theirs = permutation_importance(
        pipeline, values, labels, scoring="balanced_accuracy", n_repeats=300, random_state=0
    )

    for column in range(3):
        own = drop(pipeline, values, labels, np.array([column]), 300, np.random.default_rng(1))
        assert own == pytest.approx(theirs.importances_mean[column], abs=0.015)


def test_redundant_statistics_are_shuffled_together(folds, results):
    table = importance(results, folds, {"mean_x": "x", "q50_x": "x"}, repeats=20, seed=0)

    rows = {(row["level"], row["name"]): row["importance"] for row in table.to_dicts()}
    assert table["name"].to_list()[:2] == ["x", "noise"]
    # without any knowledge of x half of the FOVs are right; alone, each copy leaves the other
    assert rows["feature", "x"] == pytest.approx(0.5, abs=0.06)
    assert rows["statistic", "mean_x"] < rows["feature", "x"] - 0.1
    assert abs(rows["feature", "noise"]) < 0.03


def test_a_block_is_shuffled_the_same_whatever_else_there_is(folds, results):
    alone, together = (
        importance(results, folds, names, repeats=3, seed=0) for names in ({}, {"mean_x": "x", "q50_x": "x"})
    )

    def of(table):
        return {row["name"]: row["importance"] for row in table.to_dicts() if row["level"] == "statistic"}

    assert of(alone) == of(together)


def test_without_fitted_classifiers_the_table_is_empty(folds):
    table = importance(cross_validate(folds, {}, 3, seed=0), folds, {}, repeats=1, seed=0)

    assert table.is_empty()
    assert "importance" in table.columns
