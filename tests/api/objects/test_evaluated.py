"""Counts of objects beside predictions: of the test of a run, of an evaluation, and of tiles."""

import json
import shutil

import polars as pl
import pytest

import locgraph
from locgraph.api.objects.counting import read_tested


@pytest.fixture(scope="module")
def checkpoint(trained_on_picks):
    return f"{trained_on_picks.run_dir}/checkpoints/best.ckpt"


def test_a_run_counts_the_objects_of_its_test_fovs(trained_on_picks, picks):
    folder = trained_on_picks.run_dir
    record = json.loads((folder / "counts.json").read_text())
    tested = pl.read_parquet(folder / "predictions.parquet").filter(split="test")
    parents = tested["fov_id"].str.replace("/.*", "").unique().sort().to_list()
    assert [fov["fov_id"] for fov in record["fovs"]] == parents
    truth = pl.read_csv(picks.labels, schema_overrides={"fov_id": pl.String})
    for fov in record["fovs"]:
        known = dict(truth.filter(fov_id=fov["fov_id"])["label"].value_counts().iter_rows())
        assert {each["class"]: each["n_true"] for each in fov["classes"]} == {"T": 0, "L": 0} | known
        own = tested.filter(pl.col("fov_id").str.starts_with(f"{fov['fov_id']}/"))["prediction"]
        assert {each["class"]: each["n"] for each in fov["classes"]} == {
            name: own.to_list().count(name) for name in ("T", "L")
        }
    metrics = json.loads((folder / "metrics.json").read_text())["objects"]
    assert (metrics["n_fovs"], metrics["n_objects"], metrics["n_counted"]) == (
        len(parents),
        tested.height,
        tested.height,
    )
    errors = [abs(each["n"] - each["n_true"]) for fov in record["fovs"] for each in fov["classes"]]
    assert metrics["mean_absolute_error_of_counts"] == pytest.approx(sum(errors) / len(errors))
    assert record["uncorrected"].startswith("these are the objects of the test")
    assert len(list((folder / "pictures").glob("*.png"))) == len(parents)
    assert pl.read_parquet(folder / "objects.parquet").height == tested.height


def test_new_files_are_counted_and_printed(checkpoint, picks, run, tmp_path, capsys):
    new = (f"data.raw_dir={picks.raw}", "predict.abstain=[uncertain]", f"paths.run_dir={tmp_path}", "executor=serial")
    run(tmp_path, "eval", f"ckpt_path={checkpoint}", *new)
    record = json.loads((tmp_path / "counts.json").read_text())
    predictions = pl.read_parquet(tmp_path / "predictions.parquet")
    assert len(record["fovs"]) == 6
    assert sum(fov["n_undecided"] for fov in record["fovs"]) == predictions["decision"].null_count()
    printed = " ".join(capsys.readouterr().out.split())
    assert "objects by predicted class (of those with a label: true)" in printed


def test_whole_fovs_are_not_counted(trained):
    assert not (trained.run_dir / "counts.json").exists()
    assert "objects" not in json.loads((trained.run_dir / "metrics.json").read_text())


def test_tiles_have_no_places(checkpoint, picks):
    tiles = {
        "_target_": "locgraph.preparation.objects.tiles.Tiles",
        "size_nm": 1000.0,
        "min_localisations": 10,
    }
    counts = locgraph.load(checkpoint).count(sorted(picks.raw.glob("*.parquet"))[0], objects=tiles, simulations=9)
    assert counts.table["n"].sum() >= 3
    assert counts.neighbours["reason"].to_list() == ["a grid decides where these objects lie"]
    overlapping = locgraph.load(checkpoint).count(
        sorted(picks.raw.glob("*.parquet"))[0], objects=tiles | {"overlap_nm": 500.0}, simulations=0
    )
    assert overlapping.fovs["n_shared"][0] > 0


def test_prepared_objects_are_counted(checkpoint, trained_on_picks):
    model = locgraph.load(checkpoint)
    prepared = model.training_data(trained_on_picks.folder / "outputs" / "prepared")
    counts = model.count(prepared, simulations=0)
    assert counts.fovs["n_objects"].to_list() == [3] * 6
    # the test of the run has fewer than ten objects of a class
    assert counts.counted.uncorrected.startswith("fewer than 10 test objects of")


def test_an_ensemble_counts_as_its_members(checkpoint, picks):
    both = locgraph.load([checkpoint, checkpoint])
    file = sorted(picks.raw.glob("*.parquet"))[0]
    counts, alone = both.count(file, simulations=0), locgraph.load(checkpoint).count(file, simulations=0)
    assert counts.table["n"].to_list() == alone.table["n"].to_list()


def test_correction_rests_on_the_tests_of_all_members(swept):
    ensemble = locgraph.load(swept.run_dir)
    tested = read_tested(ensemble.members)
    assert tested["fov_id"].n_unique() == tested.height == 18
    assert tested["fold"].unique().sort().to_list() == [0, 1, 2]
    assert read_tested(ensemble.members[:1]).height == 6


def test_without_a_run_there_is_no_correction(checkpoint, picks, tmp_path):
    (tmp_path / "away").mkdir()
    copied = shutil.copy(checkpoint, tmp_path / "away" / "best.ckpt")
    counts = locgraph.load(copied).count(sorted(picks.raw.glob("*.parquet"))[0], simulations=0)
    assert counts.counted.uncorrected == "the run of the model, with its test, is not beside the checkpoint"


def test_a_packed_model_states_what_it_confuses(packed_sweep, swept):
    stated = read_tested(locgraph.load(packed_sweep).members)
    summary = json.loads((swept.run_dir / "summary.json").read_text())
    assert stated.counts.tolist() == summary["confusion_matrix"]
    assert stated.n_independent.tolist() == [9.0, 9.0]
