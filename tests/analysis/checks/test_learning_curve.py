"""Learning curves of known laws: intervals that hold the truth, words, runs of several sizes, controls alone."""

import json

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.control_folds import ControlFolds
from locgraph.analysis.checks.learning_curve import (
    Curve,
    curves_of_controls,
    draw_part,
    learning_curve,
    needed_words,
)
from locgraph.api.studies.studies import study
from locgraph.errors import ConfigError, DataError
from locgraph.show.figures.learning_curve import learning_curve_figure
from locgraph.stats.intervals import Interval

SIZES = np.array([20.0, 40.0, 80.0, 160.0, 320.0])


def curve(accuracies, source="model", sizes=SIZES, n_tests=500):
    """Accuracies (sizes, folds)."""
    ends = [Interval(float(row.mean()), float(row.mean()) - 0.05, float(row.mean()) + 0.05) for row in accuracies]
    return Curve(source, sizes, accuracies, ends, n_tests, 0.25)


def noisy(rng, n_folds=5, n_test=100):
    errors = 1.4 * SIZES**-0.55 + 0.02
    return 1 - rng.binomial(n_test, np.repeat(errors[:, None], n_folds, axis=1)) / n_test


def test_the_intervals_hold_the_truth():
    """The number of FOVs for 0.9 and the error with 640 of them, in at least 95 of 100 data sets."""
    rng = np.random.default_rng(0)
    truth = (1.4 / (0.1 - 0.02)) ** (1 / 0.55)
    number, twice = [], []
    for _ in range(100):
        rows = learning_curve([curve(noisy(rng))], 0.9).table
        number.append(rows["needed_low"][0] <= truth <= rows["needed_high"][0])
        row = rows.filter(n_train=640.0).row(0, named=True)
        twice.append(row["fit_low"] <= 1 - 1.4 * 640**-0.55 - 0.02 <= row["fit_high"])
    assert np.mean(number) >= 0.95
    assert np.mean(twice) >= 0.95


def test_a_clean_curve_by_hand():
    folds = np.tile((1 - 2 * SIZES**-0.5)[:, None], 3) + np.array([-0.002, 0, 0.002])
    check = learning_curve([curve(folds, n_tests=100_000), curve(folds - 0.1, "count_alone")], 0.9)
    first = check.table.filter(source="model")
    assert first["needed"][0] == pytest.approx(400, rel=0.03)
    assert first["accuracy"].to_list()[:5] == pytest.approx((1 - 2 * SIZES**-0.5).tolist())
    assert first["n_train"].to_list()[5:] == [448.0, 640.0, 896.0, 1280.0]
    assert first["accuracy"].null_count() == 4
    np.testing.assert_allclose(first["fit"], 1 - 2 * first["n_train"].to_numpy() ** -0.5, atol=0.005)
    assert check.sentence.startswith("With 320 training FOVs the model reaches 0.888 (0.838 to 0.938); twice as many")
    assert "An accuracy of 0.9 takes about 4" in check.sentence
    axes = learning_curve_figure(check).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["model", "count alone"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["20", "40", "80", "160", "320", "1280"]


@pytest.mark.parametrize(
    ("needed", "low", "high", "words"),
    [
        (400, 300, 600, "takes about 400 (95 % interval 300 to 600)."),
        (60, 5, 90, "takes about 60 (95 % interval fewer than 20 to 90)."),
        (5, 0, 12, "takes fewer than 20, the smallest number that was tried."),
        (
            400,
            100,
            np.inf,
            "takes about 400 by the fitted curve, but the curve does not tell: the 95 % interval is 100 to more than "
            "3200.",
        ),
        (
            np.inf,
            900,
            np.inf,
            "takes a number that the curve does not tell: the 95 % interval is 900 to more than 3200.",
        ),
        (np.inf, np.inf, np.inf, "takes more than 3200, or is never reached: the curve levels off."),
    ],
)
def test_what_the_curve_tells_and_what_it_does_not(needed, low, high, words):
    row = {"target": 0.95, "needed": needed, "needed_low": low, "needed_high": high}
    assert needed_words(row, largest=320, smallest=20) == f"An accuracy of 0.95 {words}"


def test_too_few_sizes_or_folds_have_no_law():
    rng = np.random.default_rng(1)
    for changed, reason in ((noisy(rng)[:3], "at least 4 training sizes"), (noisy(rng, 1), "one fold does not show")):
        check = learning_curve([curve(changed, sizes=SIZES[: len(changed)])])
        assert check.table["needed"].null_count() == check.table.height == len(changed)
        assert reason in check.warnings[0]
        assert check.sentence.endswith("how many an accuracy of 0.95 takes, these numbers do not tell.")
        assert not learning_curve_figure(check).axes[0].collections[1:]
    with pytest.raises(ConfigError, match=r"^target: expected an accuracy between 0 and 1, found 95"):
        learning_curve([curve(noisy(rng))], 95)
    with pytest.raises(DataError, match="at least one curve"):
        learning_curve([])


# -- controls alone ----------------------------------------------------------------------------------------------------


def control_folds(groups=None, n=120):
    rng = np.random.default_rng(2)
    labels = np.tile(["a", "b"], n // 2)
    values = rng.normal(size=(n, 8)) + 0.7 * (labels == "b")[:, None]
    rows = np.arange(n)
    plan = {fold: (rows[rows // 2 % 3 != fold], rows[rows // 2 % 3 == fold]) for fold in range(3)}
    features = {"count_alone": rng.normal(size=(n, 1)), "pair_distances": values}
    return ControlFolds(tuple(map(str, rows)), labels, groups, features, plan)


def test_more_training_fovs_help_where_there_is_something_to_learn():
    best, other = curves_of_controls(control_folds())
    assert (best.source, other.source) == ("pair_distances", "count_alone")
    assert best.sizes[[0, -1]].tolist() == [6, 80]
    assert best.folds.shape == (len(best.sizes), 3)
    means = best.folds.mean(axis=1)
    assert means[-1] > means[0] + 0.05
    assert abs(other.folds.mean() - 0.5) < 0.1
    assert best.n_tests == 120


def test_few_fovs_are_of_few_groups():
    groups = np.array([f"g{row // 2 // 3 // 4}" for row in range(120)], dtype=object)
    folds = control_folds(groups)
    train = folds.folds[0][0]
    small, large = draw_part(folds, train, 4, seed=0), draw_part(folds, train, 12, seed=0)
    assert (folds.labels[small] == "a").sum() == (folds.labels[small] == "b").sum() == 4
    assert set(small) < set(large)
    assert len(set(groups[small])) == 1
    assert len(set(groups[draw_part(control_folds(), train, 4, seed=0)])) > 1


# -- studies -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sizes(tmp_path, write_tables, write_runs):
    """Five sweeps of three folds with 4, 6, 8, 10 and 14 training FOVs."""
    tables = write_tables(tmp_path / "tables", {"a": 10, "b": 12})
    studies = []
    for place, number in enumerate((4, 6, 8, 10, 14)):
        scores = {"accuracy": 0.6 + 0.08 * place, "balanced_accuracy": 0.5}
        controls = [{"control": name, "accuracy": 0.4 + 0.05 * place} for name in ("count_alone", "majority_class")]
        fovs = {"train": number - 2, "val": 2, "test": 7}
        folder = write_runs(tmp_path / str(number), tables, 3, range(3), test=scores, controls=controls, fovs=fovs)
        for fold in range(3):
            path = folder / str(fold) / "metrics.json"
            metrics = json.loads(path.read_text())
            metrics["test"]["accuracy"] += 0.01 * fold
            path.write_text(json.dumps(metrics))
        studies.append(study(folder))
    return studies


def test_runs_of_several_sizes_with_their_controls(sizes):
    largest, *others = sizes[::-1]
    check = largest.learning_curve(*others, target=0.9)
    model = check.table.filter(pl.col("source") == "model", pl.col("accuracy").is_not_null())
    assert model["n_train"].to_list() == [4, 6, 8, 10, 14]
    assert model["accuracy"].to_list() == pytest.approx([0.61, 0.69, 0.77, 0.85, 0.93])
    assert check.table["source"].unique(maintain_order=True).to_list() == ["model", "count_alone"]
    assert "With 14 training FOVs the model reaches 0.930" in check.sentence
    assert Check.read(largest.folder / "trust" / "learning_curve.parquet").sentences == check.sentences
    assert (largest.folder / "trust" / "learning_curve.png").is_file()


def test_sweeps_of_one_size_or_of_other_tests_are_refused(sizes, tmp_path, write_tables, write_runs):
    first, second = sizes[:2]
    for fold in range(3):
        path = second.folder / str(fold) / "metrics.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"fovs": {"train": 2, "val": 2, "test": 7}}))
    with pytest.raises(DataError, match=r"different numbers of training FOVs, found 4 in .* and 4 in"):
        first.learning_curve(study(second.folder))
    other = write_runs(tmp_path / "x", write_tables(tmp_path / "t", {"a": 9, "b": 9}), 3, range(3))
    with pytest.raises(DataError, match="expected the same test FOVs of fold 0"):
        first.learning_curve(study(other))


def test_controls_of_a_sweep_alone(sizes):
    check = sizes[0].learning_curve(target=0.8)
    sources = check.table["source"].unique().to_list()
    assert {"cluster_features", "count_alone", "pair_distances"} <= set(sources)
    assert "a simple classifier on" in check.sentence
