"""Network, classifiers and controls in one table."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.comparison import Entry, classifiers_as_entries, compare, controls_as_entries, runs_as_entries
from locgraph.analysis.cross_validation import CrossValidation
from locgraph.analysis.sweeps.outcomes import COLUMNS
from locgraph.analysis.sweeps.runs import FoldResult
from locgraph.stats.intervals import mean_interval, wilson_interval


def result(fold, right, wrong, **controls):
    metrics = {"accuracy": right / (right + wrong), "f1": 0.5, "loss": 0.1}
    confusion = np.array([[right, wrong], [0, 0]])
    return FoldResult(fold, Path(str(fold)), metrics, confusion, ("a", "b"), controls, {"count_alone": 0.25})


def outcomes(*fovs, name="svm", group=None):
    """Rows of fold, FOV and whether it is right."""
    rows = [(name, fold, fov, group, "a", float(right)) for fold, fov, right in fovs]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def test_rows_hold_means_intervals_and_folds():
    scores = {2: {"accuracy": 0.5, "f1": 0.4}, 0: {"accuracy": 1.0}}
    right = [(fold, f"{fold}_{place}", fold == 0 or place < 2) for fold in (0, 2) for place in range(4)]
    table = compare([Entry("classifier", "svm", "hand_made", scores, outcomes(*right))], overlap=0.25)

    assert table.select("metric", "n_folds").rows() == [("accuracy", 2), ("f1", 1)]
    first, second = table.to_dicts()
    expected, pooled = mean_interval([1.0, 0.5], 0.25, (0, 1)), wilson_interval(6, 8)
    assert first["mean"] == 0.75
    assert first["standard_deviation"] == pytest.approx(np.std([1.0, 0.5], ddof=1))
    assert (first["interval_low"], first["interval_high"]) == (expected.low, expected.high)
    assert (first["pooled"], first["pooled_low"]) == pytest.approx((0.75, pooled.low))
    assert (first["fold_0"], first["fold_2"]) == (1.0, 0.5)
    assert (second["fold_0"], second["interval_low"], second["pooled"]) == (None, None, None)
    assert "one fold" in second["no_interval"]


def test_equal_folds_and_groups_have_intervals_of_the_fovs():
    scores = {fold: {"accuracy": 1.0} for fold in range(5)}
    right = [(fold, f"{fold}_{place}", True) for fold in range(5) for place in range(10)]

    def low(table):
        return compare([Entry("classifier", "svm", "hand_made", scores, table)], 0.25)["interval_low"].item()

    by_patient = outcomes(*right).with_columns(group=pl.format("p{}", pl.col("fold")))
    assert low(outcomes(*right)) == pytest.approx(wilson_interval(50, 50).low)
    assert low(by_patient) < wilson_interval(5, 5).low
    assert low(by_patient.with_columns(group=pl.lit("p"))) is None
    assert low(pl.DataFrame(schema=COLUMNS)) is None


def test_metrics_come_one_after_the_other_and_methods_in_their_order():
    entries = [Entry("network", name, "graph", {0: {"f1": 1.0, "accuracy": 1.0}}) for name in ("one", "two")]

    assert compare(entries, 0.25).select("metric", "name").rows() == [
        ("accuracy", "one"),
        ("accuracy", "two"),
        ("f1", "one"),
        ("f1", "two"),
    ]
    assert compare([], 0.25).is_empty()


def test_the_network_and_its_controls_are_read_from_runs():
    results = {0: result(0, 3, 1, count_alone=0.5), 1: result(1, 4, 0, count_alone=0.25)}
    network, control = runs_as_entries(results)

    assert (network.kind, network.outcomes["correct"].sum(), network.outcomes.height) == ("network", 7, 8)
    assert network.scores == {0: {"accuracy": 0.75, "f1": 0.5}, 1: {"accuracy": 1.0, "f1": 0.5}}
    assert (control.name, control.outcomes["correct"].sum(), control.outcomes.height) == ("count_alone", 3, 8)
    assert control.scores[1] == {"accuracy": 0.25, "balanced_accuracy": 0.25}
    assert runs_as_entries({}) == []


def test_controls_and_classifiers_bring_outcomes_with_groups():
    predictions = pl.DataFrame({"fov_id": ["x", "y"], "truth": ["a", "a"], "prediction": ["a", "b"]})
    groups = {"x": "p", "y": "q"}
    scores = pl.DataFrame(
        {"classifier": ["svm"] * 2, "fold": [0, 1], "accuracy": [1.0, 0.0], "balanced_accuracy": [1.0, 0.0]}
        | {"f1": [1.0, 0.0], "auroc": [0.5, None]}
    )
    fitted = predictions.with_columns(classifier=pl.lit("svm"), fold=pl.Series([0, 1]))

    (control,) = controls_as_entries({3: predictions.with_columns(control=pl.lit("count_alone"))}, groups)
    (classifier,) = classifiers_as_entries(CrossValidation(scores, fitted, {}, ()), "learned", groups)

    assert control.scores == {3: {"accuracy": 0.5, "balanced_accuracy": 0.5}}
    assert control.outcomes.rows() == [("count_alone", 3, "x", "p", "a", 1.0), ("count_alone", 3, "y", "q", "a", 0.0)]
    assert "auroc" not in classifier.scores[1]
    assert classifier.outcomes.select("fold", "group", "correct").rows() == [(0, "p", 1.0), (1, "q", 0.0)]
