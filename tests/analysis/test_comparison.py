"""Network, classifiers and controls in one table."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.comparison import Entry, classifiers_as_entries, compare, controls_as_entries, runs_as_entries
from locgraph.analysis.cross_validation import CrossValidation
from locgraph.analysis.runs import FoldResult
from locgraph.stats.intervals import mean_interval, wilson_interval


def result(fold, right, wrong, **controls):
    metrics = {"accuracy": right / (right + wrong), "f1": 0.5, "loss": 0.1}
    confusion = np.array([[right, wrong], [0, 0]])
    return FoldResult(fold, Path(str(fold)), metrics, confusion, ("a", "b"), controls, {"count_alone": 0.25})


def test_rows_hold_means_intervals_and_folds():
    scores = {2: {"accuracy": 0.5, "f1": 0.4}, 0: {"accuracy": 1.0}}
    table = compare([Entry("classifier", "svm", "hand_made", scores, (6, 8))])

    assert table.select("metric", "n_folds").rows() == [("accuracy", 2), ("f1", 1)]
    first, second = table.to_dicts()
    expected, pooled = mean_interval([1.0, 0.5], (0, 1)), wilson_interval(6, 8)
    assert first["mean"] == 0.75
    assert first["standard_deviation"] == pytest.approx(np.std([1.0, 0.5], ddof=1))
    assert (first["interval_low"], first["interval_high"]) == (expected.low, expected.high)
    assert (first["pooled"], first["pooled_low"], first["pooled_high"]) == (0.75, pooled.low, pooled.high)
    assert (first["fold_0"], first["fold_2"]) == (1.0, 0.5)
    assert (second["fold_0"], second["interval_low"], second["pooled"]) == (None, None, None)


def test_metrics_come_one_after_the_other_and_methods_in_their_order():
    entries = [Entry("network", name, "graph", {0: {"f1": 1.0, "accuracy": 1.0}}) for name in ("one", "two")]

    assert compare(entries).select("metric", "name").rows() == [
        ("accuracy", "one"),
        ("accuracy", "two"),
        ("f1", "one"),
        ("f1", "two"),
    ]
    assert compare([]).is_empty()


def test_the_network_and_its_controls_are_read_from_runs():
    results = {0: result(0, 3, 1, count_alone=0.5), 1: result(1, 4, 0, count_alone=0.25)}
    network, control = runs_as_entries(results, {0: list("abcd"), 1: list("efgh")})

    assert (network.kind, network.right) == ("network", (7, 8))
    assert network.scores == {0: {"accuracy": 0.75, "f1": 0.5}, 1: {"accuracy": 1.0, "f1": 0.5}}
    assert (control.name, control.right) == ("count_alone", (3, 8))
    assert control.scores[1] == {"accuracy": 0.25, "balanced_accuracy": 0.25}
    assert runs_as_entries({}, {}) == []


def test_fovs_that_are_tested_twice_or_unknown_are_not_pooled():
    results = {0: result(0, 3, 1), 1: result(1, 4, 0)}

    assert runs_as_entries(results, {0: list("abcd"), 1: list("abcd")})[0].right is None
    assert runs_as_entries(results, {0: list("abcd")})[0].right is None
    rows = {0: [{"control": "majority_class", "accuracy": 0.5}]}
    assert controls_as_entries(rows, {})[0].right is None


def test_classifiers_are_pooled_where_no_fov_is_tested_twice():
    scores = pl.DataFrame(
        {"classifier": ["svm"] * 2, "fold": [0, 1], "accuracy": [1.0, 0.0], "balanced_accuracy": [1.0, 0.0]}
        | {"f1": [1.0, 0.0], "auroc": [0.5, None]}
    )
    predictions = pl.DataFrame(
        {"classifier": ["svm"] * 2, "fold": [0, 1], "fov_id": ["x", "y"], "truth": ["a", "a"], "prediction": ["a", "b"]}
    )

    (entry,) = classifiers_as_entries(CrossValidation(scores, predictions, {}, ()), "learned")
    assert (entry.right, entry.features) == ((1, 2), "learned")
    assert "auroc" not in entry.scores[1]
    twice = predictions.with_columns(fov_id=pl.lit("x"))
    assert classifiers_as_entries(CrossValidation(scores, twice, {}, ()), "learned")[0].right is None
