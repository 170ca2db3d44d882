"""What loggers get of a finished run: pictures and tables."""

import json
from types import SimpleNamespace

import polars as pl
import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from matplotlib.image import imsave
from numpy.random import default_rng

from locgraph.learn.loggers import finish, log_figures, log_tables, wandb_logger

METRICS = {
    "experiment": "demo",
    "fold": 1,
    "class_names": ["T", "L"],
    "confusion_matrix": [[3, 1], [0, 2]],
    "test": {"accuracy": 5 / 6, "balanced_accuracy": 0.875, "f1": 0.8286, "auroc": float("nan"), "loss": 0.41},
    "controls": [
        {"control": "pair_distances_and_count", "accuracy": 0.5, "balanced_accuracy": 0.625},
        {"control": "majority_class", "accuracy": 0.6667, "balanced_accuracy": 0.5},
    ],
    "fovs": {"train": 9, "val": 3, "test": 6},
}


@pytest.fixture
def pictures(tmp_path):
    """Paths of a picture, and of one that does not exist."""
    imsave(tmp_path / "confusion_matrix.png", default_rng(0).uniform(size=(20, 30, 3)))
    return [tmp_path / "confusion_matrix.png", tmp_path / "gallery.png"]


def test_tensorboard_gets_the_pictures_that_exist(pictures, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(save_dir=tmp_path / "events", name="", version="")

    log_figures([CSVLogger(tmp_path / "csv"), logger], pictures)
    logger.finalize("success")

    events = EventAccumulator(str(tmp_path / "events"), size_guidance={"images": 0}).Reload()
    assert events.Tags()["images"] == ["confusion_matrix"]
    (event,) = events.Images("confusion_matrix")
    assert (event.height, event.width) == (20, 30)


def test_wandb_gets_the_pictures_that_exist(pictures, monkeypatch):
    logged = []
    logger = WandbLogger.__new__(WandbLogger)
    monkeypatch.setattr(WandbLogger, "log_image", lambda self, key, images: logged.append((key, images)))

    log_figures([logger], pictures)

    assert logged == [("confusion_matrix", [str(pictures[0])])]


def test_loggers_that_take_neither_get_nothing(pictures):
    log_figures([SimpleNamespace()], pictures)
    log_tables([SimpleNamespace()], METRICS, PREDICTIONS)


PREDICTIONS = pl.DataFrame({"fov_id": ["a"], "fold": [1], "truth": ["T"], "prediction": ["L"], "p_T": [0.25]})


@pytest.mark.parametrize("predictions", [PREDICTIONS, None])
def test_wandb_gets_tables(predictions, monkeypatch):
    logged = {}
    logger = WandbLogger.__new__(WandbLogger)

    def take(self, key, columns, data):
        logged[key] = (columns, data)

    monkeypatch.setattr(WandbLogger, "log_table", take)

    log_tables([logger], METRICS, predictions)

    assert logged["scores"] == (
        ["method", "accuracy", "balanced_accuracy"],
        [["network", 5 / 6, 0.875], ["pair_distances_and_count", 0.5, 0.625], ["majority_class", 0.6667, 0.5]],
    )
    assert logged["confusion"] == (["truth", "T", "L"], [["T", 3, 1], ["L", 0, 2]])
    expected = (["fov_id", "fold", "truth", "prediction", "p_T"], [["a", 1, "T", "L", 0.25]])
    assert logged.get("predictions") == (None if predictions is None else expected)


def test_wandb_takes_the_tables_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    for name in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR"):
        monkeypatch.setenv(f"WANDB_{name}", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    logger = wandb_logger(str(tmp_path), "project", "run", "sweep", mode="offline")

    log_tables([logger], METRICS, PREDICTIONS)
    finish([logger])

    tables = {path.name.split("_")[0]: json.loads(path.read_text()) for path in tmp_path.rglob("*.table.json")}
    assert set(tables) == {"scores", "confusion", "predictions"}
    assert tables["predictions"]["data"] == [["a", 1, "T", "L", 0.25]]
