import json

import numpy as np
import pytest

from locgraph.analysis.sweeps.runs import Failure, FoldResult, read_run

CONTENT = {
    "status": "completed",
    "reason": None,
    "experiment": "digits",
    "fold": 2,
    "n_folds": 5,
    "class_names": ["one", "two"],
    "test": {"accuracy": 0.75, "balanced_accuracy": 0.7, "f1": 0.7, "auroc": None, "loss": 0.4},
    "val": {"accuracy": 0.8},
    "confusion_matrix": [[3, 1], [0, 0]],
    "controls": [
        {"control": "count_alone", "accuracy": 0.5, "balanced_accuracy": 0.4},
        {"control": "majority_class", "accuracy": 0.25},
    ],
    "seconds": {"fit": 1.5},
}


def write(folder, **changes):
    (folder / "metrics.json").write_text(json.dumps(CONTENT | changes), encoding="utf-8")
    return read_run(folder)


def test_a_completed_run(tmp_path):
    found = write(tmp_path)
    assert isinstance(found, FoldResult)
    assert (found.fold, found.n_folds, found.experiment, found.folder) == (2, 5, "digits", tmp_path)
    assert found.class_names == ("one", "two")
    # A metric that could not be computed is absent, not a number.
    assert found.metrics == {"accuracy": 0.75, "balanced_accuracy": 0.7, "f1": 0.7, "loss": 0.4}
    np.testing.assert_array_equal(found.confusion, [[3, 1], [0, 0]])
    assert found.controls == {"count_alone": 0.5, "majority_class": 0.25}
    assert found.controls_balanced == {"count_alone": 0.4}
    # neither null nor NaN is a number
    assert write(tmp_path, test={"accuracy": 0.5, "auroc": float("nan")}).metrics == {"accuracy": 0.5}
    assert write(tmp_path, controls=None).controls == {}


def test_a_failed_run_keeps_its_fold_and_reason(tmp_path):
    found = write(tmp_path, status="failed", reason="out of memory", test=None)
    assert found == Failure(tmp_path, "status 'failed': out of memory", 2)


def test_no_file(tmp_path):
    found = read_run(tmp_path / "absent")
    assert found.fold is None
    assert "no metrics.json" in found.reason


@pytest.mark.parametrize(("text", "reason"), [('{"status": "comp', "cannot be read"), ("[1]", "found list")])
def test_a_broken_file(tmp_path, text, reason):
    (tmp_path / "metrics.json").write_text(text)
    found = read_run(tmp_path)
    assert isinstance(found, Failure)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"confusion_matrix": [[1, 2]]}, "shape (1, 2)"),
        ({"confusion_matrix": [[0, 0], [0, 0]]}, "at least one FOV"),
        ({"confusion_matrix": [[5, 0], [-1, 0]]}, "none negatively"),
        ({"test": {"accuracy": "high"}}, "high"),
        ({"test": None}, "not iterable"),
        ({"controls": [{"accuracy": 1.0}]}, "control"),
        ({"class_names": None}, "TypeError"),
    ],
)
def test_content_that_does_not_fit_is_a_failure_of_that_fold(tmp_path, changes, reason):
    found = write(tmp_path, **changes)
    assert isinstance(found, Failure)
    assert found.fold == 2
    assert reason in found.reason
