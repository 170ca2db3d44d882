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


def test_warnings_of_runs_are_shown_once_with_their_folds(sweep):
    for fold in range(3):
        sweep.edit(fold, warnings=["1 FOV is far from the rest"] + ["features [x] without spread"] * (fold == 1))

    texts = texts_of(sweep.read(), "warning")

    assert "1 FOV is far from the rest." in texts
    assert "Features [x] without spread. (folds 1)" in texts


def test_different_versions(source):
    runs = list(source.runs)
    runs[0] = dataclasses.replace(runs[0], record={"versions": {"torch": "9"}})

    assert has(texts_of(dataclasses.replace(source, runs=tuple(runs))), "Folds were made with different versions of")


def test_classes_that_no_fov_validates_are_named(source):
    first, *others = source.runs
    sides = {"train": ("T_0", "L_1"), "val": ("T_2",), "test": ("L_3", "T_4")}
    changed = (dataclasses.replace(first, split=sides), *others)

    assert not has(texts_of(source), "No validation FOV")
    assert "No validation FOV is of L in fold 0: the epoch is chosen without it." in texts_of(
        dataclasses.replace(source, runs=changed), "warning"
    )


@pytest.mark.parametrize(
    ("confusion", "expected"),
    [
        ([[4, 0, 0], [0, 0, 0], [0, 0, 0]], "All test cases are of one class, T"),
        ([[40, 0, 0], [0, 10, 0], [0, 0, 0]], "Classes are of unequal size"),
        ([[20, 0, 0], [0, 20, 0], [0, 0, 0]], "No test case is of class O."),
    ],
)
def test_absent_and_unequal_classes_are_named(source, confusion, expected):
    summary = dataclasses.replace(source.summary, class_names=("T", "L", "O"), confusion=np.array(confusion))

    assert has(texts_of(dataclasses.replace(source, summary=summary)), expected)


@pytest.mark.parametrize(
    ("controls", "test", "expected"),
    [
        ([], None, {"There are no controls to compare with"}),
        (
            [0.9],
            None,
            {"The model does not beat the best simple", "The number of localisations alone predicts 0.900"},
        ),
        ([0.5], None, {"The model is ahead of the best simple classifier"}),
        ([0.5], 0.95, set()),
    ],
)
def test_the_model_is_compared_with_its_controls(sweep, controls, test, expected):
    starts = {
        "There are no controls to compare with",
        "The model does not beat the best simple",
        "The number of localisations alone predicts 0.900",
        "The model is ahead of the best simple classifier",
    }
    rows = [{"control": "count_alone", "accuracy": score, "balanced_accuracy": score} for score in controls]
    majority = [{"control": "majority_class", "accuracy": 0.5, "balanced_accuracy": 0.5}] if controls else []
    for fold in range(3):
        scores = {} if test is None else {"test": {"accuracy": test + fold / 100, "balanced_accuracy": test}}
        sweep.edit(fold, controls=[*rows, *majority], **scores)

    texts = texts_of(sweep.read())

    assert {start for start in starts if has(texts, start)} == expected


def test_one_run_does_not_tell_how_much_folds_differ(sweep):
    assert has(texts_of(sweep.read_fold(1)), "One run, fold 1 of 3")
