"""Trackers: what TensorBoard, MLflow and wandb take of a run, and that no logger stops one."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from matplotlib.image import imsave
from numpy.random import default_rng
from polars import DataFrame

from builders.loggers import Everything, FullDisk, NumbersOnly, written
from locgraph.errors import ConfigError
from locgraph.learn.loggers.adapters import MLFlowTracker, TensorBoardTracker, tracker_of
from locgraph.learn.loggers.base import About, Curves, Files, Tracker
from locgraph.learn.loggers.send import Guarded, finish, send
from locgraph.learn.loggers.wandb import WandbRun

TABLE = DataFrame({"fov_id": ["a", "b|c"], "p_T": [0.25, None]})
CURVES = Curves(DataFrame({"class": ["T"], "x": [0.0], "y": [1.0]}), "x", "y", "class", "a curve")


@pytest.fixture
def clean_wandb(monkeypatch, tmp_path):
    """No settings and no key of wandb, and a home of its own."""
    import os

    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NETRC", raising=False)
    for name in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def picture(tmp_path):
    """A PNG file of 20 x 30 pixels."""
    imsave(tmp_path / "picture.png", default_rng(0).uniform(size=(20, 30, 3)))
    return tmp_path / "picture.png"


@pytest.fixture
def model(tmp_path):
    """Files that a run made."""
    (tmp_path / "best.ckpt").write_bytes(b"weights")
    return Files("demo-fold0", "model", "abc", (tmp_path / "best.ckpt",))


def everything(tracker: Tracker, picture, model):
    """Sends one of each kind."""
    tracker.describe(About("demo-fold0", "train", "sweep", ("pilot",)))
    tracker.log_picture("confusion_matrix", picture)
    tracker.log_table("predictions", TABLE, {"a": picture})
    tracker.log_curves("roc_curve", CURVES)
    tracker.log_confusion(["T", "L"], [[3, 1], [0, 2]])
    tracker.log_summary({"best/epoch": 3})
    tracker.use_files(Files("demo-tables", "prepared-data", "f00"))
    tracker.log_files(model)


def test_tensorboard_gets_pictures_and_tables(picture, model, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracker = tracker_of(TensorBoardLogger(save_dir=tmp_path / "events", name="", version=""))
    assert isinstance(tracker, TensorBoardTracker)

    everything(tracker, picture, model)
    tracker.close(failed=False)

    events = EventAccumulator(str(tmp_path / "events"), size_guidance={"images": 0, "tensors": 0}).Reload()
    (event,) = events.Images("confusion_matrix")
    assert (event.height, event.width) == (20, 30)
    tags = events.Tags()["tensors"]
    texts = {tag.split("/")[0]: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in tags}
    assert texts["predictions"].splitlines() == ["| fov_id | p_T |", "| --- | --- |", "| a | 0.25 |", "| b\\|c |  |"]
    assert texts["confusion"].splitlines()[2:] == ["| T | 3 | 1 |", "| L | 0 | 2 |"]
    assert "name: demo-fold0" in texts["about"]
    assert "group: sweep" in texts["about"]


def test_mlflow_gets_pictures_tables_and_files(picture, model):
    tags, stored, ended = {}, {}, []

    def log_artifact(run_id, path, folder):
        assert run_id == "7"
        stored[f"{folder}/{Path(path).name}"] = Path(path).read_bytes()

    client = SimpleNamespace(set_tag=lambda run_id, key, value: tags.update({key: value}), log_artifact=log_artifact)
    tracker = MLFlowTracker(SimpleNamespace(experiment=client, run_id="7", _run_name=None, finalize=ended.append))

    everything(tracker, picture, model)
    tracker.close(failed=True)

    assert tags == {
        "job_type": "train",
        "group": "sweep",
        "tags": "pilot",
        "mlflow.runName": "demo-fold0",
        "uses prepared-data": "demo-tables:f00",
        "model": "demo-fold0:abc",
    }
    assert stored["tables/predictions.csv"] == b"fov_id,p_T\na,0.25\nb|c,\n"
    assert stored["model/best.ckpt"] == b"weights"
    assert json.loads(stored["None/summary.json"]) == {"best/epoch": 3}
    assert {"pictures/picture.png", "fovs/picture.png", "tables/roc_curve.csv", "tables/confusion.csv"} <= set(stored)
    assert ended == ["failed"]


def test_loggers_that_take_numbers_alone_get_nothing_else(tmp_path, picture, model):
    logger = NumbersOnly(str(tmp_path / "numbers.txt"))

    assert tracker_of(logger) is None
    assert tracker_of(CSVLogger(tmp_path)) is None
    send([Guarded("mine", logger)], lambda tracker: everything(tracker, picture, model))
    assert not logger.path.exists()


def test_a_logger_of_ones_own_may_take_everything(tmp_path, picture, model):
    logger = Everything(str(tmp_path / "all.txt"))

    send([Guarded("mine", logger)], lambda tracker: everything(tracker, picture, model))
    finish([Guarded("mine", logger)], failed=False)

    content = written(logger.path)
    assert content[0] == {"about": ["demo-fold0", "train", "sweep", ["pilot"]]}
    assert [row["table"] for row in content if "table" in row] == ["predictions", "roc_curve", "confusion"]
    assert content[-1] == {"closed": False}


def test_a_logger_that_fails_is_left_out_after_one_warning(tmp_path, caplog, picture, model):
    disk, works = FullDisk(str(tmp_path / "full.txt")), NumbersOnly(str(tmp_path / "numbers.txt"))
    loggers = [Guarded("disk", disk), Guarded("numbers", works)]

    with caplog.at_level(logging.WARNING):
        for step in range(3):
            for each in loggers:
                each.logger.log_metrics({"val/loss": 0.5}, step)
    send(loggers, lambda tracker: everything(tracker, picture, model))

    assert written(works.path) == [{"val/loss": 0.5}] * 3
    (record,) = caplog.records
    assert "the logger disk failed and takes nothing more; the run goes on" in record.getMessage()
    assert "OSError: [Errno 28] No space left on device" in record.getMessage()


def test_an_error_at_the_end_of_a_run_stops_nothing(tmp_path, caplog):
    class Unplugged(Everything):
        def close(self, failed):
            raise ConnectionError("the server is gone")

    finish([Guarded("server", Unplugged(str(tmp_path / "all.txt")))], failed=False)

    assert "ConnectionError: the server is gone" in caplog.text


def test_a_wandb_run_that_something_else_began_is_closed(monkeypatch):
    wandb = pytest.importorskip("wandb")
    ended = []
    monkeypatch.setattr(wandb, "run", object())
    monkeypatch.setattr(wandb, "finish", lambda exit_code: ended.append(exit_code))

    finish([], failed=True)

    assert ended == [1]


def make_wandb(folder, **settings):
    pytest.importorskip("wandb")
    return WandbRun(str(folder), "project", **settings)


@pytest.mark.parametrize(
    ("mode", "variables", "expected"),
    [
        (None, {}, "offline"),
        (None, {"WANDB_API_KEY": "0" * 40}, "online"),
        (None, {"WANDB_API_KEY": "0" * 40, "WANDB_MODE": "offline"}, "offline"),
        (None, {"WANDB_MODE": "dryrun"}, "offline"),
        ("disabled", {"WANDB_MODE": "online"}, "disabled"),
        ("online", {}, "online"),
    ],
)
def test_mode_of_wandb(mode, variables, expected, clean_wandb, tmp_path):
    for name, value in variables.items():
        clean_wandb.setenv(name, value)

    assert make_wandb(tmp_path, mode=mode)._wandb_init["mode"] == expected


@pytest.mark.parametrize(
    ("host", "asked", "expected"),
    [
        ("api.wandb.ai", None, "online"),
        ("DEFAULT", None, "online"),
        ("api.wandb.ai", "http://mine:8080", "offline"),
        ("mine:1", "http://mine:1", "online"),
    ],
)
def test_key_that_wandb_login_left(host, asked, expected, clean_wandb, tmp_path):
    wandb = pytest.importorskip("wandb")
    machine = wandb.Settings().base_url.removeprefix("https://") if host == "DEFAULT" else host
    (tmp_path / "netrc").write_text(f"machine {machine}\n  login user\n  password {'0' * 40}\n")
    clean_wandb.setenv("NETRC", str(tmp_path / "netrc"))
    if asked:
        clean_wandb.setenv("WANDB_BASE_URL", asked)

    assert make_wandb(tmp_path)._wandb_init["mode"] == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "onlin"}, r"mode: expected online, offline, disabled or null .* found 'onlin'"),
        ({"fov_pictures": -1}, "fov_pictures: expected a whole number of at least 0"),
        ({"init_timeout": 0}, "init_timeout: expected a number above 0"),
    ],
)
def test_settings_of_wandb_that_cannot_work(settings, message, clean_wandb, tmp_path):
    with pytest.raises(ConfigError, match=message):
        make_wandb(tmp_path, **settings)


def test_what_the_settings_name_is_kept(clean_wandb, tmp_path):
    logger = make_wandb(tmp_path, name="mine", tags=["a"])

    logger.describe(About("demo-fold0", "train", "sweep", ("b",)))

    given = {key: logger._wandb_init[key] for key in ("name", "group", "job_type", "tags")}
    assert given == {"name": "mine", "group": "sweep", "job_type": "train", "tags": ["a"]}


@pytest.mark.slow
def test_a_wrong_key_makes_the_run_an_offline_one(clean_wandb, tmp_path, caplog):
    clean_wandb.setenv("WANDB_API_KEY", "wrong")
    clean_wandb.setenv("WANDB_MODE", "online")
    from builders.wandb_log import OfflineRun

    for number in range(2):
        logger = make_wandb(tmp_path / str(number), name=str(number))
        logger.log_metrics({"val/loss": 0.5, "epoch": 0}, step=0)
        logger.log_metrics({"val/loss": 0.9, "epoch": 1}, step=1)
        assert logger.offline
        finish([Guarded("wandb", logger)], failed=bool(number))

    assert "wandb cannot be reached, so this run is written offline; `wandb sync` sends it later" in caplog.text
    # one after the other in one process: two runs, and the summary has the best value, not the last
    runs = [OfflineRun(tmp_path / str(number)) for number in range(2)]
    assert [(run.run.display_name, run.exit_code) for run in runs] == [("0", 0), ("1", 1)]
    assert [run.summary["val/loss"] for run in runs] == [{"min": 0.5}] * 2
