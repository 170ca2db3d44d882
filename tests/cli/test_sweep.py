import json
import shutil

import polars as pl
import pytest


def test_all_folds_are_trained_and_summarised(swept):
    summary = json.loads((swept.run_dir / "summary.json").read_text())
    runs = [json.loads(path.read_text()) for path in sorted(swept.run_dir.glob("*/metrics.json"))]
    assert [run["fold"] for run in runs] == [0, 1, 2]
    accuracies = [run["test"]["accuracy"] for run in runs]
    table = pl.read_csv(swept.run_dir / "summary.csv")
    row = table.filter(source="model", metric="accuracy").row(0, named=True)
    assert row["mean"] == pytest.approx(sum(accuracies) / 3)
    assert row["standard_deviation"] == pytest.approx(pl.Series(accuracies).std())
    assert summary["missing"] == []
    for name in ("summary.md", "summary.png", "confusion_matrix.png"):
        assert (swept.run_dir / name).stat().st_size > 0


def test_folds_share_one_preparation_and_cover_every_fov_once(swept):
    assert len(list((swept.folder / "outputs" / "prepared" / "demo").glob("graphs-*"))) == 1
    tables = [pl.read_parquet(path, glob=False) for path in sorted(swept.run_dir.glob("*/predictions.parquet"))]
    tested = pl.concat(tables).filter(pl.col("split") == "test")["fov_id"]
    assert tested.n_unique() == len(tested) == 18


def test_the_same_sweep_folder_does_what_is_missing(swept, run, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(swept.run_dir, folder)
    gone = folder / "1"
    shutil.rmtree(gone)
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("*/checkpoints/best.ckpt")}
    run(swept.folder, "train", *swept.overrides, "sweep=kfold", f"paths.sweep_dir={folder}")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert (gone / "metrics.json").is_file()
    before = json.loads((swept.run_dir / gone.name / "metrics.json").read_text())
    assert json.loads((gone / "metrics.json").read_text())["test"] == before["test"]
    assert json.loads((folder / "summary.json").read_text())["missing"] == []


def test_a_missing_fold_is_named(swept, run, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(swept.run_dir, folder)
    gone = folder / "1"
    shutil.rmtree(gone)
    run(tmp_path, "summarise", f"folder={folder}")
    assert json.loads((folder / "summary.json").read_text())["missing"] == [1]
    assert "fold 1" in (folder / "summary.md").read_text().lower()


def test_a_failed_job_does_not_stop_the_others_and_is_named(swept, fails):
    folder = swept.folder / "failing"
    message = fails(
        swept.folder, "train", "-m", *swept.overrides, "trainer.max_epochs=1", "fold.index=0,7", "controls=false",
        f"paths.sweep_dir={folder}",
    )  # fmt: skip
    assert "fold.index: expected one of the 3 folds, 0 to 2, found 7" in message
    summary = json.loads((folder / "summary.json").read_text())
    assert 1 in summary["missing"]
    assert 2 in summary["missing"]
    assert sorted(path.parent.name for path in folder.glob("*/metrics.json"))


def test_settings_that_differ_are_summarised_apart(swept, run, tmp_path):
    folder = tmp_path / "sweep"
    run(
        swept.folder, "train", "-m", *swept.overrides, "trainer.max_epochs=1", "model/readout=max,attention",
        "fold.index=0,1", "controls=false", f"paths.sweep_dir={folder}",
    )  # fmt: skip
    summaries = sorted(path.parent.name for path in folder.glob("summaries/*/summary.json"))
    assert len(summaries) == 2
    assert "attention" in summaries[0]
    assert "max" in summaries[1]


def test_a_folder_without_runs_is_told(fails, tmp_path):
    assert "folder: no run found below" in fails(tmp_path, "summarise", f"folder={tmp_path}")
