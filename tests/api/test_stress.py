"""Robustness of trained models: the same FOVs perturbed for network and forests, sweeps pooled, and what is refused."""

import json
import shutil

import numpy as np
import polars as pl
import pytest

import locgraph
from locgraph.api.checks.stress_subjects import choose_fovs
from locgraph.errors import ConfigError, DataError

FEW = ("executor=serial", "stress=[thinning,drift]", "stress.perturbations.drift.severities=[30]")
THIN = ("executor=serial", "stress=[thinning]", "stress.perturbations.thinning.severities=[0.5]")


@pytest.fixture
def prepared_dir(trained):
    return f"paths.prepared_dir={trained.folder / 'outputs' / 'prepared'}"


@pytest.fixture(scope="module")
def stressed(trained):
    where = f"paths.prepared_dir={trained.folder / 'outputs' / 'prepared'}"
    return locgraph.stress(trained.run_dir / "checkpoints" / "best.ckpt", *FEW, where)


def test_the_neutral_severity_has_the_scores_of_the_test(stressed, trained):
    neutral = {row["method"]: row for row in stressed.table.filter("neutral", perturbation="thinning").to_dicts()}
    metrics = trained.metrics()
    controls = {row["control"]: row["accuracy"] for row in metrics["controls"]}
    assert neutral["network"]["accuracy"] == pytest.approx(metrics["test"]["accuracy"])
    for name in ("pair_distances", "pair_distances_and_count"):
        assert neutral[name]["accuracy"] == pytest.approx(controls[name])
    assert {row["n_fovs"] for row in neutral.values()} == {metrics["fovs"]["test"]}


def test_every_severity_is_scored(stressed):
    table = stressed.table.filter(method="network")
    assert table.filter(perturbation="thinning")["severity"].to_list() == [0.2, 0.3, 0.5, 0.7, 1.0]
    assert table.filter(perturbation="drift")["severity"].to_list() == [0.0, 30.0]
    assert table["accuracy"].is_between(0, 1).all()
    assert set(stressed.sentences) == {"thinning", "drift"}
    assert stressed.about["notes"] == []


def test_results_are_written(stressed, tmp_path):
    stressed.write(tmp_path)
    assert pl.read_parquet(tmp_path / "stress.parquet").equals(stressed.table)
    record = json.loads((tmp_path / "stress.json").read_text())
    assert record["sentences"] == stressed.sentences
    assert record["fovs"] == 6
    assert (tmp_path / "stress.png").stat().st_size > 10_000


def test_new_raw_files_are_tested_and_those_without_class_left_out(trained, prepared_dir, tmp_path):
    raw, new = trained.folder / "outputs" / "simulated" / "demo", tmp_path / "new"
    new.mkdir()
    for name in ("L_000", "L_001", "T_000"):
        table = pl.read_parquet(raw / f"{name}.parquet").drop("frame")
        metadata = pl.read_parquet_metadata(raw / f"{name}.parquet")
        table.write_parquet(
            new / f"{name}.parquet", metadata={k: v for k, v in metadata.items() if k != "ARROW:schema"}
        )
    model = locgraph.load(trained.run_dir / "checkpoints" / "best.ckpt")
    result = locgraph.stress(model, *FEW, "columns=nm", f"data.raw_dir={new}", prepared_dir)
    assert result.about["fovs"] == 3
    assert result.about["notes"] == ["drift: 3 FOVs have no frames: time is the order of their files"]
    assert set(result.table["method"]) == {"network", "pair_distances", "pair_distances_and_count"}


def test_a_sweep_pools_the_folds_and_names_the_failed_ones(swept, tmp_path):
    sweep = tmp_path / "sweep"
    shutil.copytree(swept.run_dir, sweep)
    metrics = json.loads((sweep / "1" / "metrics.json").read_text())
    (sweep / "1" / "metrics.json").write_text(json.dumps(metrics | {"status": "failed", "reason": "no space"}))
    where = f"paths.prepared_dir={swept.folder / 'outputs' / 'prepared'}"

    result = locgraph.stress(sweep, *THIN, where)

    assert result.table["n_fovs"].to_list() == [12] * 6
    (failed,) = result.about["failed_models"].items()
    assert failed == (str(sweep / "1"), "status 'failed': no space")
    both = [pl.read_parquet(sweep / fold / "predictions.parquet").filter(split="test") for fold in ("0", "2")]
    right = pl.concat(both).select(pl.col("truth") == pl.col("prediction")).to_series().mean()
    neutral = result.table.filter("neutral", method="network")
    assert neutral["accuracy"].to_list() == pytest.approx([right])


def test_a_severity_that_is_too_strong_names_and_counts_the_fovs(trained, prepared_dir):
    path = trained.run_dir / "checkpoints" / "best.ckpt"
    strong = "stress.perturbations.thinning.severities=[0.001]"
    result = locgraph.stress(path, *THIN, strong, "stress.forests=false", "stress.max_fovs=2", prepared_dir)
    row = result.table.filter(severity=0.001).row(0, named=True)
    assert (row["n_fovs"], row["failed"], row["accuracy"]) == (0, 2, None)
    assert "no FOV could be prepared" in result.sentences["thinning"]
    (note,) = result.about["notes"]
    assert note.startswith("thinning 0.001: 2 FOVs could not be prepared")
    assert all("left none of" in each["reason"] for each in result.about["failed_variants"])


def test_a_perturbation_that_the_clusterer_does_not_allow_is_left_out(trained, prepared_dir):
    path = trained.run_dir / "checkpoints" / "best.ckpt"
    result = locgraph.stress(
        path, *THIN, "stress=[thinning,clustering]", "stress.perturbations.clustering.settings=[eps_nm]",
        "stress.max_fovs=2", "stress.forests=false", prepared_dir,
    )  # fmt: skip
    assert set(result.table["perturbation"]) == {"thinning"}
    assert "expected a clusterer with one of eps_nm" in result.about["left_out"]["clustering"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stress.max_fovs=0", "stress.max_fovs: expected a whole number"),
        ("stress.tolerance=2", "stress.tolerance: expected a number"),
        ("~stress.perturbations.thinning", "stress.perturbations: expected at least one"),
        ("stress.perturbations.thinning.severities=[]", "stress.perturbations.thinning.severities: expected a list"),
        ("labels=none", "labels: has no effect without data.raw_dir"),
    ],
)
def test_wrong_settings_are_refused(trained, prepared_dir, override, message):
    path = trained.run_dir / "checkpoints" / "best.ckpt"
    with pytest.raises(ConfigError, match=message):
        locgraph.stress(path, *THIN[:2], override, prepared_dir)


def test_models_of_other_preparation_are_refused_together(trained, monkeypatch):
    from locgraph.api.checks import stress_subjects

    models = [locgraph.load(trained.run_dir / "checkpoints" / "best.ckpt") for _ in range(2)]
    models[1].record["settings"]["clustering"]["n_clusters"] = 9
    subjects = [stress_subjects.Subject(name, model) for name, model in zip("ab", models, strict=True)]
    with pytest.raises(DataError, match="b and a differ in their preparation"):
        stress_subjects.check_subjects(subjects)
    models[1].record["settings"]["data"]["kind"] = "featextracted"
    with pytest.raises(ConfigError, match="featextracted tables, so there are no raw"):
        stress_subjects.check_subjects(subjects)


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected the folder of a run or sweep"):
        locgraph.stress(tmp_path, *THIN)


def test_fovs_are_chosen_evenly_and_the_same_every_time():
    labels = {f"a{index}": "a" for index in range(20)} | {f"b{index}": "b" for index in range(3)}
    chosen = choose_fovs(labels, 8, 0)
    assert [sum(fov.startswith(name) for fov in chosen) for name in "ab"] == [5, 3]
    assert chosen == choose_fovs(dict(reversed(labels.items())), 8, 0)
    assert chosen != choose_fovs(labels, 8, 1)
    assert choose_fovs(labels, None, 0) == sorted(labels)
    assert np.all(np.array(choose_fovs(labels, 8, 0)) == np.sort(chosen))
