"""Sweeps in pairs: numbers by hand, seeds and groups, names, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from locgraph.analysis.sweeps.compared_sweeps import distinct_names
from locgraph.analysis.sweeps.comparison import compare_methods
from locgraph.analysis.sweeps.methods import Method, better_than_all
from locgraph.analysis.sweeps.outcomes import COLUMNS
from locgraph.api.studies.studies import find_compared, study
from locgraph.errors import ConfigError, DataError, LocgraphError
from locgraph.stats.paired import practical_equivalence

SIZE = 20


def method(name, wrong_by_fold, *, seeds=1, groups=None, overlap=0.25, first_fov=0):
    """Twenty test FOVs in a fold, of which the first few are wrong, in one of several seeds or in all."""
    rows, accuracy = [], {}
    for fold, wrong in enumerate(wrong_by_fold):
        for place in range(SIZE):
            fov = first_fov + SIZE * fold + place
            correct = 1 - 1 / seeds if place < wrong else 1.0
            group = None if groups is None else groups(fov)
            rows.append((name, fold, f"f{fov}", group, "ab"[place % 2], correct))
        accuracy[fold] = 1 - wrong / SIZE / seeds
    outcomes = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    return Method(name, {"accuracy": accuracy, "balanced_accuracy": accuracy}, outcomes, overlap)


def only(comparison):
    return comparison.table.row(0, named=True)


def test_a_pair_by_hand():
    first, second = method("A", [0, 1, 2]), method("B", [3, 2, 6])

    row = only(compare_methods([first, second], all_pairs=True))

    differences = [3 / SIZE, 1 / SIZE, 4 / SIZE]
    scale = np.std(differences, ddof=1) * (1 / 3 + 1 / 4) ** 0.5
    belief = practical_equivalence(differences, 0.25, 0.01)
    assert (row["n_folds"], row["n_fovs"], row["n_first"], row["n_second"]) == (3, 60, 8, 0)
    assert (row["first_mean"], row["second_mean"]) == pytest.approx((1 - 3 / 60, 1 - 11 / 60))
    assert row["difference"] == pytest.approx(8 / 60)
    assert row["p_folds"] == pytest.approx(2 * stats.t.sf(8 / 60 / scale, 2))
    assert row["p_fovs"] == pytest.approx(stats.binomtest(8, 8).pvalue)
    assert row["p"] == row["p_holm"] == max(row["p_folds"], row["p_fovs"])
    assert (row["p_worse"], row["p_equal"], row["p_better"]) == pytest.approx(
        (belief.worse, belief.equal, belief.better)
    )
    assert row["cohens_d"] == pytest.approx(8 / 60 / np.std(differences, ddof=1))
    assert (row["cohens_g"], row["note"]) == (0.5, None)


def test_the_order_of_a_pair_changes_signs_alone():
    methods = [method("A", [0, 1, 2]), method("B", [3, 2, 6])]
    row, other = (only(compare_methods(pair, all_pairs=True)) for pair in (methods, methods[::-1]))
    assert other["difference"] == pytest.approx(-row["difference"])
    assert (other["p"], other["p_worse"]) == pytest.approx((row["p"], row["p_better"]))
    assert (other["interval_low"], other["n_second"]) == pytest.approx((-row["interval_high"], row["n_first"]))


def test_a_fov_that_several_seeds_tested_counts_once():
    one, three = (
        only(compare_methods([method("A", [0, 0]), method("B", [4, 3], seeds=n)], all_pairs=True)) for n in (1, 3)
    )
    assert one["p_fovs"] == three["p_fovs"] == pytest.approx(stats.binomtest(7, 7).pvalue)
    assert (three["n_fovs"], three["n_second"], three["n_first"]) == (40, 0, 7)


def test_a_group_is_one_toss():
    pair = [
        method(name, wrong, groups=lambda fov: f"g{fov % 20 // 4}{fov // 20}")
        for name, wrong in (("A", [0] * 3), ("B", [4, 8, 8]))
    ]
    row = only(compare_methods(pair, all_pairs=True))
    assert row["n_first"] == 20
    assert row["p_fovs"] == pytest.approx(stats.binomtest(5, 5).pvalue)


def test_three_methods_are_corrected_for_three_pairs_and_joined_where_alike():
    methods = [method("A", [0, 1, 1, 0, 1]), method("B", [1, 0, 1, 1, 1]), method("C", [12, 11, 12, 10, 12])]

    comparison = compare_methods(methods, all_pairs=True)

    p = dict(
        zip(zip(comparison.table["first"], comparison.table["second"], strict=True), comparison.table["p"], strict=True)
    )
    corrected = dict(zip(p, comparison.table["p_holm"], strict=True))
    smallest, middle, largest = sorted(p, key=p.get)
    assert largest == ("A", "B")
    assert corrected[smallest] == pytest.approx(3 * p[smallest])
    assert corrected[middle] == pytest.approx(max(2 * p[middle], 3 * p[smallest]))
    assert corrected[largest] == p[largest]
    assert comparison.alike() == [("A", "B")]
    assert comparison.scores["method"].to_list() == ["A", "B", "C"]
    assert comparison.scores["rank"].to_list() == pytest.approx([1.4, 1.6, 3.0])
    assert comparison.sentence.startswith("A is ahead of B by 0.010 (95 % interval")
    assert "after Holm's correction for 3 pairs" in comparison.sentence


def test_equal_predictions():
    comparison = compare_methods([method("A", [1, 2]), method("B", [1, 2])], all_pairs=True)
    row = only(comparison)
    assert (row["difference"], row["p"], row["cohens_g"], row["p_equal"]) == (0, 1, None, None)
    assert comparison.sentence == "A and B classify the same of 40 FOVs correctly."
    assert comparison.alike() == [("A", "B")]


def test_what_one_fold_does_not_show():
    comparison = compare_methods([method("A", [1]), method("B", [8])], all_pairs=True)
    row = only(comparison)
    assert row["p_folds"] is None
    assert row["p"] == row["p_fovs"] == pytest.approx(stats.binomtest(7, 7).pvalue)
    assert row["note"].startswith("no test over folds: one fold does not show how much folds differ")
    assert "p = 0.016 over 20 FOVs." in comparison.sentence


def test_methods_that_cannot_be_paired_are_refused():
    with pytest.raises(DataError, match="at least two methods to compare, found A"):
        compare_methods([method("A", [1])], all_pairs=True)
    with pytest.raises(DataError, match="different names, found A, A"):
        compare_methods([method("A", [1]), method("A", [1])], all_pairs=True)
    with pytest.raises(ConfigError, match=r"^metric: expected one of accuracy, balanced_accuracy, found 'f1'"):
        compare_methods([method("A", [1]), method("B", [1])], all_pairs=True, metric="f1")
    with pytest.raises(ConfigError, match=r"^rope: "):
        compare_methods([method("A", [1, 2]), method("B", [1, 1])], all_pairs=True, rope=-1)
    other = Method("B", {"accuracy": {7: 0.5}}, pl.DataFrame(schema=COLUMNS), 0.2)
    with pytest.raises(DataError, match=r"accuracy of the same folds, found it for folds \[0\] of A and \[7\] of B"):
        compare_methods([method("A", [1]), other], all_pairs=True)


def test_the_best_of_several_rivals_is_no_free_choice():
    """Without a true lead over the best one, the p-value against all is rarely small, whichever looks best."""
    rng = np.random.default_rng(3)
    small = 0
    for _ in range(150):
        model, *rivals = (method(name, rng.binomial(SIZE, 0.3, 5)) for name in "ABCDE")
        better = better_than_all(model, rivals)
        assert better["p"] == max(better["p_folds"], better["p_fovs"])
        small += better["p"] < 0.05
    assert small <= 8


# -- runs on disk ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables(tmp_path_factory, write_tables):
    return write_tables(tmp_path_factory.mktemp("tables"), {"a": 10, "b": 12})


@pytest.fixture
def sweep(tmp_path, tables, write_runs):
    return write_runs(tmp_path / "sweep", tables, 3, range(3))


def change(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_sweeps_are_compared_on_the_folds_that_they_share(sweep, tables, tmp_path, write_runs):
    write_runs(tmp_path / "other", tables, 3, [0, 2], test={"accuracy": 1.0, "balanced_accuracy": 1.0})

    comparison = study(tmp_path / "other").compare(study(sweep), folder=tmp_path / "out")

    row = only(comparison)
    assert (row["first"], row["second"], row["n_folds"], row["first_mean"]) == ("other", "sweep", 2, 1.0)
    assert row["difference"] == pytest.approx(1 - row["second_mean"])
    assert comparison.notes == (f"{sweep}: folds [1] left out, which the others lack",)
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == comparison.content()
    assert pl.read_parquet(tmp_path / "out" / "comparison.parquet").equals(comparison.table)
    assert (tmp_path / "out" / "comparison.png").is_file()


def test_one_sweep_is_compared_with_each_of_its_controls(sweep):
    comparison = study(sweep).compare()
    row = only(comparison)
    assert (row["first"], row["second"], row["n_folds"]) == ("model", "count_alone", 3)
    assert comparison.sentence.startswith("The model is ahead of count_alone by 0.3")
    for fold in range(3):
        change(sweep / str(fold) / "metrics.json", controls=[])
    with pytest.raises(DataError, match="a second run or sweep to compare with, or runs with controls"):
        study(sweep).compare()


def test_seeds_of_a_fold_are_averaged_and_settings_compared(sweep, tables, tmp_path, write_runs):
    for seed in (0, 1):
        for name in ("max", "mean"):
            folder = write_runs(tmp_path / "all" / f"{name}{seed}", tables, 3, range(3))
            for fold in range(3):
                about = {"family": f"{name}{seed}", "repeats": name, "seed": seed, "fold_seed": 0}
                overrides = [f"readout={name}", f"seed={seed}", f"fold.index={fold}"]
                change(folder / str(fold) / "run.json", **about, overrides=overrides)
    shutil.rmtree(tmp_path / "all" / "mean1")

    studies = find_compared(tmp_path / "all")
    row = only(studies[0].compare(*studies[1:]))

    assert (row["first"], row["second"]) == ("readout=max", "readout=mean,seed=0")
    assert (row["n_folds"], row["n_fovs"], row["difference"]) == (3, 22, 0)
    assert [each.folder for each in find_compared(sweep)] == [sweep]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda run: shutil.copy(run.parent / "five" / "0" / "folds.json", run / "folds.json"),
            "same test FOVs of fold 0",
        ),
        (lambda run: change(run / "metrics.json", n_folds=4), "the same folds, found 3 folds in .* and 4 in"),
        (lambda run: change(run / "metrics.json", class_names=["a", "c"]), r"same classes, found \('a', 'b'\) in"),
        (
            lambda run: change(run / "metrics.json", scored="localisations"),
            "two models of FOVs or two of localisations",
        ),
        (
            lambda run: change(run / "raw_files.json", fovs=sizes(run, 8)),
            r"same data, found other raw files, by their size",
        ),
    ],
)
def test_other_folds_data_or_classes_are_refused(sweep, tables, tmp_path, write_runs, damage, message):
    write_runs(tmp_path / "five", tables, 5, [0])
    other = write_runs(tmp_path / "other", tables, 3, [0])
    run = tmp_path / "run"
    shutil.copytree(other / "0", run)
    for folder in (sweep / "0", run):
        (folder / "raw_files.json").write_text(json.dumps({"fovs": sizes(folder, 7)}))
    damage(run)
    with pytest.raises(DataError, match=message) as raised:
        study(sweep).compare(study(run))
    assert str(sweep) in str(raised.value)
    assert str(run) in str(raised.value)


def sizes(run: Path, size: int) -> dict:
    names = json.loads((run / "folds.json").read_text())["folds"][0]["test"]
    return {name: {"label": "a", "state": [size, 1]} for name in names}


def test_other_true_classes_are_refused(sweep, tables, tmp_path, write_runs):
    other = write_runs(tmp_path / "other", tables, 3, [0])
    path = other / "0" / "predictions.parquet"
    pl.read_parquet(path).with_columns(truth=pl.lit("a")).write_parquet(path)
    with pytest.raises(
        DataError, match=r"other true classes of the test FOVs of fold 0 of 4 FOVs .* such as b_\d+: b and a"
    ):
        study(sweep).compare(study(other))


def test_folds_that_none_shares_or_sweeps_without_a_result_are_refused(sweep, tables, tmp_path, write_runs):
    first, second = (write_runs(tmp_path / str(fold), tables, 3, [fold]) for fold in (0, 1))
    with pytest.raises(DataError, match=r"of the same folds, found folds \[0\] in .* and folds \[1\] in"):
        study(first).compare(study(second))
    change(second / "1" / "run.json", fold_seed=4)
    with pytest.raises(DataError, match=r"folds \[0, 1, 2\] of fold.seed=0 in .* and folds \[1\] of fold.seed=4 in"):
        study(sweep).compare(study(second))
    change(second / "1" / "metrics.json", status="failed")
    with pytest.raises(DataError, match="at least one completed run, found none"):
        study(sweep).compare(study(second))
    with pytest.raises(DataError, match=r"different runs or sweeps, found .*sweep twice"):
        study(sweep).compare(study(sweep))
    with pytest.raises(LocgraphError, match="expected a run or sweep, found prepared tables"):
        study(sweep).compare(study(tables))


def test_classes_in_another_order_are_matched_by_name(sweep, tables, tmp_path, write_runs):
    other = write_runs(tmp_path / "other", tables, 3, range(3))
    for fold in range(3):
        change(other / str(fold) / "metrics.json", class_names=["b", "a"])
    comparison = study(sweep).compare(study(other))
    assert only(comparison)["p"] == 1
    assert comparison.notes == (f"classes stand in another order in {other} than in {sweep}: they are matched by name",)


def test_other_training_fovs_are_noted(sweep, tables, tmp_path, write_runs):
    other = write_runs(tmp_path / "other", tables, 3, range(3))
    for fold in range(3):
        plan = json.loads((other / str(fold) / "folds.json").read_text())
        for split in plan["folds"]:
            split["train"] = split["train"][:3]
        (other / str(fold) / "folds.json").write_text(json.dumps(plan))
    (note,) = study(sweep).compare(study(other)).notes
    assert "was trained on other FOVs than" in note
    assert "(7 to 7 in a fold, validation included, for 14 to 15)" in note


def test_names_are_the_shortest_that_differ():
    assert distinct_names([Path("/s/a/1"), Path("/s/b/1")]) == ["a/1", "b/1"]
    assert distinct_names([Path("/s/a"), Path("/s/b")]) == ["a", "b"]
