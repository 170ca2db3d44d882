"""Where training starts and what it leaves out: ckpt_path, train=false, test=false, fast_dev_run, callbacks."""

import json

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from locgraph.cli.commands import train
from locgraph.learn.module import Learner


def metrics_of(run_dir):
    return json.loads((run_dir / "metrics.json").read_text())


def weights_of(path):
    return torch.load(path, weights_only=True)["state_dict"]


@pytest.fixture
def go(trained, run, tmp_path):
    """Runs ``train`` on the data of the small run; returns the run folder."""

    def call(*overrides, name="run"):
        run_dir = tmp_path / name
        run(trained.folder, "train", *trained.overrides, *overrides, f"paths.run_dir={run_dir}")
        return run_dir

    return call


@pytest.fixture
def interrupted(go, monkeypatch, tmp_path):
    """The last checkpoint of the small run, stopped before its last epoch."""
    begin = Learner.on_train_epoch_start

    def power_cut(self):
        if self.current_epoch == 2:
            raise RuntimeError("power cut")
        begin(self)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "on_train_epoch_start", power_cut)
        with pytest.raises(SystemExit):
            go(name="interrupted")
    return tmp_path / "interrupted" / "checkpoints" / "last.ckpt"


def test_ckpt_path_goes_on_in_another_folder_and_ends_the_same(go, trained, interrupted):
    run_dir = go(f"ckpt_path={interrupted}")
    ours, theirs = (weights_of(path / "checkpoints" / "last.ckpt") for path in (run_dir, trained.run_dir))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    history = pl.read_csv(run_dir / "metrics.csv").select("epoch", "train/loss").drop_nulls()
    assert history["epoch"].to_list() == [2]


def test_train_false_tests_the_checkpoint_and_trains_nothing(go, trained):
    run_dir = go("train=false", f"ckpt_path={trained.run_dir}/checkpoints/best.ckpt")
    ours, theirs = metrics_of(run_dir), trained.metrics()
    for name in ("test", "val", "confusion_matrix", "controls", "class_names"):
        assert ours[name] == theirs[name]
    assert not (run_dir / "checkpoints").exists()
    assert_frame_equal(*(pl.read_parquet(path / "predictions.parquet") for path in (run_dir, trained.run_dir)))


def test_test_false_leaves_the_test_fovs_unseen(go, trained, run, tmp_path):
    run_dir = go("test=false", "tags=[pilot,day2]")
    assert json.loads((run_dir / "run.json").read_text())["tags"] == ["pilot", "day2"]
    metrics = metrics_of(run_dir)
    assert metrics["val"] == trained.metrics()["val"]
    assert not {"test", "confusion_matrix"} & metrics.keys()
    assert metrics["controls"] == []
    for name in ("predictions", "fov_vectors"):
        assert pl.read_parquet(run_dir / f"{name}.parquet")["split"].unique().to_list() == ["val"]
    assert not (run_dir / "gallery.png").exists()
    run(tmp_path, "summarise", f"folder={tmp_path}")
    assert json.loads((tmp_path / "summary.json").read_text())["reasons"]["0"].startswith("trained with test=false")


def test_the_best_validation_metric_is_returned(go, trained, monkeypatch):
    returned = []
    original = train.run
    monkeypatch.setattr(train, "run", lambda cfg: returned.append(original(cfg)))
    checkpoint = f"ckpt_path={trained.run_dir}/checkpoints/best.ckpt"
    for metric in ("loss", "accuracy"):
        others = ("controls=false", "trust.coverage=0.6")
        run_dir = go("train=false", checkpoint, f"optimized_metric=val/{metric}", *others, name="same")
        # the checkpoint was judged otherwise when it was trained
        assert metrics_of(run_dir)["calibration"]["coverage"] == 0.6
        assert returned[-1] == trained.metrics()["val"][metric]
    history = pl.read_csv(trained.run_dir / "metrics.csv")
    assert returned[0] == pytest.approx(history["val/loss"].min(), rel=1e-5)


@pytest.mark.parametrize("overrides", [["+trainer.fast_dev_run=true"], ["callbacks=none", "trainer.max_epochs=1"]])
def test_without_checkpoints_the_last_weights_are_tested(go, trained, overrides):
    run_dir = go(*overrides, "controls=false")
    assert not (run_dir / "checkpoints").exists()
    assert metrics_of(run_dir)["epochs"] == 1
    keys = ["fov_id", "split", "truth"]
    ours, theirs = (pl.read_parquet(path / "predictions.parquet").select(keys) for path in (run_dir, trained.run_dir))
    assert_frame_equal(ours, theirs)
    assert "the weights after the last step are tested" in (run_dir / "train.log").read_text()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["train=false"], "ckpt_path: train=false tests a checkpoint, found none"),
        (["train=no_way"], "train: expected true or false, found 'no_way'"),
        (["ckpt_path=absent.ckpt"], "ckpt_path: absent.ckpt: no such file"),
        (["ckpt_path=BEST", "init_from=BEST"], "ckpt_path: goes on with the training of a checkpoint, init_from"),
        (["ckpt_path=BEST", "train=false", "test=false"], "test: train=false and test=false leave nothing to do"),
        (["ckpt_path=BEST", "train=false", "fold.index=1"], "`split` was"),
        (["ckpt_path=LAST"], "has 3 epochs, so that nothing is left of trainer.max_epochs=3"),
        (["optimized_metric=test/accuracy"], "optimized_metric: expected a validation metric, val/NAME with one of"),
        (["optimized_metric=val/iou"], "balanced_accuracy, f1, auroc, loss, found 'val/iou'; the test never chooses"),
        (["callbacks=none", "+callbacks.early_stopping.patience=3"], "callbacks.early_stopping: expected a _target_"),
    ],
)
def test_starts_that_cannot_be_are_refused(trained, fails, tmp_path, overrides, expected):
    folder = trained.run_dir / "checkpoints"
    overrides = [
        text.replace("BEST", f"{folder}/best.ckpt").replace("LAST", f"{folder}/last.ckpt") for text in overrides
    ]
    message = fails(trained.folder, "train", *trained.overrides, *overrides, f"paths.run_dir={tmp_path / 'run'}")
    assert expected in message


def test_a_checkpoint_of_data_prepared_otherwise_is_refused(trained, fails, tmp_path):
    message = fails(
        trained.folder, "train", *trained.overrides, "views.keep=0.5", "train=false",
        f"ckpt_path={trained.run_dir}/checkpoints/best.ckpt", f"paths.run_dir={tmp_path / 'run'}",
    )  # fmt: skip
    assert "ckpt_path: " in message
    assert "was trained on data prepared with other settings of views" in message
