"""Two processes on the CPU train one network together."""

import json

import numpy as np
import polars as pl
import pytest

pytestmark = pytest.mark.slow

ALIKE = (
    *("trainer.precision=32-true", "model.cluster_encoder.dropout=0", "model.head.dropout=0", "loader.batch_size=4"),
    *("training.class_weights={T:1,L:3}", "trainer.max_epochs=2", "controls=false", "callbacks=early_stopping"),
    "+callbacks.live._target_=locgraph.learn.live.Live",
)


@pytest.fixture
def train(trained, run, tmp_path):
    def call(name, *overrides):
        run_dir = tmp_path / name
        run(trained.folder, "train", *trained.overrides, *ALIKE, *overrides, f"paths.run_dir={run_dir}")
        return run_dir

    return call


def test_two_processes_train_as_one_and_predict_each_fov_once(train, trained):
    one = train("one", "trainer=cpu")
    two = train("two", "trainer=ddp", "trainer.accelerator=cpu")
    histories = [pl.read_csv(path / "metrics.csv", infer_schema_length=None) for path in (one, two)]
    for name in ("train/loss", "val/loss", "val/accuracy", "test/loss"):
        ours, theirs = (history[name].drop_nulls().to_numpy() for history in histories)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, err_msg=name)
    metrics = [json.loads((path / "metrics.json").read_text()) for path in (one, two)]
    assert metrics[0]["epochs"] == metrics[1]["epochs"] == 2
    assert metrics[1]["test"] == pytest.approx(metrics[0]["test"], rel=1e-4)
    tables = [pl.read_parquet(path / "predictions.parquet") for path in (one, two)]
    assert tables[0].select("fov_id", "split").equals(tables[1].select("fov_id", "split"))
    assert tables[1]["fov_id"].is_unique().all()
    np.testing.assert_allclose(*(table.select("^p_.*$").to_numpy() for table in tables), atol=1e-4)
    lives = [pl.read_parquet(path / "live" / "epoch_0001.parquet").sort("fov_id") for path in (one, two)]
    assert lives[0].select("fov_id", "truth").equals(lives[1].select("fov_id", "truth"))
    np.testing.assert_allclose(*(table.select("^[pv]_.*$").to_numpy() for table in lives), rtol=1e-3, atol=1e-3)
    assert sorted(path.name for path in (two / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["trainer=ddp", "trainer.strategy=ddp"], "several devices need trainer=ddp, whose strategy is ddp_spawn"),
        (["trainer=ddp", "trainer.devices=0"], "trainer.devices: expected a number of devices"),
        (["trainer=ddp", "+trainer.num_nodes=2"], "trainer.num_nodes: expected 1"),
        (["trainer=ddp", "trainer.devices=9", "trainer.accelerator=cpu"], "as validation FOVs (3), found 9"),
    ],
)
def test_devices_that_cannot_train_together_are_refused(trained, fails, tmp_path, overrides, expected):
    message = fails(trained.folder, "train", *trained.overrides, *overrides, f"paths.run_dir={tmp_path / 'run'}")
    assert expected in message
