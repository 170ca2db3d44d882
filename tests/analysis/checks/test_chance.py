"""Above chance or not: known answers, an independent fit of each permutation, groups, tables alone."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.kernel_ridge import KernelRidge

from locgraph.analysis.checks.chance import add_network, measure_chance
from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.control_folds import ControlFolds, read_control_folds
from locgraph.analysis.source import tables_source
from locgraph.api.studies.studies import study
from locgraph.errors import ConfigError, DataError
from locgraph.io.manifest import Manifest
from locgraph.show.figures.chance import chance_figure
from locgraph.stats.permutation import find_exchange


def folds_of(signal, n=60, groups=None, seed=0):
    """Three folds of two classes; two numbers of each FOV, of which one tells the classes apart by ``signal``."""
    rng = np.random.default_rng(seed)
    labels = np.tile(["a", "b"], n // 2)
    values = rng.normal(size=(n, 2))
    values[:, 0] += signal * (labels == "b")
    rows = np.arange(n)
    plan = {fold: (rows[rows // 2 % 3 != fold], rows[rows // 2 % 3 == fold]) for fold in range(3)}
    features = {"pair_distances": values, "count_alone": values[:, 1:]}
    return ControlFolds(tuple(map(str, rows)), labels, groups, features, plan)


def test_what_names_the_class_is_above_chance_and_the_rest_is_not():
    check = measure_chance(folds_of(3.0), permutations=99)
    best, other = check.table.to_dicts()
    assert (best["control"], best["n"], best["p"], best["p_any"]) == ("pair_distances", 99, 0.01, 0.01)
    assert best["chance"] == pytest.approx(0.5, abs=0.03)
    assert best["accuracy"] > 0.85 > best["chance_high"] > best["chance"]
    assert other["p_any"] >= other["p"] > 0.05
    assert "(99 permutations, p = 0.010: above chance)" in check.sentence
    assert "permuted labels of FOVs within the test sides" in check.sentence
    assert "not shown to be above chance" in measure_chance(folds_of(0.0), permutations=99).sentence
    assert "too few permutations" in measure_chance(folds_of(3.0), permutations=9).sentence


def test_every_permutation_is_a_fit_of_its_own():
    folds = folds_of(1.0)
    check = measure_chance(folds, permutations=3, seed=4)
    row = check.table.filter(control="pair_distances").row(0, named=True)
    rng, exchange = np.random.default_rng(4), find_exchange(folds.labels, None, folds.tests)
    for labels, found in zip(
        [folds.labels, *(exchange.draw(rng) for _ in range(3))], [row["accuracy"], *row["permuted"]], strict=True
    ):
        accuracies = []
        for train, test in folds.folds.values():
            values = folds.features["pair_distances"]
            scaled = (values - values[train].mean(axis=0)) / values[train].std(axis=0)
            squares = ((scaled[train][:, None] - scaled[train][None]) ** 2).sum(axis=2)
            gamma = 1 / np.median(squares[np.triu_indices(len(train), 1)])
            target = np.where(labels == "b", 1.0, -1.0)
            ridge = KernelRidge(alpha=0.1, kernel="rbf", gamma=gamma).fit(
                scaled[train], target[train] - target[train].mean()
            )
            predicted = ridge.predict(scaled[test]) + target[train].mean()
            accuracies.append(np.mean((predicted > 0) == (target[test] > 0)))
        assert found == pytest.approx(np.mean(accuracies))


def test_the_p_value_is_uniform_without_a_signal():
    p = np.array([measure_chance(folds_of(0.0, seed=seed), 19, seed).table["p_any"].min() for seed in range(120)])
    assert np.mean(p <= 0.05) <= 0.05 + 2 * (0.05 * 0.95 / 120) ** 0.5
    assert p.mean() > 0.35


def test_few_groups_limit_p_whatever_they_say():
    groups = np.array([f"{name}{row // 2 % 2}" for row, name in enumerate("ab" * 30)], dtype=object)
    check = measure_chance(folds_of(9.0, groups=groups), permutations=99)
    assert check.table["p"][0] > 0.1
    (limit,) = check.warnings
    assert limit.startswith("labels can be arranged in only 6 ways: p cannot be below 0.17")


def test_a_missing_number_is_the_mean_and_a_constant_one_says_nothing():
    folds = folds_of(3.0)
    values = folds.features["pair_distances"].copy()
    values[::7, 1] = np.nan
    folds = ControlFolds(
        folds.fov_ids, folds.labels, None, {"cluster_features": values, "count_alone": np.ones((60, 1))}, folds.folds
    )
    best, constant = measure_chance(folds, permutations=19).table.to_dicts()
    assert best["p"] == 0.05
    assert (constant["accuracy"], constant["p"]) == (0.5, 1.0)


def test_the_network_stands_beside():
    check = add_network(measure_chance(folds_of(3.0), permutations=19), 0.9, np.array([0.5, 0.4, 0.6]))
    row = check.table.row(0, named=True)
    assert (row["control"], row["accuracy"], row["n"], row["p"], row["p_any"]) == ("network", 0.9, 3, 0.25, None)
    assert "The network reaches 0.900, and 0.500 when trained on permuted labels (3 permutations" in check.sentence
    axes = chance_figure(check).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["network", "pair distances", "count alone"]
    assert axes.texts[0].get_text() == "0.900  p = 0.25"


# -- studies -----------------------------------------------------------------------------------------------------------


def test_a_sweep_and_its_tables_alone(tmp_path, write_tables, write_runs):
    tables = write_tables(tmp_path / "tables", {"a": 12, "b": 12, None: 2})
    sweep = write_runs(tmp_path / "sweep", tables, 3, [0, 2])
    for folder in (sweep, tables):
        check = study(folder).chance(permutations=39)
        assert check.table.filter(control="cluster_features")["p"][0] == pytest.approx(1 / 40)
        written = Check.read(folder / "trust" / "chance.parquet")
        assert written.sentences == check.sentences
        assert (folder / "trust" / "chance.png").is_file()
    assert "count_alone" in check.table["control"].to_list()
    assert "shuffled_positions" not in check.table["control"].to_list()


def test_groups_are_kept_together_and_exchange_labels_as_a_whole(tmp_path, write_tables):
    tables = write_tables(tmp_path / "tables", {"a": 12, "b": 12}, grouped=True)
    folds = read_control_folds(tables_source(tables), seed=0)
    assert set(folds.folds) == set(range(5))
    for train, test in folds.folds.values():
        assert not set(folds.groups[train]) & set(folds.groups[test])
    assert sorted(np.concatenate([test for _, test in folds.folds.values()])) == list(range(24))
    check = study(tables).chance(permutations=39)
    assert "permuted labels of whole groups" in check.sentence
    assert check.table.filter(control="cluster_features")["p"][0] == pytest.approx(1 / 40)


def test_classes_of_localisations_are_none_of_fovs(tmp_path, write_tables):
    tables = write_tables(tmp_path / "tables", {"a": 6, "b": 6})
    source = tables_source(tables)
    table = source.manifest.table.with_columns(pl.lit(None, pl.String).alias("label"))
    with pytest.raises(DataError, match="expected FOVs with classes, found classes of localisations alone"):
        read_control_folds(replace(source, manifest=Manifest(table, ("a", "b"))), seed=0)


def test_what_has_no_answer_is_refused(tmp_path, write_tables, write_runs):
    tables = write_tables(tmp_path / "tables", {"a": 6})
    with pytest.raises(DataError, match=r"folds need at least two classes with two FOVs each, found \{'a': 6\}"):
        study(tables).chance()
    tables = write_tables(tmp_path / "two", {"a": 6, "b": 6})
    for settings, name in (({"permutations": 0}, "permutations"), ({"network": -1}, "network")):
        with pytest.raises(ConfigError, match=f"^{name}: "):
            study(tables).chance(**settings)
    with pytest.raises(DataError, match="expected a completed run that classifies FOVs, found none to train again"):
        study(tables).chance(permutations=1, network=1)


def test_the_network_is_trained_on_permuted_labels(trained, monkeypatch, tmp_path):
    monkeypatch.chdir(trained.folder)
    seen = []
    monkeypatch.setattr(
        "locgraph.api.training.fit.fit_and_test",
        lambda *arguments: seen.append(arguments) or {"test": {"accuracy": 0.5}},
    )
    before = {path: path.stat().st_mtime_ns for path in trained.run_dir.rglob("*.*") if path.suffix != ".log"}

    check = study(trained.run_dir).chance(permutations=1, network=2)

    assert check.table["permuted"][0].to_list() == [0.5, 0.5]
    (settings, _, first, task, split), (_, _, second, _, _) = seen
    assert (settings["controls"], task.class_names) == (False, ("T", "L"))
    assert set(split.test) == set(study(trained.run_dir).predictions().filter(split="test")["fov_id"])
    true = pl.read_parquet(first.tables / "manifest.parquet").select("fov_id", "label")
    labels = [true.join(each.manifest.table, on="fov_id", suffix="_2") for each in (first, second)]
    assert all((table["label"] != table["label_2"]).sum() > 0 for table in labels)
    assert all(table["label"].sort().equals(table["label_2"].sort(), check_names=False) for table in labels)
    assert labels[0]["label_2"].to_list() != labels[1]["label_2"].to_list()
    assert {path for path, time in before.items() if path.is_file() and path.stat().st_mtime_ns != time} == set()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="call this where the run was started"):
        study(trained.run_dir).chance(permutations=1, network=1, tables=first.tables)
