"""Runs of several seeds, of groups, and beside classifiers of an analysis, in one summary."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.sweeps.compared_sweeps import compare_with_controls
from locgraph.analysis.sweeps.fold_numbers import FoldNumbers
from locgraph.analysis.sweeps.rivals import read_rivals
from locgraph.analysis.sweeps.runs import Failure, find_families, find_repeats, read_run
from locgraph.analysis.sweeps.summary import summarise
from locgraph.stats.intervals import mean_interval, wilson_interval
from locgraph.stats.pooled import pooled_accuracy, pooled_difference

CLASSES = ("one", "two")
SIZE = 10


def predictions(fold, wrong=()):
    """FOVs 10 * fold to 10 * fold + 9, in turn of each class; ``wrong`` are positions."""
    names = [f"f{SIZE * fold + place:02}" for place in range(SIZE)]
    truth = [CLASSES[place % 2] for place in range(SIZE)]
    predicted = [CLASSES[(place + (place in wrong)) % 2] for place in range(SIZE)]
    return pl.DataFrame({"fov_id": names, "fold": fold, "truth": truth, "prediction": predicted})


def write_run(folder, fold, wrong=(), seed=0, fold_seed=0, group=None, control=None, n_folds=2):
    """A completed run, which tests ten FOVs, with the wrong ones of the model and of ``count_alone``."""
    folder.mkdir(parents=True)
    table = predictions(fold, wrong)
    counts = table.group_by("truth", "prediction").len()
    confusion = [[counts.filter(truth=a, prediction=b)["len"].sum() for b in CLASSES] for a in CLASSES]
    if group is not None:
        table = table.with_columns(group=pl.Series([group(SIZE * fold + place) for place in range(SIZE)]))
    table.with_columns(split=pl.lit("test")).write_parquet(folder / "predictions.parquet")
    controls = []
    if control is not None:
        predictions(fold, control).drop("fold").with_columns(control=pl.lit("count_alone")).write_parquet(
            folder / "control_predictions.parquet"
        )
        controls.append({"control": "count_alone", "accuracy": 1 - len(control) / SIZE})
    metrics = {
        "status": "completed",
        "experiment": "small",
        "fold": fold,
        "n_folds": n_folds,
        "class_names": CLASSES,
        "test": {"accuracy": 1 - len(wrong) / SIZE, "balanced_accuracy": 1 - len(wrong) / SIZE, "loss": 0.1},
        "confusion_matrix": confusion,
        "controls": controls,
        "fovs": {"train": 30, "val": 10, "test": SIZE},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    overrides = [f"fold.index={fold}", f"seed={seed}", f"fold.seed={fold_seed}", "model=a"]
    about = {"family": f"{seed} {fold_seed}", "repeats": "r", "seed": seed, "fold_seed": fold_seed}
    (folder / "run.json").write_text(json.dumps(about | {"overrides": overrides, "n_folds": n_folds}))
    return folder


def summary_of(folders, n_folds=2, rivals=None):
    return summarise([read_run(folder) for folder in folders], range(n_folds), rivals)


def model_of(summary, metric="accuracy"):
    return summary.table.filter(source="model", metric=metric).row(0, named=True)


def test_seeds_are_averaged_within_a_fold_before_folds_are_compared(tmp_path):
    wrong = {(0, 0): [0], (0, 1): [0, 2, 4], (1, 0): [], (1, 1): [1, 3]}
    folders = [write_run(tmp_path / f"{fold}-{seed}", fold, places, seed) for (fold, seed), places in wrong.items()]

    summary = summary_of(folders)

    row = model_of(summary)
    assert (row["n_folds"], row["n_runs"]) == (2, 4)
    assert (row["fold_0"], row["fold_1"]) == pytest.approx((0.8, 0.9))
    assert row["seed_deviation"] == pytest.approx(np.sqrt((np.var([0.9, 0.7], ddof=1) + np.var([1, 0.8], ddof=1)) / 2))
    # two folds, not four runs
    expected = mean_interval([0.8, 0.9], 10 / 40, (0.0, 1.0))
    assert (row["mean"], row["interval_low"]) == pytest.approx((0.85, expected.low))
    assert (summary.seeds, summary.fold_seeds, summary.complete) == ((0, 1), (0,), True)
    # 20 FOVs, not 40 tests
    fovs = pooled_accuracy(np.full(20, 0.85), np.zeros(20), np.arange(20), None)
    assert (summary.pooled.low, summary.pooled.high) == pytest.approx((fovs.low, fovs.high))
    assert "over 2 folds, 2 seeds" in summary.headline()


def test_draws_of_the_folds_are_folds_of_their_own(tmp_path):
    folders = [
        write_run(tmp_path / f"{seed}-{fold}", fold, [0] * fold, seed, seed) for seed in (0, 1) for fold in (0, 1)
    ]

    summary = summary_of(folders[:3])

    assert summary.expected_folds == (0, 1, 2, 3)
    assert summary.folds()["model"] == {0: 1.0, 1: 0.9, 2: 1.0}
    assert summary.missing == [3]
    # each of 20 FOVs counts once, however many draws test it
    known = pooled_accuracy(np.repeat([1, 0, 1], [10, 1, 19]), np.zeros(30), np.arange(30) % 20, None)
    assert summary.pooled.low == pytest.approx(known.low)


def test_the_run_of_a_seed_that_is_missing_is_named(tmp_path):
    first = read_run(write_run(tmp_path / "0", 0))
    others = [read_run(write_run(tmp_path / "1", 1)), read_run(write_run(tmp_path / "2", 0, seed=1))]

    summary = summarise([first, *others, Failure(Path("late"), "out of memory", 1, 1, 0)], range(2))

    assert summary.reasons == {1: "seed 1: out of memory (late)"}
    assert FoldNumbers.of([first], [], [0, 1]).missing({0: [first]}, []) == {1: "no run of it was found"}


@pytest.mark.parametrize("n_groups", [2, 5, 10])
def test_fovs_of_a_patient_are_not_independent(tmp_path, n_groups):
    owners = np.array([f"p{place * n_groups // 20}" for place in range(20)])
    folders = [write_run(tmp_path / str(fold), fold, group=owners.__getitem__, control=[0, 1]) for fold in (0, 1)]

    summary = summary_of(folders)

    row, lead = model_of(summary), summary.lead_over("count_alone")
    assert (row["mean"], lead.estimate) == pytest.approx((1, 0.2))
    if n_groups < 5:
        assert (row["interval_low"], lead.low, summary.pooled.low) == (None, None, None)
        for text in (row["no_interval"], lead.reason, summary.pooled.reason, summary.recalls()["one"].reason):
            assert text.startswith("only 2 groups tested")
        assert "no interval: only 2 groups tested" in summary.headline()
    else:
        assert row["interval_low"] < wilson_interval(n_groups, n_groups).low < wilson_interval(20, 20).low
        differences = np.array([float(place % SIZE < 2) for place in range(20)])
        paired = pooled_difference(differences, np.zeros(20), np.arange(20), owners)
        assert lead.low == pytest.approx(paired.low)


def test_five_equal_folds_are_no_certainty(tmp_path):
    folders = [write_run(tmp_path / str(fold), fold, [3], control=[3], n_folds=5) for fold in range(5)]

    summary = summary_of(folders, 5)

    row, expected = model_of(summary), wilson_interval(45, 50)
    assert row["standard_deviation"] == pytest.approx(0)
    assert (row["interval_low"], row["interval_high"]) == pytest.approx((expected.low, expected.high))
    assert model_of(summary, "loss")["no_interval"] == "all folds are equal"
    lead = summary.lead_over("count_alone")
    assert lead.estimate == 0
    assert lead.high == -lead.low == pytest.approx(1.959964 / 52)
    assert "the model does not beat it" in summary.headline()
    assert compare_with_controls(summary, "accuracy", 0.01).table["interval_low"][0] == lead.low


def test_the_best_control_is_the_best_of_all_that_ran(tmp_path):
    folders = [write_run(tmp_path / str(fold), fold, [1], control=[0, 1, 2, 3]) for fold in (0, 1)]
    right = pl.concat([predictions(fold) for fold in (0, 1)]).with_columns(classifier=pl.lit("random_forest"))
    learned = right.with_columns(features=pl.lit("learned"), classifier=pl.lit("svm"))
    (tmp_path / "analysis").mkdir()
    pl.concat([right.with_columns(features=pl.lit("hand_made")), learned], how="diagonal").write_csv(
        tmp_path / "analysis" / "classifier_predictions.csv"
    )

    alone = summary_of(folders)
    rivals = read_rivals([tmp_path / "nothing", tmp_path / "analysis"])
    summary = summary_of(folders, rivals=rivals)

    assert alone.best_control() == ("count_alone", pytest.approx(0.6))
    assert "The only simple classifier that ran is `count_alone`" in alone.headline()
    assert "it was not run on these folds" in alone.headline()
    assert summary.best_control() == ("random_forest (analyse)", 1.0)
    assert summary.lead_over("random_forest (analyse)").estimate == pytest.approx(-0.1)
    assert "The best of the 2 simple classifiers that ran is `random_forest (analyse)`, 1.000" in summary.headline()
    assert "not run" not in summary.headline()
    # of other FOVs, or of some folds alone, it is no rival
    for others in (rivals.filter(fold=0), rivals.with_columns(fov_id=pl.format("g{}", "fov_id"))):
        assert not summary_of(folders, rivals=others).analysed


def test_runs_of_several_seeds_are_found_together(tmp_path):
    for seed in (0, 1):
        for fold in (0, 1):
            write_run(tmp_path / f"{seed}-{fold}", fold, seed=seed)

    assert [(family.name, len(family.folders)) for family in find_families(tmp_path)] == [("seed=0", 2), ("seed=1", 2)]
    (repeats,) = find_repeats(tmp_path)
    assert (len(repeats.folders), repeats.n_folds) == (4, 2)
