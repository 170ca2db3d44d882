"""The parts of a training run made from settings, and what loggers and controls get of it."""

import shutil
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
from torch_geometric.data import HeteroData

from builders.loggers import written
from locgraph.analysis import control_inputs
from locgraph.api.config import plain
from locgraph.api.training import fit, parts
from locgraph.api.training.network import make_network
from locgraph.data.augment import Jitter, Rotation, Scale, Shear, Thinning
from locgraph.data.folds import Split
from locgraph.data.sampler import BalancedSampler, EpochSampler
from locgraph.errors import CheckpointError, ConfigError
from locgraph.io.featextracted import read_fov
from locgraph.learn.checkpoint import make_record
from locgraph.learn.losses import CrossEntropy, Focal, ManifoldMixup
from locgraph.learn.optimisation import MovingAverage
from locgraph.learn.run import RunWriter
from locgraph.learn.tasks.fov import FovTask
from locgraph.learn.tasks.localisation import LocalisationTask
from locgraph.nn.sizes import DataSizes


@pytest.fixture
def settings(fold):
    """All settings of the small run, in 32 bits on the CPU; they may be changed."""
    settings = plain(fold.cfg)
    settings["trainer"] |= {"accelerator": "cpu", "precision": "32-true"}
    return settings


@pytest.fixture
def task():
    return FovTask(("T", "L"))


@pytest.fixture
def make_data(fold, settings, task):
    return lambda split=None: parts.make_data(settings, fold.prepared, task, split or fold.split)


@pytest.fixture
def make_learner(fold, settings, task, make_data):
    """Makes the learner of the small run, with these changes of its record."""

    def make(**changes):
        data = make_data()
        sizes = parts.data_sizes(data)
        record = make_record(settings, fold.prepared.graph_settings, fold.prepared.units, data, sizes) | changes
        return parts.make_learner(settings, make_network(settings["model"], sizes), task, data, record), data

    return make


def composed_settings(composed, *overrides):
    fixed = ("data.raw_dir=raw", "trainer.accelerator=cpu", "trainer.precision=32-true")
    return plain(composed("train", *fixed, *overrides))


def test_data_of_the_fold(fold, settings, make_data):
    settings["loader"]["batch_size"], settings["seed"], settings["scaling"]["positions"] = 5, 7, "per_fov"
    settings["augment"] = {"turn": {"_target_": "locgraph.data.augment.Rotation"}}

    data = make_data()

    assert data.split is fold.split
    assert data.class_names == ("T", "L")
    assert all(data.labels[name] == name[0] for name in (*fold.split.train, *fold.split.test))
    assert (data.loader.batch_size, data.seed, data.scaling.positions) == (5, 7, "per_fov")
    assert [type(transform) for transform in data.transforms] == [Rotation]
    assert len(data.load(fold.split.test[0])) == 2


def test_each_column_is_scaled_as_its_feature_states(fold, make_data):
    names = fold.prepared.graph_settings["cluster_features"]

    scales = dict(zip(names, make_data().fitted_scaler().scales["cluster"], strict=True))

    assert scales["density_hull"] == scales["area_pca"] == scales["count"] == "log"
    assert scales["linearity"] == scales["circularity"] == "linear"


def test_tables_that_record_no_scale_are_scaled_by_their_extremes(fold):
    covariance = {"covariance": {"_target_": "locgraph.graphs.descriptors.Covariance"}}
    graph = fold.prepared.graph_settings | {"localisation_features": ["photons", "p_value"], "descriptors": covariance}
    prepared = replace(fold.prepared, scales={}, graph_settings=graph)

    stated = parts.stated_scales(prepared)

    assert set(stated["cluster"]) == {None}
    assert stated["localisation"] == [None, "fraction"]
    assert stated["field_of_view"] == ["log", "log"]
    assert stated["supercluster"] == ["log", "log", "linear"]


def test_features_without_spread_are_named(trained, fold, make_data, caplog):
    assert not any("without spread" in warning for warning in trained.metrics()["warnings"])
    data = make_data()
    assert parts.warn_of_flat_features(data, fold.prepared) == ()
    names = fold.prepared.graph_settings["cluster_features"]
    data.scaler = replace(data.fitted_scaler(), flat={"cluster": [names.index("area_hull")]})

    (warning,) = parts.warn_of_flat_features(data, fold.prepared)

    assert warning.startswith("scaled features without spread on the training side: area_hull. ")
    assert warning in caplog.messages


def test_sizes_of_the_small_run(fold, make_data):
    assert parts.data_sizes(make_data()) == DataSizes(
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
        localisation_classes=("x", "y"),
    )

    assert parts.data_sizes(data) == DataSizes(
        3, 7, 6, 2, levels=2, supercluster_features=3, superlevels=2, descriptors=8, localisation_classes=2
    )
    assert asked == ["b"]


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
def test_parts_of_training(composed, settings, make_learner, overrides, loss, sampler, mixup):
    settings["training"] = composed_settings(composed, *overrides)["training"]

    learner, data = make_learner(format=1)

    assert type(learner.task.criterion) is loss
    assert type(learner.task.mixup) is (mixup or type(None))
    assert type(data.train_dataloader().sampler) is sampler
    assert learner.record["format"] == 1
    if overrides:
        assert learner.task.criterion.class_weights.tolist() == [1.0, 3.0]
    else:
        assert learner.task.criterion.label_smoothing == 0.05


def test_augmentation_in_the_order_of_the_config(composed, fold):
    augment = composed_settings(composed, "augment=strong")["augment"]

    transforms = parts.make_transforms(augment, fold.prepared)

    assert [type(transform) for transform in transforms] == [Rotation, Jitter, Scale, Shear, Thinning]
    assert parts.make_transforms({}, fold.prepared) == parts.make_transforms(None, fold.prepared) == []


def test_scale_knows_the_power_of_length_of_each_feature(composed, fold):
    prepared = replace(
        fold.prepared,
        units={"count": "1", "area_hull": "nm^2", "density_hull": "1/nm^2", "precision": "nm", "photons": "photons"},
        graph_settings={
            "cluster_features": ["density_hull", "count", "area_hull"],
            "localisation_features": ["photons", "precision", "unheard_of"],
        },
    )

    transforms = parts.make_transforms(composed_settings(composed, "augment=strong")["augment"], prepared)

    powers = next(transform for transform in transforms if isinstance(transform, Scale)).length_powers
    assert {node: values.tolist() for node, values in powers.items()} == {
        "cluster": [-2, 0, 2],
        "localisation": [0, 1, 0],
    }


def test_what_is_no_transform_is_refused(fold):
    with pytest.raises(ConfigError, match=r"augment\.own: expected a Transform, found a SimpleNamespace"):
        parts.make_transforms({"own": {"_target_": "types.SimpleNamespace"}}, fold.prepared)


def test_the_moving_average_is_a_part_of_the_run(composed, tmp_path):
    decays, fingerprints = [], []
    for overrides in ([], ["training/average=moving", "training.average.decay=0.5"]):
        settings = composed_settings(composed, *overrides)
        trainer = parts.make_trainer(settings, tmp_path, [])
        decays.append([callback.decay for callback in trainer.callbacks if isinstance(callback, MovingAverage)])
        fingerprints.append(RunWriter(tmp_path, settings).fingerprint)

    assert decays == [[], [0.5]]
    # unlike other callbacks it decides the result: a run does not continue with another one
    assert fingerprints[0] != fingerprints[1]


def test_a_run_whose_data_have_changed_does_not_continue(trained, settings, make_learner, tmp_path):
    shutil.copytree(trained.run_dir / "checkpoints", tmp_path / "checkpoints")
    learner, data = make_learner(class_names=["L", "T"])

    with pytest.raises(CheckpointError, match=r"`class_names` was \['T', 'L'\], is \['L', 'T'\]; bring the data back"):
        fit.fit(parts.make_trainer(settings, tmp_path, []), learner, data, RunWriter(tmp_path, settings))


def test_a_truncated_last_checkpoint_is_refused(trained, settings, make_learner, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    content = (trained.run_dir / "checkpoints" / "last.ckpt").read_bytes()
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(content[:1000])
    learner, data = make_learner()

    with pytest.raises(CheckpointError, match=r"last\.ckpt: cannot be read: it is truncated"):
        fit.fit(parts.make_trainer(settings, tmp_path, []), learner, data, RunWriter(tmp_path, settings))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": -1}, r"^training\.optimizer: Invalid learning rate: -1"),
        ({"speed": 3}, r"^training\.optimizer\.speed: torch\.optim\.AdamW has no such argument"),
    ],
)
def test_an_optimiser_that_cannot_work_is_refused(settings, change, message):
    settings["training"]["optimizer"] |= change

    with pytest.raises(ConfigError, match=message):
        parts.make_optimizer(settings)


def test_the_history_is_always_written(tmp_path):
    logger = parts.history_logger(tmp_path)
    logger.log_metrics({"val/loss": 0.5}, step=3)

    assert isinstance(logger, CSVLogger)
    assert Path(logger.log_dir) == tmp_path
    assert pl.read_csv(tmp_path / "metrics.csv").to_dicts() == [{"step": 3, "val/loss": 0.5}]


def test_the_trainer_writes_into_the_run_folder(composed, tmp_path):
    trainer = parts.make_trainer(composed_settings(composed, "trainer.max_epochs=7"), tmp_path, [])

    checkpoints = {call.filename: call for call in trainer.callbacks if isinstance(call, ModelCheckpoint)}
    assert {name: (call.dirpath, call.monitor) for name, call in checkpoints.items()} == {
        "best": (str(tmp_path / "checkpoints"), "val/loss"),
        "last": (str(tmp_path / "checkpoints"), None),
    }
    assert trainer.default_root_dir == str(tmp_path)
    assert trainer.max_epochs == 7
    assert len([call for call in trainer.callbacks if type(call).__name__ == "EarlyStopping"]) == 1


def test_an_error_of_lightning_is_one_message_and_the_loggers_are_closed(fold, settings, task, tmp_path, monkeypatch):
    def refuse(*given):
        raise MisconfigurationException("no such thing")

    monkeypatch.setattr(fit, "fit", refuse)
    settings["logger"] = {"mine": {"_target_": "builders.loggers.Everything", "path": str(tmp_path / "all.txt")}}

    with pytest.raises(ConfigError, match="trainer or callbacks: no such thing"):
        fit.fit_and_test(settings, RunWriter(tmp_path, settings), fold.prepared, task, fold.split)
    assert written(tmp_path / "all.txt")[-1] == {"closed": True}


def test_every_logger_gets_the_scores_of_the_test(tmp_path):
    logger = parts.history_logger(tmp_path)

    fit.log_scores([logger], {"accuracy": 0.5, "loss": 1.25}, step=7)

    assert pl.read_csv(tmp_path / "metrics.csv").select("test/accuracy", "test/loss").rows() == [(0.5, 1.25)]


def test_controls_get_view_0_alone_and_learn_from_training_and_validation(fold, settings, task, monkeypatch, tmp_path):
    given = {}
    rows = pl.DataFrame({"control": ["none"] * 2, "truth": ["T", "L"], "prediction": ["T", "T"]})

    def predict_controls(inputs, labels, train, test, seed):
        given.update(clustered=inputs.clustered, labels=labels, train=train, test=test, seed=seed)
        return rows

    monkeypatch.setattr(fit, "predict_controls", predict_controls)
    settings["seed"] = 11

    controls = fit.make_controls(settings, fold.prepared, task, fold.split, tmp_path)

    (row,) = controls["controls"]
    assert (row["control"], row["accuracy"]) == ("none", 0.5)
    assert pl.read_parquet(tmp_path / "control_predictions.parquet").equals(rows)
    assert given["train"] == (*fold.split.train, *fold.split.val)
    assert (given["test"], given["seed"]) == (fold.split.test, 11)
    table = fold.prepared.manifest.table
    sizes = dict(zip(table["fov_id"], table["n_localisations"], strict=True))
    assert {name: points.shape for name, points in given["clustered"].items()} == {
        name: (size, 2) for name, size in sizes.items()
    }
    assert all(np.isfinite(points).all() for points in given["clustered"].values())


def test_controls_of_the_run_can_be_made_again(trained, fold, settings, task, tmp_path):
    controls = fit.make_controls(settings, fold.prepared, task, fold.split, tmp_path)

    assert controls["controls"] == trained.metrics()["controls"]


def test_no_controls(fold, settings, task, tmp_path):
    no_fovs = fit.make_controls(settings, fold.prepared, LocalisationTask("xy"), fold.split, tmp_path)
    assert no_fovs["controls"] == []
    assert "predicts those of localisations alone" in no_fovs["no_controls"]
    settings["controls"] = False
    assert fit.make_controls(settings, fold.prepared, task, fold.split, tmp_path) == {"controls": []}


def test_controls_get_localisations_without_a_cluster_too(fold, monkeypatch):
    def read_with_noise(tables, fov_id):
        fov = read_fov(tables, fov_id)
        noise = fov.locs.head(9).with_columns(pl.lit(1e6).alias("x"), pl.lit(-1, pl.Int64).alias("cluster_id"))
        return replace(fov, locs=pl.concat([noise, fov.locs]))

    (name, *_), prepared = fold.split.train, fold.prepared
    before = control_inputs.read_inputs(prepared.tables, [name], prepared.manifest.table)
    monkeypatch.setattr(control_inputs, "read_fov", read_with_noise)
    inputs = control_inputs.read_inputs(prepared.tables, [name], prepared.manifest.table)

    assert len(inputs.positions[name]) == len(before.positions[name]) + 9
    np.testing.assert_equal(inputs.clustered, before.clustered)
    np.testing.assert_equal(inputs.features, before.features)


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
