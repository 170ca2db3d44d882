"""Loggers of real commands: any class by its ``_target_``, and an offline run of wandb that is read back."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from builders.loggers import written
from builders.wandb_log import OfflineRun
from locgraph.api.config import override
from locgraph.cli.app import launch
from locgraph.provenance import file_digest

QUICK = ("trainer.max_epochs=2", "controls=false")


def leaf(name: str, kind: str, path: Path) -> str:
    return f"+logger.{name}={{_target_: builders.loggers.{kind}, path: {path}}}"


def test_two_loggers_by_target_and_one_that_fails(trained, run, tmp_path):
    loggers = [
        leaf("mine", "Everything", tmp_path / "all.txt"),
        leaf("disk", "FullDisk", tmp_path / "disk.txt"),
        leaf("numbers", "NumbersOnly", tmp_path / "numbers.txt"),
    ]

    overrides = (*trained.overrides, *QUICK, "tags=[pilot]", *loggers)
    run(trained.folder, "train", *overrides, f"paths.run_dir={tmp_path / 'run'}")

    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["status"] == "completed"
    everything, numbers = written(tmp_path / "all.txt"), written(tmp_path / "numbers.txt")
    assert everything[0] == {"about": ["demo-fold0", "train", None, ["pilot"]]}
    assert {"settings": "demo", "git": json.loads((tmp_path / "run" / "run.json").read_text())["git"]} == numbers[0]
    assert {name for row in numbers for name in row} >= {"train/loss", "val/loss", "test/accuracy"}
    tables = {row["table"]: row for row in everything if "table" in row}
    assert set(tables) == {"scores", "confusion", "predictions", "pr_curve", "roc_curve", "reliability", "embeddings"}
    tested = pl.read_parquet(tmp_path / "run" / "predictions.parquet").filter(split="test")
    wrong = tested.filter(pl.col("truth") != pl.col("prediction"))["fov_id"]
    assert set(tables["predictions"]["pictures"]) <= set(wrong if len(wrong) > 1 else tested["fov_id"])
    assert len(tables["predictions"]["pictures"]) == 2
    assert {row["picture"] for row in everything if "picture" in row} == {"confusion_matrix", "loss_curves", "gallery"}
    assert everything[-1] == {"closed": False}
    # after its first error it was not called again
    assert [set(row) for row in written(tmp_path / "disk.txt")] == [{"settings", "git"}]


@pytest.mark.parametrize(
    ("command", "chosen", "package", "install"),
    [
        ("train", "mlflow", "mlflow", "mlflow"),
        ("train", "comet", "comet_ml", "comet_ml"),
        ("train", "aim", "aim", "aim"),
        ("eval", "wandb", "wandb", r"locgraph\[wandb\]"),
        ("train", "tensorboard", "tensorboard", r"locgraph\[tensorboard\]"),
    ],
)
def test_a_package_that_is_missing_is_named_before_any_work(
    command, chosen, package, install, trained, fails, monkeypatch, tmp_path
):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "locgraph.api.training.loggers.find_spec", lambda name: None if name == package else find_spec(name)
    )
    start = {"train": trained.overrides, "eval": (f"ckpt_path={trained.run_dir}/checkpoints/best.ckpt",)}[command]

    message = fails(trained.folder, command, *start, f"logger={chosen}", f"paths.run_dir={tmp_path / 'run'}")

    expected = rf"logger\.{chosen}: needs the package {package}, which is not installed: pip install '{install}'"
    assert re.search(expected, message)
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("path: x", "logger.mine: expected a _target_, the full name of a logger class"),
        ("_target_: builders.loggers.Nothing", "logger.mine._target_: expected the full name of a class"),
        ("_target_: builders.loggers.FullDisk, folder: x", "logger.mine.folder: builders.loggers.FullDisk"),
        ("_target_: pathlib.Path", "logger.mine: expected a Lightning logger, found a PosixPath"),
    ],
)
def test_a_logger_that_cannot_be_is_refused(setting, message, trained, fails, tmp_path):
    chosen = f"+logger.mine={{{setting}}}"
    found = fails(trained.folder, "train", *trained.overrides, chosen, f"paths.run_dir={tmp_path / 'run'}")

    assert message in found


def test_loggers_write_into_the_run_folder_whatever_its_name(trained, tmp_path):
    from locgraph.api.config import compose

    folder = tmp_path / "it's ${a} 'run'\\"

    settings = compose("train", *trained.overrides, "logger=csv", override("paths.run_dir", str(folder)))

    assert settings["logger"]["csv"]["save_dir"] == str(folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Variables of a home of its own, without key and network."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "NETRC"))}
    # a proxy that is not there: whatever is sent, fails
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    return kept | nowhere | {"HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture(scope="module")
def offline(trained, home, tmp_path_factory):
    """A run that was to be online, without network, in a process of its own, and what it printed."""
    folder = tmp_path_factory.mktemp("offline") / "sweep"
    overrides = [*trained.overrides, *QUICK, "logger=[wandb,csv]", "tags=[pilot]", "logger.wandb.init_timeout=1"]
    places = [f"paths.sweep_dir={folder}", f"paths.run_dir={folder / '0'}"]
    done = subprocess.run(
        [sys.executable, "-m", "locgraph.cli", "train", *overrides, *places],
        cwd=trained.folder,
        env=home | {"WANDB_API_KEY": "0" * 40, "WANDB_MODE": "online"},
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return folder / "0", " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def quiet(monkeypatch, home):
    """The same variables in this process, with wandb offline."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", home["HOME"])
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")


@pytest.mark.slow
def test_without_network_the_run_goes_on_offline(offline, trained):
    folder, printed = offline

    assert json.loads((folder / "metrics.json").read_text())["status"] == "completed"
    assert "wandb cannot be reached, so this run is written offline" in printed
    assert "wandb sync" in printed
    assert not (trained.folder / "wandb").exists()
    assert (folder / "csv" / "metrics.csv").is_file()


@pytest.mark.slow
def test_an_offline_run_holds_every_item(offline):
    folder, _ = offline
    found = OfflineRun(folder)
    about = json.loads((folder / "run.json").read_text())
    metrics = json.loads((folder / "metrics.json").read_text())

    assert (found.run.display_name, found.run.job_type, list(found.run.tags)) == ("demo-fold0", "train", ["pilot"])
    assert found.run.run_group == about["group"] != "demo"
    assert found.exit_code == 0
    assert found.config["clustering"]["n_clusters"] == 8
    assert found.config["git"] == about["git"]
    # the best epoch, which was tested, beside the best of each score over all epochs
    history = pl.read_csv(folder / "metrics.csv")
    losses = history["val/loss"].drop_nulls()
    assert found.summary["val/loss"] == {"min": pytest.approx(losses.min())}
    assert set(found.summary["val/accuracy"]) == {"max"}
    assert found.metrics["val/accuracy"].step_metric == "epoch"
    assert found.summary["best/epoch"] == losses.arg_min()
    assert found.summary["best/val/loss"] == pytest.approx(metrics["val"]["loss"])
    assert found.summary["test/accuracy"] == pytest.approx(metrics["test"]["accuracy"])
    # charts
    charts = found.config["_wandb"]["visualize"]
    assert set(charts) == {"confusion", "pr_curve", "roc_curve", "reliability"}
    assert charts["confusion"]["panel_config"]["panelDefId"] == "wandb/confusion_matrix/v1"
    counts = {(truth, predicted): count for truth, predicted, count in found.table("confusion_table")["data"]}
    names = metrics["class_names"]
    assert [[counts[truth, predicted] for predicted in names] for truth in names] == metrics["confusion_matrix"]
    assert found.table("pr_curve_table")["columns"] == ["class", "recall", "precision"]
    assert {row[0] for row in found.table("roc_curve_table")["data"]} == {"T", "L"}
    assert {row[0] for row in found.table("reliability_table")["data"]} == {"model", "perfect"}
    # tables
    predictions = found.table("predictions")
    written_table = pl.read_parquet(folder / "predictions.parquet")
    assert predictions["columns"] == [*written_table.columns, "picture"]
    shown = [row for row in predictions["data"] if row[-1] is not None]
    assert {row[0] for row in shown} == set(written_table.filter(split="test")["fov_id"])
    images = [entry for entry in found.tables["predictions"].manifest.contents if entry.path.endswith(".png")]
    assert len(images) == len(shown)
    with Image.open(images[0].local_path) as image:
        assert min(image.size) > 100
    embeddings = found.table("embeddings")
    vectors = pl.read_parquet(folder / "fov_vectors.parquet")
    assert embeddings["columns"][:3] == ["fov_id", "truth", "prediction"]
    assert {row[0] for row in embeddings["data"]} == set(vectors["fov_id"])
    assert "v_0" in embeddings["columns"]
    pictures = {path.name.rsplit("_", 2)[0] for path in (found.files / "media" / "images").iterdir()}
    assert pictures == {"confusion_matrix", "loss_curves", "gallery"}


@pytest.mark.slow
def test_eval_uses_what_train_logged(offline, trained, run, quiet, tmp_path):
    folder, _ = offline
    checkpoint = folder / "checkpoints" / "best.ckpt"
    made = OfflineRun(folder)
    model, data = made.artifacts["model"], made.artifacts["prepared-data"]
    assert (model.name, set(model.aliases)) == ("demo-fold0", {"latest", file_digest(checkpoint)})
    assert [entry.path for entry in model.manifest.contents] == ["best.ckpt"]
    # manifest and recipe are kept; the tables are named, not uploaded
    kept = {entry.path: entry for entry in data.manifest.contents}
    assert {path for path, entry in kept.items() if not entry.ref} == {"manifest.parquet", "recipe.json"}
    tables = json.loads((folder / "metrics.json").read_text())["tables"]
    assert any(entry.ref.startswith(Path(tables).as_uri()) for entry in kept.values())

    fast = ["explain=random", "explain.max_fovs=2", "explain.figures=1", "explain.stability.repeats=0"]
    places = [f"ckpt_path={checkpoint}", f"paths.run_dir={tmp_path / 'run'}"]
    run(tmp_path, "eval", *places, "logger=wandb", "tags=[again]", *fast, "executor=serial")

    found = OfflineRun(tmp_path / "run")
    assert (found.run.job_type, found.run.run_group) == ("explain", made.run.run_group)
    assert list(found.run.tags) == ["again"]
    versions = [(set(artifact.aliases) - {"latest"}).pop() for artifact in (model, data)]
    assert found.config["uses"] == {
        "model": f"{model.name}:{versions[0]}",
        "prepared-data": f"{data.name}:{versions[1]}",
    }
    assert found.config["uses"]["prepared-data"] == made.config["uses"]["prepared-data"]
    assert found.summary["test/accuracy"] == pytest.approx(made.summary["test/accuracy"])
    assert found.table("explanations")["data"][0][0] == "random"
    assert [name for name in found.logged() if name.startswith("explanations/random")]


@pytest.mark.slow
def test_summary_and_report_are_in_the_group_of_the_sweep(offline, run, quiet, tmp_path):
    folder, _ = offline
    sweep = folder.parent
    group = OfflineRun(folder).run.run_group

    run(tmp_path, "summarise", f"folder={sweep}", "logger=wandb")
    page = tmp_path / "report.html"
    run(tmp_path, "report", f"folder={sweep}", f"output={page}", "umap=false", "logger=wandb")

    found = {run.run.job_type: run for run in map(OfflineRun, (sweep / "wandb").glob("offline-run-*"))}
    assert {kind: each.run.run_group for kind, each in found.items()} == {"summary": group, "report": group}
    summary = json.loads((sweep / "summary.json").read_text())
    (row,) = [row for row in summary["table"] if (row["source"], row["metric"]) == ("model", "accuracy")]
    assert found["summary"].summary["accuracy/model/mean"] == row["mean"]
    assert (found["summary"].summary["folds"], found["summary"].summary["folds_missing"]) == (3, 2)
    paths = {kind: {entry.path for entry in each.artifacts[kind].manifest.contents} for kind, each in found.items()}
    assert paths == {"summary": {"summary.json", "summary.csv", "summary.md"}, "report": {"report.html"}}


def test_a_sweep_sends_a_summary_and_closes_each_run(swept, tmp_path, monkeypatch):
    """Jobs that are done already are not logged again; their summary is."""
    monkeypatch.chdir(swept.folder)
    lines = tmp_path / "all.txt"

    launch(
        "train",
        [*swept.overrides, "sweep=kfold", leaf("mine", "Everything", lines), f"paths.sweep_dir={swept.run_dir}"],
    )

    content = written(lines)
    groups = {json.loads(path.read_text())["group"] for path in swept.run_dir.glob("*/run.json")}
    assert content[0] == {"about": ["demo-summary", "summary", *groups, []]}
    numbers = next(row["summary"] for row in content if "summary" in row)
    assert {"accuracy/model/mean", "accuracy/model/interval_low", "accuracy/count_alone/mean", "folds"} <= set(numbers)
    assert content[-1] == {"closed": False}
