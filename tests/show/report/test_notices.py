"""Notices on what limits the numbers."""

import dataclasses

import numpy as np
import pytest

from locgraph.show.report.notices import notices


def texts_of(source, level=None):
    return [note.text for note in notices(source) if level is None or note.level == level]


def has(texts, start):
    return any(text.startswith(start) for text in texts)


def test_a_missing_fold_comes_first(sweep):
    sweep.edit(1, status="failed", reason="out of memory")

    first = notices(sweep.read())[0]

    assert first.level == "warning"
    assert first.text.startswith("Incomplete: fold 1 of 3 is missing. All numbers leave them out. fold 1: ")
    assert "out of memory" in first.text


def test_a_fold_without_predictions_is_said(sweep):
    (sweep.folder / "1" / "predictions.parquet").unlink()

    (text,) = texts_of(sweep.read(), "missing")

    assert text.startswith("Calibration, maps and gallery leave out folds without predictions. fold 1: ")


def test_failed_fovs_few_fovs_and_no_groups(source):
    texts = texts_of(source)

    assert "1 FOV could not be used and was left out. X_0: no localisation is left" in texts
    assert has(texts, "The data set has 12 FOVs")
    assert has(texts, "Fewer than 10 test FOVs of T (6), L (6)")
    assert has(texts, "No groups are known")


@pytest.mark.parametrize(
    ("confusion", "expected"),
    [
        ([[4, 0], [0, 0]], "All test cases are of one class, T"),
        ([[40, 0], [0, 10]], "Classes are of unequal size"),
    ],
)
def test_classes(source, confusion, expected):
    summary = dataclasses.replace(source.summary, confusion=np.array(confusion))

    assert has(texts_of(dataclasses.replace(source, summary=summary)), expected)


def test_a_class_that_is_not_tested(source):
    confusion = np.diag([20, 20, 0])
    summary = dataclasses.replace(source.summary, class_names=("T", "L", "O"), confusion=confusion)

    assert "No test case is of class O." in texts_of(dataclasses.replace(source, summary=summary), "warning")


def controls(accuracy):
    names = ("pair_distances_and_count", "count_alone")
    rows = [{"control": name, "accuracy": accuracy, "balanced_accuracy": accuracy} for name in names]
    return [*rows, {"control": "majority_class", "accuracy": 0.5, "balanced_accuracy": 0.5}]


def test_a_model_that_does_not_beat_its_controls(sweep):
    for fold in range(3):
        sweep.edit(fold, controls=controls(0.9))

    texts = texts_of(sweep.read())

    assert has(texts, "The model does not beat its best control, pair distances and count (0.900)")
    assert has(texts, "The number of localisations alone predicts 0.900 of the FOVs correctly")


def test_a_model_that_may_be_ahead_by_chance(source):
    texts = texts_of(source)

    assert has(texts, "The model is ahead of its best control, pair distances and count, by 0.250, which may be chance")
    assert not has(texts, "The number of localisations alone")


def test_a_model_that_is_far_ahead_needs_no_notice(sweep):
    for fold in range(3):
        sweep.edit(fold, controls=controls(0.5), test={"accuracy": 0.95 + fold / 100, "balanced_accuracy": 0.95})

    assert not has(texts_of(sweep.read()), "The model is")


def test_no_controls(sweep):
    for fold in range(3):
        sweep.edit(fold, controls=[])

    assert has(texts_of(sweep.read(), "missing"), "There are no controls to compare with")


def test_a_single_run(sweep):
    assert has(texts_of(sweep.read_fold(1)), "One run, fold 1 of 3")


def test_different_versions(source):
    runs = list(source.runs)
    runs[0] = dataclasses.replace(runs[0], record={"versions": {"torch": "9"}})

    assert has(texts_of(dataclasses.replace(source, runs=tuple(runs))), "Folds were made with different versions of")
