import json
import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from polars.testing import assert_frame_equal

from locgraph.analysis.controls import CHANNEL_PAIR_DISTANCES, MEANINGS
from locgraph.learn.module import Learner


def test_leaves_a_complete_run_folder(trained):
    found = {str(path.relative_to(trained.run_dir)) for path in trained.run_dir.rglob("*") if path.is_file()}
    expected = {
        "config.yaml", "run.json", "folds.json", "metrics.json", "metrics.csv", "predictions.parquet",
        "confusion_matrix.png", "loss_curves.png", "train.log", "checkpoints/best.ckpt", "checkpoints/last.ckpt",
    }  # fmt: skip
    assert expected <= found
    assert yaml.safe_load((trained.run_dir / "config.yaml").read_text())["trainer"]["precision"] == "16-mixed"
    assert "simulated FOVs" in (trained.run_dir / "train.log").read_text()


def test_predictions_and_metrics_agree(trained):
    metrics = trained.metrics()
    table = pl.read_parquet(trained.run_dir / "predictions.parquet")
    plan = json.loads((trained.run_dir / "folds.json").read_text())["folds"]
    assert len(plan) == metrics["n_folds"] == 3
    test = table.filter(pl.col("split") == "test")
    assert sorted(test["fov_id"]) == plan[0]["test"]
    assert sorted(table.filter(pl.col("split") == "val")["fov_id"]) == plan[0]["val"]
    probabilities = test.select("p_T", "p_L").to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    names = np.array(["T", "L"])
    assert metrics["class_names"] == names.tolist()
    np.testing.assert_array_equal(test["prediction"], names[probabilities.argmax(axis=1)])
    accuracy = (test["prediction"] == test["truth"]).mean()
    assert metrics["test"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    confusion = [[test.filter(truth=t, prediction=p).height for p in names] for t in names]
    assert metrics["confusion_matrix"] == confusion
    truth = test["truth"].replace_strict({"T": 0, "L": 1}).to_numpy()
    loss = -np.log(probabilities[np.arange(len(truth)), truth]).mean()
    assert metrics["test"]["loss"] == pytest.approx(loss, rel=1e-5)


def test_vectors_and_tables_are_there_for_analysis(trained):
    vectors = pl.read_parquet(trained.run_dir / "fov_vectors.parquet")
    predictions = pl.read_parquet(trained.run_dir / "predictions.parquet")
    keys = ["fov_id", "fold", "split"]
    assert vectors.select(keys).equals(predictions.select(keys))
    assert vectors.select("^v_.*$").n_unique() > 1
    tables = Path(trained.metrics()["tables"])
    assert tables.is_absolute()
    assert {f"{name}.parquet" for name in vectors["fov_id"]} <= {path.name for path in (tables / "clusters").iterdir()}


def test_the_last_checkpoint_is_that_of_the_last_epoch(trained):
    last = torch.load(trained.run_dir / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["epoch"] == trained.metrics()["epochs"] - 1 == 2


def test_controls_stand_beside_the_result(trained):
    controls = {row["control"]: row["accuracy"] for row in trained.metrics()["controls"]}
    assert list(controls) == [name for name in MEANINGS if name != CHANNEL_PAIR_DISTANCES]
    predicted = pl.read_parquet(trained.run_dir / "control_predictions.parquet")
    right = predicted.group_by("control").agg((pl.col("truth") == pl.col("prediction")).mean())
    assert dict(right.iter_rows()) == controls
    assert all(0.0 <= accuracy <= 1.0 for accuracy in controls.values())


def test_the_same_seed_gives_the_same_numbers_whatever_the_threads_of_the_machine(trained, run, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(before + 2)
    try:
        run(trained.folder, "train", *trained.overrides, f"paths.run_dir={tmp_path / 'again'}")
        assert torch.get_num_threads() == before + 2
    finally:
        torch.set_num_threads(before)
    assert json.loads((tmp_path / "again" / "run.json").read_text())["threads"] == 1
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    for side in ("test", "val"):
        assert again[side] == trained.metrics()[side]
    assert_frame_equal(
        pl.read_parquet(tmp_path / "again" / "predictions.parquet"),
        pl.read_parquet(trained.run_dir / "predictions.parquet"),
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own, while it compiles
def test_a_compiled_network_trains_to_the_same_numbers(trained, run, tmp_path):
    folder = tmp_path / "compiled"
    run(trained.folder, "train", *trained.overrides, "trainer.compile=eager", f"paths.run_dir={folder}")
    made = json.loads((folder / "metrics.json").read_text())
    assert made["val"]["loss"] == pytest.approx(trained.metrics()["val"]["loss"], rel=1e-3)


def test_a_completed_run_is_not_done_again(trained, run):
    before = (trained.run_dir / "checkpoints" / "best.ckpt").stat().st_mtime_ns
    run(trained.folder, "train", *trained.overrides, f"paths.run_dir={trained.run_dir}")
    assert (trained.run_dir / "checkpoints" / "best.ckpt").stat().st_mtime_ns == before


def test_a_finished_run_of_other_data_says_what_changed_and_stays(trained, run, fails, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(trained.folder, folder)
    again = (*trained.overrides, f"paths.run_dir={folder / 'run'}")
    raw = folder / "outputs" / "simulated" / "demo"
    first, second, third = sorted(raw.rglob("*.parquet"))[:3]
    os.utime(first)  # written anew with the same content: no change
    run(folder, "train", *again)
    metadata = {key: value for key, value in pl.read_parquet_metadata(second).items() if key != "ARROW:schema"}
    pl.read_parquet(second).head(200).write_parquet(second, metadata=metadata)
    shutil.copy(third, third.with_stem("more"))
    results = (folder / "run" / "metrics.json").read_bytes()

    message = fails(folder, "train", *again)

    assert "paths.run_dir" in message
    assert f"1 added (more); 1 modified ({second.stem})" in message
    assert (folder / "run" / "metrics.json").read_bytes() == results


def test_a_run_folder_of_other_settings_is_refused(trained, fails):
    message = fails(trained.folder, "train", *trained.overrides, "seed=5", f"paths.run_dir={trained.run_dir}")
    assert "holds a run with other settings" in message
    assert "paths.run_dir" in message


def test_an_interrupted_run_goes_on_and_ends_the_same(trained, run, tmp_path, monkeypatch):
    interrupted = tmp_path / "run"
    begin = Learner.on_train_epoch_start

    def power_cut(self):
        if self.current_epoch == 2:
            raise RuntimeError("power cut")
        begin(self)

    monkeypatch.setattr(Learner, "on_train_epoch_start", power_cut)
    with pytest.raises(SystemExit):
        run(trained.folder, "train", *trained.overrides, f"paths.run_dir={interrupted}")
    assert torch.load(interrupted / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1
    record = json.loads((interrupted / "run.json").read_text())
    assert (record["state"], "power cut" in record["reason"]) == ("failed", True)
    monkeypatch.undo()
    run(trained.folder, "train", *trained.overrides, f"paths.run_dir={interrupted}")
    assert json.loads((interrupted / "metrics.json").read_text())["test"] == trained.metrics()["test"]
    ours = torch.load(interrupted / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    theirs = torch.load(trained.run_dir / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    losses = [
        pl.read_csv(path / "metrics.csv").select("epoch", "train/loss").drop_nulls()
        for path in (interrupted, trained.run_dir)
    ]
    assert_frame_equal(*losses)


@pytest.mark.parametrize("model", ["locclusternet", "clusternet"])
def test_every_model_trains(trained, run, tmp_path, model):
    overrides = [*trained.overrides, f"model={model}", "trainer.max_epochs=1", "controls=false"]
    run(trained.folder, "train", *overrides, f"paths.run_dir={tmp_path / 'run'}")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["status"] == "completed"


@pytest.mark.parametrize(
    "parts",
    [
        ["loss=focal", "schedule=one_cycle", "average=moving", "mixup=manifold", "sampler=balanced"],
        ["schedule=plateau", "average=moving"],
        ["schedule=constant"],
    ],
    ids=len,
)
def test_every_part_of_training_trains_and_is_evaluated_alike(trained, run, tmp_path, parts):
    overrides = [*trained.overrides, *(f"training/{part}" for part in parts), "training.class_weights=none"]
    run(trained.folder, "train", *overrides, "controls=false", f"paths.run_dir={tmp_path / 'run'}")
    test = json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]

    run(tmp_path, "eval", f"ckpt_path={tmp_path / 'run' / 'checkpoints' / 'best.ckpt'}")

    (metrics,) = tmp_path.glob("outputs/runs/eval/*/metrics.json")
    assert json.loads(metrics.read_text())["test"] == pytest.approx(test, abs=1e-6)
    assert test["loss"] != trained.metrics()["test"]["loss"]


def test_strong_augmentation_trains_in_3d(run, tiny, tmp_path):
    overrides = ["simulation.origami.dimensions=3", "model=locclusternet", "augment=strong", "controls=false"]
    run(tmp_path, "train", *tiny, *overrides, "trainer.max_epochs=1", f"paths.run_dir={tmp_path / 'run'}")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["status"] == "completed"


def test_featextracted_tables_give_the_same_as_raw_files(trained, run, tmp_path):
    tables = trained.folder / trained.metrics()["tables"]
    overrides = [
        text for text in trained.overrides
        if not text.startswith(("simulation", "clustering", "views", "experiment"))
    ]  # fmt: skip
    run(
        tmp_path, "train", *overrides, "data=featextracted", f"data.featextracted_dir={tables}", "model=invariantnet",
        "graph/cluster_edges=all_pairs", "augment=none", "model.cluster_encoder.dropout=0.1", "model.head.dropout=0.2",
        f"paths.run_dir={tmp_path / 'run'}",
    )  # fmt: skip
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["test"] == trained.metrics()["test"]


def test_featextracted_refuses_settings_that_would_have_no_effect(fails, tmp_path):
    message = fails(
        tmp_path, "train", "data=featextracted", f"data.featextracted_dir={tmp_path}", "clustering.eps_nm=3"
    )
    assert "clustering.eps_nm=3" in message
    assert "no effect" in message


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["fold.index=3"], "fold.index: expected one of the 3 folds, 0 to 2, found 3"),
        (["fold.index=-1"], "fold.index: expected one of the 3 folds, 0 to 2, found -1"),
        (["fold.index=first"], "locgraph.data.folds.Stratified"),
        (["seed=abc"], "seed: expected a whole number of at least 0, found 'abc'"),
        (["trainer.devices=2"], "trainer.devices: expected 1"),
        (["model.cluster_encoder.n_gaussians=1"], "model.cluster_encoder.n_gaussians"),
        (["training.optimizer.lr=-1"], "training.optimizer: Invalid learning rate: -1"),
        (["trainer.precision=16-true"], "trainer.precision: 16-true cannot be run on this CPU"),
        (["trainer.precision=fp8"], "trainer.precision: fp8 cannot be run"),
        (["columns=nm", "columns.required=[x,y,photon_count]"], "none for photon_count"),
        (["columns=nm", "columns.unit=px"], "pixel_size_nm"),
        (["columns=nm", "columns.unit=null"], "columns.unit: expected the unit"),
        (["clustering.nonsense=1"], "nonsense"),
        (["training.class_weights=heavy"], "training.class_weights: expected balanced, none"),
        (["views.count=0"], "views.count: expected"),
        (["fold.n_folds=30"], "fold.n_folds: 30 folds need at least that many FOVs of each class"),
        (["loader.batch_size=0"], "loader.batch_size: expected a whole number of at least 1, found 0"),
        (["augment=strong", "augment.scale.low=2"], "augment.scale"),
    ],
)
def test_wrong_settings_are_told_in_one_message(trained, fails, tmp_path, overrides, expected):
    message = fails(trained.folder, "train", *trained.overrides, *overrides, f"paths.run_dir={tmp_path / 'run'}")
    assert expected in message


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["trainer.compile=nonsense"], "found 'nonsense'"),
        (["trainer=ddp", "trainer.devices=2", "trainer.compile=eager"], "expected null with several devices"),
    ],
)
def test_what_cannot_be_compiled_is_refused(trained, fails, overrides, expected):
    message = fails(trained.folder, "train", *trained.overrides, *overrides)
    assert "trainer.compile: expected null" in message
    assert expected in message


def test_a_missing_gpu_is_told_before_work(trained, fails, tmp_path):
    message = fails(
        trained.folder, "train", *trained.overrides, "trainer.accelerator=gpu", f"paths.run_dir={tmp_path}/r"
    )
    assert "needs a CUDA device, found none" in message


def test_an_empty_folder_is_told(fails, tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    message = fails(tmp_path, "train", f"data.raw_dir={tmp_path / 'empty'}")
    assert "data.raw_dir" in message
    assert str(tmp_path / "empty") in message


def test_a_missing_required_value_is_told(fails, tmp_path):
    assert "data.raw_dir" in fails(tmp_path, "train")


def test_a_class_that_training_never_saw_is_told(trained, fails, tmp_path):
    plan = json.loads((trained.run_dir / "folds.json").read_text())
    fold = plan["folds"][0]
    fold["train"] = [name for name in fold["train"] if name.startswith("T")]
    path = tmp_path / "folds.json"
    path.write_text(json.dumps({"folds": [fold]}))
    overrides = [text for text in trained.overrides if not text.startswith("fold")]
    message = fails(
        trained.folder, "train", *overrides, "fold=from_file", f"fold.path={path}", f"paths.run_dir={tmp_path}/r"
    )
    assert "classes ['L'] are in val but not in training" in message


@pytest.fixture
def spoiled(trained, tmp_path):
    """The raw files of the small run, and a function that spoils some of them."""
    raw = tmp_path / "raw"
    shutil.copytree(trained.folder / "outputs" / "simulated" / "demo", raw)
    (raw / "simulation.json").unlink()

    def spoil(n: int) -> list[str]:
        files = sorted(raw.glob("T_*.parquet"))[:n]
        for path in files:
            path.write_bytes(path.read_bytes()[:200])
        return [path.stem for path in files]

    overrides = [text for text in trained.overrides if not text.startswith(("experiment", "simulation"))]
    overrides += [
        "clustering=kmeans", "graph/cluster_edges=all_pairs", "model=invariantnet", "views=thinned",
        f"data.raw_dir={raw}", "controls=false",
    ]  # fmt: skip
    return spoil, sorted(overrides, key=lambda text: "." in text.split("=")[0])


def test_one_bad_fov_is_named_and_the_others_go_on(spoiled, run, tmp_path):
    spoil, overrides = spoiled
    (bad,) = spoil(1)
    run(tmp_path, "train", *overrides, f"paths.run_dir={tmp_path / 'run'}")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["status"] == "completed"
    log = (tmp_path / "run" / "train.log").read_text()
    assert "17 FOVs ready, 1 failed" in log
    assert bad in log


def test_too_many_bad_fovs_stop_the_command(spoiled, fails, tmp_path):
    spoil, overrides = spoiled
    bad = spoil(3)
    message = fails(tmp_path, "train", *overrides, f"paths.run_dir={tmp_path / 'run'}")
    assert "max_failed_fraction" in message
    assert bad[0] in message
    failed = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert failed["status"] == "failed"
    assert "max_failed_fraction" in failed["reason"]
