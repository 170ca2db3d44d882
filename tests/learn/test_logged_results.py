"""The table on the console, and the pictures and tables that loggers get."""

import io
import json
from types import SimpleNamespace

import polars as pl
import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from rich.console import Console

from locgraph.cli import results
from locgraph.learn.loggers import finish, wandb_logger
from locgraph.show.figures.run import draw_run
from locgraph.show.figures.style import read_picture

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


def write_history(folder):
    (folder / "metrics.csv").write_text("epoch,step,train/loss,val/loss\n0,1,,0.9\n0,1,0.8,\n1,3,,0.7\n1,3,0.6,\n")


def shown(metrics, folder):
    console = Console(width=100, file=io.StringIO())
    results.show(metrics, folder, console)
    return console.file.getvalue()


def test_the_table_shows_the_network_beside_its_controls(tmp_path):
    lines = [line.split() for line in shown(METRICS, tmp_path).splitlines()]

    assert ["test:", "6", "FOVs,", "2", "classes"] in lines
    assert ["accuracy", "balanced", "F1", "AUROC", "loss"] in lines
    network = ["network", "0.833", "0.875", "0.829", "nan", "0.410"]
    forest = ["pair", "distances", "and", "count", "0.500", "0.625"]
    majority = ["majority", "class", "0.667", "0.500"]
    assert lines.index(network) < lines.index(forest) < lines.index(majority)
    assert ["run", "folder:", str(tmp_path)] in lines


def test_no_controls_leave_the_network_alone(tmp_path):
    text = shown(METRICS | {"controls": []}, tmp_path)

    assert "network" in text
    assert "majority" not in text


def test_a_long_folder_is_not_broken(tmp_path):
    folder = tmp_path / ("deep" * 40)

    assert f"run folder: {folder}" in shown(METRICS, folder)


@pytest.fixture
def figures(tmp_path):
    write_history(tmp_path)
    draw_run(tmp_path, METRICS)
    return tmp_path


def test_tensorboard_gets_pictures(figures, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(save_dir=tmp_path / "events", name="", version="")

    results.log_figures([CSVLogger(tmp_path / "csv"), logger], figures)
    logger.finalize("success")

    events = EventAccumulator(str(tmp_path / "events"), size_guidance={"images": 0}).Reload()
    assert set(events.Tags()["images"]) == {"confusion_matrix", "loss_curves"}
    (event,) = events.Images("confusion_matrix")
    height, width = read_picture(figures / "confusion_matrix.png").shape[:2]
    assert (event.height, event.width) == (height, width)


def test_wandb_gets_pictures(figures, monkeypatch):
    logged = []
    logger = WandbLogger.__new__(WandbLogger)
    monkeypatch.setattr(WandbLogger, "log_image", lambda self, key, images: logged.append((key, images)))

    results.log_figures([logger], figures)

    assert logged == [(name, [str(figures / f"{name}.png")]) for name in ("confusion_matrix", "loss_curves")]


def test_loggers_without_pictures_get_none(figures):
    results.log_figures([SimpleNamespace()], figures)
    results.log_tables([SimpleNamespace()], METRICS, PREDICTIONS)


PREDICTIONS = pl.DataFrame({"fov_id": ["a"], "fold": [1], "truth": ["T"], "prediction": ["L"], "p_T": [0.25]})


@pytest.mark.parametrize("predictions", [PREDICTIONS, None])
def test_wandb_gets_tables(predictions, monkeypatch):
    logged = {}
    logger = WandbLogger.__new__(WandbLogger)

    def take(self, key, columns, data):
        logged[key] = (columns, data)

    monkeypatch.setattr(WandbLogger, "log_table", take)

    results.log_tables([logger], METRICS, predictions)

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

    results.log_tables([logger], METRICS, PREDICTIONS)
    finish([logger])

    tables = {path.name.split("_")[0]: json.loads(path.read_text()) for path in tmp_path.rglob("*.table.json")}
    assert set(tables) == {"scores", "confusion", "predictions"}
    assert tables["predictions"]["data"] == [["a", 1, "T", "L", 0.25]]


def test_pictures_that_are_not_there_are_left_out(tmp_path, monkeypatch):
    logger = TensorBoardLogger(save_dir=tmp_path / "events", name="", version="")
    added = []
    monkeypatch.setattr(
        TensorBoardLogger, "experiment", SimpleNamespace(add_image=lambda tag, *given, **named: added.append(tag))
    )
    draw_run(tmp_path, METRICS)

    results.log_figures([logger], tmp_path)

    assert added == ["confusion_matrix"]
