"""The parts of one training run, and what loggers get of it."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from locgraph.cli.record import make_record
from torch_geometric.data import HeteroData

from locgraph.cli import assemble, fit
from locgraph.cli.run_folder import RunFolder
from locgraph.data.augment import Rotation
from locgraph.data.folds import Split
from locgraph.data.sampler import BalancedSampler, EpochSampler
from locgraph.errors import CheckpointError, ConfigError
from locgraph.io.featextracted import read_fov
from locgraph.learn.losses import CrossEntropy, Focal, ManifoldMixup
from locgraph.learn.optimisation import MovingAverage
from locgraph.nn.sizes import DataSizes


@pytest.fixture
def data(fold):
    return fit.make_data(fold.cfg, fold.prepared, fold.split)


def test_data_of_the_fold(fold):
    fold.cfg.loader.batch_size, fold.cfg.seed, fold.cfg.scaling.positions = 5, 7, "per_fov"
    fold.cfg.augment = {"turn": {"_target_": "locgraph.data.augment.Rotation"}}

    data = fit.make_data(fold.cfg, fold.prepared, fold.split)

    assert data.split is fold.split
    assert data.class_names == ("T", "L")
    assert all(data.labels[name] == name[0] for name in (*fold.split.train, *fold.split.test))
    assert (data.loader.batch_size, data.seed, data.scaling.positions) == (5, 7, "per_fov")
    assert [type(transform) for transform in data.transforms] == [Rotation]
    assert len(data.load(fold.split.test[0])) == 2


def test_sizes_of_the_small_run(fold, data):
    assert fit.make_sizes(data) == DataSizes(
        dimensions=2,
        n_classes=2,
        cluster_features=len(fold.prepared.graph_settings["cluster_features"]),
        localisation_features=0,
        levels=0,
    )


def test_sizes_are_read_off_the_graph():
    graph = HeteroData()
    graph["cluster"].pos, graph["cluster"].x = torch.zeros(4, 3), torch.zeros(4, 6)
    graph["localisation"].pos, graph["localisation"].x = torch.zeros(9, 3), torch.zeros(9, 2)
    graph["localisation_1"].pos = torch.zeros(5, 3)
    for name in ("supercluster", "supercluster_1"):
        graph[name].pos, graph[name].x = torch.zeros(2, 3), torch.zeros(2, 3)
    graph["field_of_view"].pos, graph["field_of_view"].x = torch.zeros(1, 3), torch.zeros(1, 8)
    asked = []
    data = SimpleNamespace(
        load=lambda fov_id: asked.append(fov_id) or [graph],
        split=Split(("b", "a"), ("c",), ()),
        class_names=("one",) * 7,
    )

    assert fit.make_sizes(data) == DataSizes(
        3, 7, 6, 2, levels=2, supercluster_features=3, superlevels=2, descriptors=8
    )
    assert asked == ["b"]


@pytest.mark.parametrize(
    ("choice", "expected"), [("balanced", [4 / (2 * 3), 4 / (2 * 1)]), ("none", None), (None, None)]
)
def test_class_weights(fold, choice, expected):
    of_class = {name: [fov for fov in fold.split.train if fov.startswith(name)] for name in "TL"}
    split = replace(fold.split, train=(*of_class["T"][:3], *of_class["L"][:1]))
    fold.cfg.training.class_weights = choice

    data = fit.make_data(fold.cfg, fold.prepared, split)
    module = fit.make_module(fold.cfg, torch.nn.Linear(1, 1), data, {"format": 1})

    found = module.loss.class_weights
    assert found is None if expected is None else found.tolist() == pytest.approx(expected)
    assert module.record == {"format": 1}


def test_class_weights_that_are_none(fold, data):
    fold.cfg.training.class_weights = "heavy"

    with pytest.raises(ConfigError, match=r"training\.class_weights must be balanced or none, found 'heavy'"):
        fit.make_module(fold.cfg, torch.nn.Linear(1, 1), data, {})


@pytest.mark.parametrize(
    ("overrides", "loss", "sampler", "mixup"),
    [
        ([], CrossEntropy, EpochSampler, None),
        (["training/loss=focal", "training.class_weights=[1,3]"], Focal, EpochSampler, None),
        (
            ["training/sampler=balanced", "training/mixup=manifold", "training.class_weights={T: 1, L: 3}"],
            CrossEntropy,
            BalancedSampler,
            ManifoldMixup,
        ),
    ],
)
def test_parts_of_training(fold, composed, overrides, loss, sampler, mixup):
    cfg = fold.cfg
    cfg.training = composed("train", *overrides).training
    data = fit.make_data(cfg, fold.prepared, fold.split)

    module = fit.make_module(cfg, torch.nn.Linear(1, 1), data, {})

    assert type(module.loss) is loss
    assert type(module.mixup) is (mixup or type(None))
    assert type(data.train_dataloader().sampler) is sampler
    if overrides:
        assert module.loss.class_weights.tolist() == [1.0, 3.0]
    else:
        assert module.loss.label_smoothing == 0.05


def test_the_moving_average_is_a_part_of_the_run(composed, tmp_path):
    averages = []
    for overrides in ([], ["training/average=moving", "training.average.decay=0.5"]):
        cfg = composed("train", "trainer.accelerator=cpu", "trainer.precision=32-true", *overrides)
        folder = RunFolder(tmp_path, cfg)
        trainer = fit.make_trainer(cfg, folder, [])
        averages.append(([call.decay for call in trainer.callbacks if isinstance(call, MovingAverage)], folder))

    assert [decays for decays, _ in averages] == [[], [0.5]]
    # unlike other callbacks it decides the result: a run does not go on with another one
    assert averages[0][1].fingerprint != averages[1][1].fingerprint


@pytest.fixture
def on_cpu(fold):
    """The configuration of the small run, in 32 bits on the CPU."""
    fold.cfg.trainer.accelerator, fold.cfg.trainer.precision = "cpu", "32-true"
    return fold.cfg


def test_a_run_whose_data_have_changed_does_not_go_on(trained, fold, on_cpu, data, tmp_path):
    shutil.copytree(trained.run_dir / "checkpoints", tmp_path / "checkpoints")
    sizes = fit.make_sizes(data)
    record = make_record(on_cpu, fold.prepared, data, sizes) | {"class_names": ["L", "T"]}
    module = fit.make_module(on_cpu, assemble.network(on_cpu.model, sizes), data, record)
    folder = RunFolder(tmp_path, on_cpu)

    with pytest.raises(CheckpointError, match=r"`class_names` was \['T', 'L'\], is \['L', 'T'\]; bring the data back"):
        fit.fit(fit.make_trainer(on_cpu, folder, []), module, data, folder)


def test_a_truncated_last_checkpoint_is_told(trained, on_cpu, data, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    content = (trained.run_dir / "checkpoints" / "last.ckpt").read_bytes()
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(content[:1000])
    module = fit.make_module(on_cpu, torch.nn.Linear(1, 1), data, {})
    folder = RunFolder(tmp_path, on_cpu)

    with pytest.raises(CheckpointError, match=r"last\.ckpt: cannot be read: it is truncated"):
        fit.fit(fit.make_trainer(on_cpu, folder, []), module, data, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": -1}, r"training\.optimizer: Invalid learning rate: -1"),
        ({"speed": 3}, r"training\.optimizer: .*'speed'"),
    ],
)
def test_an_optimiser_that_cannot_work_is_told_before_training(fold, change, message):
    fold.cfg.training.optimizer = dict(fold.cfg.training.optimizer) | change

    with pytest.raises(ConfigError, match=message):
        fit.make_optimizer(fold.cfg)


def test_the_csv_logger_is_always_there(composed, tmp_path):
    (logger,) = fit.make_loggers(composed("train"), tmp_path)

    assert isinstance(logger, CSVLogger)
    assert Path(logger.log_dir) == tmp_path


def test_loggers_get_the_folder_names_and_all_settings(composed, tmp_path, monkeypatch):
    given, logged = [], []

    def build(leaf, **names):
        given.append((leaf["_target_"].rsplit(".")[-1], names))
        return SimpleNamespace(log_hyperparams=logged.append)

    monkeypatch.setattr(fit.assemble, "build", build)
    cfg = composed("train", "experiment=demo", "fold.index=2", "logger=[tensorboard,wandb]")

    loggers = fit.make_loggers(cfg, tmp_path)

    assert len(loggers) == 3
    assert given == [
        ("tensorboard_logger", {"folder": str(tmp_path)}),
        ("wandb_logger", {"folder": str(tmp_path), "name": "demo-fold2", "group": "demo"}),
    ]
    assert len(logged) == 2
    assert all(settings["fold"]["index"] == 2 and type(settings["fold"]) is dict for settings in logged)


def test_the_trainer_writes_into_the_run_folder(composed, tmp_path):
    cfg = composed("train", "trainer.accelerator=cpu", "trainer.precision=32-true", "trainer.max_epochs=7")

    trainer = fit.make_trainer(cfg, RunFolder(tmp_path, cfg), [])

    checkpoints = {call.filename: call for call in trainer.callbacks if isinstance(call, ModelCheckpoint)}
    assert {name: (call.dirpath, call.monitor) for name, call in checkpoints.items()} == {
        "best": (str(tmp_path / "checkpoints"), "val/loss"),
        "last": (str(tmp_path / "checkpoints"), None),
    }
    assert trainer.default_root_dir == str(tmp_path)
    assert trainer.max_epochs == 7
    assert len([call for call in trainer.callbacks if type(call).__name__ == "EarlyStopping"]) == 1


def test_what_the_trainer_refuses_is_told_and_the_loggers_are_finished(fold, tmp_path, monkeypatch):
    def refuse(*given):
        raise MisconfigurationException("no such thing")

    finished = []
    monkeypatch.setattr(fit, "make_trainer", refuse)
    monkeypatch.setattr(fit, "finish", finished.append)

    with pytest.raises(ConfigError, match="trainer or callbacks: no such thing"):
        fit.fit_and_test(fold.cfg, RunFolder(tmp_path, fold.cfg), fold.prepared, fold.split, {})
    assert [type(logger) for logger in finished[0]] == [CSVLogger]


def test_time_is_noted(monkeypatch):
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(fit.time, "perf_counter", lambda: next(clock))
    seconds = {"prepare": 1.0}

    with fit.timed(seconds, "train"):
        pass

    assert seconds == {"prepare": 1.0, "train": 2.5}


def test_every_logger_gets_the_scores_of_the_test(tmp_path):
    logger = fit.csv_logger(str(tmp_path))

    fit.log_scores([logger], {"accuracy": 0.5, "loss": 1.25}, step=7)

    assert pl.read_csv(tmp_path / "metrics.csv").select("test/accuracy", "test/loss").rows() == [(0.5, 1.25)]


def test_controls_see_view_0_alone_and_learn_from_training_and_validation(fold, monkeypatch):
    seen = {}

    def run_controls(positions, labels, train, test, seed):
        seen.update(positions=positions, labels=labels, train=train, test=test, seed=seed)
        return pl.DataFrame({"control": ["none"], "accuracy": [0.5]})

    monkeypatch.setattr(fit, "run_controls", run_controls)
    fold.cfg.seed = 11

    rows = fit.controls(fold.cfg, fold.prepared, fold.split)

    assert rows == [{"control": "none", "accuracy": 0.5}]
    assert seen["train"] == (*fold.split.train, *fold.split.val)
    assert (seen["test"], seen["seed"]) == (fold.split.test, 11)
    table = fold.prepared.manifest.table
    sizes = dict(zip(table["fov_id"], table["n_localisations"], strict=True))
    assert {name: points.shape for name, points in seen["positions"].items()} == {
        name: (size, 2) for name, size in sizes.items()
    }
    assert all(np.isfinite(points).all() for points in seen["positions"].values())


def test_controls_of_the_run_can_be_made_again(trained, fold):
    assert fit.controls(fold.cfg, fold.prepared, fold.split) == trained.metrics()["controls"]


def test_controls_do_not_see_unclustered_localisations(fold, monkeypatch):
    def read_with_noise(tables, fov_id):
        fov = read_fov(tables, fov_id)
        noise = fov.locs.head(9).with_columns(pl.lit(1e6).alias("x"), pl.lit(-1, pl.Int64).alias("cluster_id"))
        return replace(fov, locs=pl.concat([noise, fov.locs]))

    seen = []
    monkeypatch.setattr(fit, "run_controls", lambda positions, *_: seen.append(positions) or pl.DataFrame())
    fit.controls(fold.cfg, fold.prepared, fold.split)
    monkeypatch.setattr(fit, "read_fov", read_with_noise)
    fit.controls(fold.cfg, fold.prepared, fold.split)

    np.testing.assert_equal(seen[1], seen[0])


def test_tensorboard_gets_curves_settings_and_pictures(trained, run, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    overrides = [*trained.overrides, "logger=tensorboard", "trainer.max_epochs=1", "controls=false"]

    run(trained.folder, "train", *overrides, f"paths.run_dir={tmp_path / 'run'}")

    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert {"train/loss", "val/loss", "val/accuracy", "test/accuracy"} <= set(events.Tags()["scalars"])
    assert {"confusion_matrix", "loss_curves"} <= set(events.Tags()["images"])
    table = pl.read_csv(tmp_path / "run" / "metrics.csv")
    assert events.Scalars("val/loss")[0].value == pytest.approx(table["val/loss"].drop_nulls()[0])
    assert "max_epochs: 1" in (tmp_path / "run" / "tensorboard" / "hparams.yaml").read_text()


@pytest.mark.slow
def test_wandb_works_without_key_and_network(trained, tmp_path):
    """In a process of its own, with a home of its own, where no key is."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "NETRC"))}
    # a proxy that is not there: whatever is sent, fails
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    environment |= {"HOME": str(tmp_path), **nowhere}
    overrides = [*trained.overrides, "logger=wandb", "trainer.max_epochs=1", "controls=false"]
    command = [sys.executable, "-m", "locgraph.cli", "train", *overrides, f"paths.run_dir={tmp_path / 'run'}"]

    done = subprocess.run(
        command,
        cwd=trained.folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )

    (offline,) = (tmp_path / "run" / "wandb").glob("offline-run-*")
    (stored,) = offline.glob("*.wandb")
    assert all(
        word in stored.read_bytes() for word in (b"val/accuracy", b"test/accuracy", b"demo-fold0", b"n_clusters")
    )
    pictures = {path.name.split("_")[0] for path in (offline / "files" / "media" / "images").iterdir()}
    assert {"confusion", "loss"} <= pictures
    assert "wandb sync" in done.stdout + done.stderr
    assert not (trained.folder / "wandb").exists()
