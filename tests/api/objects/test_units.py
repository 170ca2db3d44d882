"""Objects in training and prediction: as separate files, one FOV on one side, found otherwise in new files."""

import json

import polars as pl
import pytest
from tests.builders.runs import NOT_SIMULATED

import locgraph
from locgraph.data.folds import read_plan


@pytest.fixture(scope="module")
def model(trained):
    return locgraph.load(trained.run_dir / "checkpoints/best.ckpt")


def test_picks_of_one_file_are_predicted_as_separate_files(model, picks):
    columns = locgraph.compose("prepare", "columns=nm", "data.raw_dir=.")["columns"]
    objects = model.predict(picks.raw, objects="picks", columns=columns)
    single = model.predict(picks.single, columns=columns)

    names = pl.col("fov_id").str.replace("/", "_")
    joined = objects.with_columns(names).join(single, on="fov_id", suffix="_alone", validate="1:1")
    assert joined.height == single.height == 18
    for name in model.class_names:
        assert joined[f"p_{name}"].to_list() == pytest.approx(joined[f"p_{name}_alone"].to_list(), abs=1e-5)


def test_training_keeps_the_objects_of_a_fov_on_one_side(trained_on_picks):
    for split in read_plan(trained_on_picks.run_dir / "folds.json"):
        sides = [{name.partition("/")[0] for name in side} for side in (split.train, split.val, split.test)]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
    predictions = pl.read_parquet(trained_on_picks.run_dir / "predictions.parquet")
    assert predictions.filter(split="test")["truth"].null_count() == 0
    assert json.loads((trained_on_picks.run_dir / "metrics.json").read_text())["status"] == "completed"


def test_splits_that_would_part_a_fov_are_refused(picks, fails, tmp_path):
    shown = fails(tmp_path, "train", *NOT_SIMULATED, *picks.overrides, "columns=nm", "fold=stratified")
    assert "use fold=stratified_group, or take more FOVs: objects of one are a group, and stay on one side" in shown
    few = tmp_path / "few"
    few.mkdir()
    for name in ("0.parquet", "1.parquet"):
        (few / name).symlink_to(picks.raw / name)
    # in a folder of its own, as both runs may start in one second
    changed = (f"data.raw_dir={few}", "columns=nm", "fold=stratified_group", "fold.n_folds=2")
    changed += (f"paths.run_dir={tmp_path / 'second'}",)
    assert "take more FOVs: objects of one are a group" in fails(
        tmp_path, "train", *NOT_SIMULATED, *picks.overrides, *changed
    )


def test_a_model_of_objects_is_evaluated_and_finds_them_in_new_files(trained_on_picks, picks, run, tmp_path):
    checkpoint = f"ckpt_path={trained_on_picks.run_dir}/checkpoints/best.ckpt"
    run(tmp_path, "eval", checkpoint, f"paths.run_dir={tmp_path / 'again'}", "executor=serial")
    again = pl.read_parquet(tmp_path / "again/predictions.parquet")
    first = pl.read_parquet(trained_on_picks.run_dir / "predictions.parquet").filter(split="test")
    assert again.sort("fov_id")["p_T"].to_list() == pytest.approx(first.sort("fov_id")["p_T"].to_list(), abs=1e-5)

    new = (f"data.raw_dir={picks.raw}", "labels=none", f"paths.run_dir={tmp_path / 'new'}", "executor=serial")
    run(tmp_path, "eval", checkpoint, *new)
    assert pl.read_parquet(tmp_path / "new/predictions.parquet").height == 18
    single = (f"data.raw_dir={picks.single}", "labels=none", "objects=fov", f"paths.run_dir={tmp_path / 'single'}")
    run(tmp_path, "eval", checkpoint, *single, "executor=serial")
    assert pl.read_parquet(tmp_path / "single/predictions.parquet").height == 18


def test_objects_are_perturbed_one_by_one(trained_on_picks):
    few = ("executor=serial", "stress=[thinning]", "stress.perturbations.thinning.severities=[0.5]")
    where = f"paths.prepared_dir={trained_on_picks.folder / 'outputs' / 'prepared'}"
    result = locgraph.stress(trained_on_picks.run_dir / "checkpoints/best.ckpt", *few, where)
    neutral = result.table.filter("neutral", method="network")
    metrics = trained_on_picks.metrics()
    assert neutral["accuracy"].to_list() == pytest.approx([metrics["test"]["accuracy"]])
    assert neutral["n_fovs"].to_list() == [metrics["fovs"]["test"]]
