"""Files that training leaves of each epoch while it goes on."""

import json
import logging
import threading

import lightning.pytorch as lightning
import polars as pl
import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from polars.testing import assert_frame_equal

from locgraph.api.training.parts import history_logger
from locgraph.data.stored import NO_LABEL
from locgraph.errors import ConfigError, StorageError
from locgraph.learn import live
from locgraph.learn.checkpoint import FORMAT, load_weights, read_checkpoint
from locgraph.learn.live import Live, LiveFolder
from locgraph.learn.run import RunWriter
from locgraph.learn.tasks.base import Task
from locgraph.learn.tasks.fov import FovPrediction
from locgraph.learn.tasks.joint import JointTask
from locgraph.learn.tasks.localisation import LocalisationPrediction, LocalisationTask
from locgraph.learn.tasks.representation import Embedding, RepresentationTask
from locgraph.run_folder import epoch_file

pytestmark = pytest.mark.filterwarnings(
    "ignore:(Checkpoint|Experiment logs) directory .* exists and is not empty:UserWarning"
)

NAMES = tuple(f"f{i:02}" for i in range(20))  # as in conftest: the classes take turns
LABELS = {name: "ab"[i % 2] for i, name in enumerate(NAMES)}
RECORD = {"format": FORMAT, "versions": {"locgraph": "0.0"}, "class_names": ["a", "b"]}


class PowerCutError(Exception):
    """Ends a run."""


class Cut(Callback):
    """Ends a run at the start of one epoch, before it has written anything of it."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_batch_start(self, trainer, module, batch, batch_index):
        if trainer.current_epoch == self.epoch:
            raise PowerCutError


@pytest.fixture
def train(make_module, make_data, make_trainer):
    """Trains in a folder with `Live`, from its last checkpoint if there is one; gives the module."""

    def run(folder, callback=None, cut=None, epochs=3):
        last = ModelCheckpoint(folder, "last", enable_version_counter=False)
        module = make_module(record=RECORD | {"settings": {"fold": {"index": 2}}})
        writer = RunWriter(folder, {"fold": {}})
        writer.set_history_aside()
        trainer = make_trainer(
            max_epochs=epochs,
            callbacks=[callback or Live(), last, *([] if cut is None else [Cut(cut)])],
            logger=history_logger(folder),
            enable_checkpointing=True,
            default_root_dir=str(folder),
        )
        path = folder / "last.ckpt"
        trainer.fit(module, make_data(), ckpt_path=path if path.is_file() else None, weights_only=True)
        writer.join_history()
        return module

    return run


def state(folder):
    return json.loads((folder / "live" / "state.json").read_text())


def tables(folder):
    return {path.name: pl.read_parquet(path) for path in sorted((folder / "live").glob("*.parquet"))}


def test_an_epoch_holds_exactly_what_its_checkpoint_predicts(train, make_module, make_data, tmp_path):
    train(tmp_path)
    module, data = make_module(), make_data()
    load_weights(module.network, read_checkpoint(tmp_path / "last.ckpt"))
    evaluator = lightning.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, devices=1)
    again = evaluator.predict(module, data.evaluation_dataloader(data.split.val))

    written = tables(tmp_path)["epoch_0002.parquet"]

    probabilities = torch.cat([each.probabilities for each in again])
    assert written.select("p_a", "p_b").to_torch().equal(probabilities.double())
    vectors = torch.cat([each.vectors for each in again])
    assert written.select("^v_.*$").to_torch().equal(vectors)
    assert written["fov_id"].to_list() == list(NAMES[10:14])
    assert written["truth"].to_list() == [LABELS[name] for name in NAMES[10:14]]
    assert written["prediction"].to_list() == ["ab"[index] for index in probabilities.argmax(dim=1)]
    assert written["fold"].unique().to_list() == [2]
    assert written["split"].unique().to_list() == ["val"]


def test_the_state_holds_the_scores_of_the_history_and_the_best_epochs(train, tmp_path):
    train(tmp_path)
    found = state(tmp_path)
    history = pl.read_csv(tmp_path / "metrics.csv")
    for name in ("train/loss", "val/loss", "val/accuracy", "val/auroc"):
        expected = history.drop_nulls(name).sort("epoch")[name].to_list()
        assert [row["scores"][name] for row in found["epochs"]] == pytest.approx(expected)
    losses = [row["scores"]["val/loss"] for row in found["epochs"]]
    best = found["best"]
    assert best["val/loss"] == {"epoch": losses.index(min(losses)), "value": min(losses), "direction": "min"}
    accuracies = [row["scores"]["val/accuracy"] for row in found["epochs"]]
    assert best["val/accuracy"]["epoch"] == accuracies.index(max(accuracies))
    assert best["val/accuracy"]["direction"] == "max"
    assert not [name for name in best if not name.startswith("val/")]
    assert [row["file"] for row in found["epochs"]] == sorted(tables(tmp_path))
    assert all(row["seconds"] > 0 and row["learning_rate"] >= 0 for row in found["epochs"])
    assert (found["epoch"], found["max_epochs"], found["fold"], found["class_names"]) == (2, 3, 2, ["a", "b"])
    assert found["process"]["state"] == "ended"
    assert found["expected_end"] is None


def test_a_release_has_neither_fold_nor_validation(make_module, make_data, make_trainer, tmp_path):
    record = RECORD | {"settings": {"fold": {"index": 0}}, "split": {"train": list(NAMES), "val": []}}
    trainer = make_trainer(max_epochs=1, callbacks=[Live()], limit_val_batches=0, default_root_dir=str(tmp_path))
    trainer.fit(make_module(record=record), make_data())
    assert state(tmp_path)["fold"] is None
    assert list(state(tmp_path)["epochs"][0]["scores"]) == ["train/loss"]
    assert tables(tmp_path) == {}


def test_an_interrupted_run_continues_its_files(train, tmp_path):
    train(tmp_path / "whole")
    with pytest.raises(PowerCutError):
        train(tmp_path / "parts", cut=2)
    between = state(tmp_path / "parts")
    assert between["process"]["state"] == "stopped"
    assert len(between["epochs"]) == 2
    train(tmp_path / "parts")

    whole, parts = tables(tmp_path / "whole"), tables(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name in whole:
        assert_frame_equal(whole[name], parts[name])
    scores = [[row["scores"] for row in state(tmp_path / name)["epochs"]] for name in ("whole", "parts")]
    assert scores[0] == scores[1]


def test_a_run_that_starts_anew_forgets_the_epochs_before(train, tmp_path):
    train(tmp_path, epochs=3)
    (tmp_path / "last.ckpt").unlink()
    train(tmp_path, epochs=1)
    assert list(tables(tmp_path)) == ["epoch_0000.parquet"]
    assert [row["epoch"] for row in state(tmp_path)["epochs"]] == [0]


def test_while_it_trains_the_state_holds_when_it_will_end(train, tmp_path):
    seen = []

    class Look(Callback):
        def on_train_epoch_end(self, trainer, module):
            seen.append(state(tmp_path))

    class Both(Live):
        def on_train_epoch_start(self, trainer, module):
            if trainer.current_epoch:
                seen.append(state(tmp_path))
            super().on_train_epoch_start(trainer, module)

    train(tmp_path, Both())
    assert [each["epoch"] for each in seen] == [0, 1]
    assert all(each["process"]["state"] == "training" for each in seen)
    assert all(each["expected_end"] >= each["updated"] for each in seen)


def test_a_full_disk_stops_nothing_and_warns_once(train, tmp_path, monkeypatch, caplog):
    whole, refused = live.whole_file, []

    def full(path):
        if path.name == epoch_file(0) or refused == [epoch_file(0)]:
            refused.append(path.name)
            raise StorageError(f"{path} cannot be written: no space is left on the disk")
        return whole(path)

    monkeypatch.setattr(live, "whole_file", full)
    with caplog.at_level(logging.WARNING, "locgraph"):
        train(tmp_path)
    warnings = [record.getMessage() for record in caplog.records if record.name == "locgraph.learn.live"]
    assert refused == [epoch_file(0), epoch_file(1)]
    assert len(warnings) == 1
    assert "callbacks=live" in warnings[0]
    assert "no space is left" in warnings[0]
    assert [row["file"] for row in state(tmp_path)["epochs"]] == [None, None, epoch_file(2)]
    assert all("val/loss" in row["scores"] for row in state(tmp_path)["epochs"])


@pytest.fixture
def epochs(tmp_path):
    """Writes epochs with their losses into a folder; tables are of one size."""

    def write(losses, keep_every=1, max_megabytes=1000.0):
        folder = LiveFolder(tmp_path, keep_every, max_megabytes)
        for epoch, loss in enumerate(losses):
            folder.add(epoch, scores={"val/loss": loss})
            folder.write_table(epoch, pl.DataFrame({"fov_id": ["a"], "p_a": [loss]}))
            folder.write_state({})
        return folder, [int(path.stem.partition("_")[2]) for path in sorted(tmp_path.glob("epoch_*.parquet"))]

    return write


LOSSES = [9.0, 8, 7, 1, 6, 5, 4, 3, 2, 8, 8, 8]


def test_every_nth_epoch_the_best_and_the_latest_are_kept(epochs):
    assert epochs(LOSSES)[1] == list(range(12))
    assert epochs(LOSSES, keep_every=4)[1] == [0, 3, 4, 8, 11]
    assert epochs(LOSSES, keep_every=100)[1] == [0, 3, 11]


def test_more_than_the_limit_halves_what_is_kept(epochs, tmp_path):
    size = epochs(LOSSES[:1])[0].epochs[0]["bytes"]
    folder, kept = epochs(LOSSES, max_megabytes=6.5 * size / 1e6)
    assert folder.keep_every == 4
    assert kept == [0, 3, 4, 8, 11]
    assert json.loads((tmp_path / "state.json").read_text())["keep_every"] == 4
    later = LiveFolder(tmp_path, 1, 1000.0)
    later.continue_from(5)
    assert later.keep_every == 4
    assert sorted(later.epochs) == [0, 1, 2, 3, 4]


def test_a_reader_in_a_loop_never_sees_a_torn_file(tmp_path):
    folder, seen, done = LiveFolder(tmp_path, 1, 0.05), [], threading.Event()
    table = pl.DataFrame({"fov_id": [f"f{index}" for index in range(200)], "p_a": [0.5] * 200})

    def read():
        while not done.is_set():
            for path in tmp_path.glob("*"):
                if path.name.startswith("."):
                    continue
                try:
                    content = path.read_bytes()
                except FileNotFoundError:  # not kept
                    continue
                seen.append(json.loads(content) if path.suffix == ".json" else pl.read_parquet(content).height)

    reader = threading.Thread(target=read)
    reader.start()
    for epoch in range(60):
        folder.add(epoch, scores={"val/loss": 1.0 / (1 + epoch)})
        folder.write_table(epoch, table)
        folder.write_state({"about": "x" * 10_000})
    done.set()
    reader.join()
    heights = {each for each in seen if isinstance(each, int)}
    assert heights == {200}
    assert any(isinstance(each, dict) for each in seen)
    assert all(each["about"] == "x" * 10_000 for each in seen if isinstance(each, dict))


def test_localisation_classifiers_leave_what_is_right_of_each_fov():
    labels = [torch.tensor([0, 1, NO_LABEL]), torch.tensor([NO_LABEL])]
    probabilities = [torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.5, 0.5]]), torch.tensor([[0.2, 0.8]])]
    rows = list(zip(labels, probabilities, strict=True))
    written = LocalisationTask(("in", "out")).epoch_table([LocalisationPrediction(None, ["f", "g"], rows)], 1)
    expected = {"fov_id": ["f", "g"], "fold": [1, 1], "split": ["val"] * 2, "n_known": [2, 0], "accuracy": [0.5, None]}
    assert written.to_dict(as_series=False) == expected

    of_fovs = FovPrediction(["f", "g"], torch.tensor([1, 0]), torch.tensor([[0.25, 0.75]] * 2), torch.ones(2, 1))
    both = JointTask(("in", "out"), ("a", "b")).epoch_table([LocalisationPrediction(of_fovs, ["f", "g"], rows)], 1)
    assert both["prediction"].to_list() == ["b", "b"]
    assert both["accuracy"].to_list() == [0.5, None]
    assert both["v_0"].to_list() == [1.0, 1.0]


def test_representations_leave_the_mean_vector_and_error_of_each_fov():
    vectors, errors = [torch.tensor([[1.0, 2.0], [3.0, 6.0]]), torch.zeros(1, 2)], [torch.tensor([1.0, 2.0])] * 2
    batch = Embedding(["f", "g"], vectors, errors, "cluster", True)
    written = RepresentationTask().epoch_table([batch], None)
    assert written.columns == ["fov_id", "fold", "split", "error", "v_0", "v_1"]
    assert written.rows() == [("f", None, "val", 1.5, 2.0, 4.0), ("g", None, "val", 1.5, 0.0, 0.0)]


def test_a_task_that_has_nothing_of_an_epoch_leaves_curves_alone(train, tmp_path, monkeypatch):
    monkeypatch.setattr("locgraph.learn.tasks.fov.FovTask.epoch_table", Task.epoch_table)
    train(tmp_path, epochs=1)
    assert tables(tmp_path) == {}
    assert state(tmp_path)["epochs"][0]["file"] is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"keep_every": 0}, "keep_every: expected"), ({"max_megabytes": 0}, "max_megabytes: expected a number above 0")],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Live(**settings)
