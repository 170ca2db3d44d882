"""Loggers: csv always, tensorboard and wandb where they are installed, and without a network."""

import importlib

import polars as pl
import pytest
from lightning.pytorch.loggers import CSVLogger

from locgraph.errors import ConfigError, MissingPackageError
from locgraph.learn import loggers


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


def make_wandb(folder, **settings):
    return loggers.wandb_logger(str(folder), "project", **{"name": "run", "group": "sweep"} | settings)


def test_csv(tmp_path):
    logger = loggers.csv_logger(str(tmp_path))
    logger.log_metrics({"val/loss": 0.5}, step=3)

    assert isinstance(logger, CSVLogger)
    assert pl.read_csv(tmp_path / "metrics.csv").to_dicts() == [{"step": 3, "val/loss": 0.5}]


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    logger = loggers.tensorboard_logger(str(tmp_path))
    logger.log_metrics({"val/loss": 0.5}, step=3)
    logger.finalize("success")

    (events,) = (tmp_path / "tensorboard").glob("events.out.tfevents.*")
    assert b"val/loss" in events.read_bytes()


def test_two_offline_runs_of_wandb_in_one_process(clean_wandb, tmp_path):
    pytest.importorskip("wandb")
    import os

    ids = []
    for fold in range(2):
        logger = make_wandb(tmp_path / f"fold{fold}", name=f"fold{fold}", tags=["a"])
        logger.log_metrics({"loss": 0.5}, step=0)
        ids.append(logger.experiment.id)
        assert logger.experiment.name == f"fold{fold}"
        assert logger.experiment.group == "sweep"
        loggers.finish([logger, loggers.csv_logger(str(tmp_path))])
        (folder,) = (tmp_path / f"fold{fold}" / "wandb").glob("offline-run-*")
        assert list(folder.glob("*.wandb"))
        assert "WANDB_MODE" not in os.environ

    assert ids[0] != ids[1]


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
    pytest.importorskip("wandb")
    for name, value in variables.items():
        clean_wandb.setenv(name, value)

    assert make_wandb(tmp_path, mode=mode)._wandb_init["mode"] == expected


@pytest.mark.parametrize(
    ("host", "asked", "expected"),
    [
        ("api.wandb.ai", None, "online"),
        ("api.wandb.ai", "http://mine:8080", "offline"),
        ("mine", "http://mine:1", "online"),
    ],
)
def test_key_that_wandb_login_left(host, asked, expected, clean_wandb, tmp_path):
    pytest.importorskip("wandb")
    (tmp_path / "netrc").write_text(f"machine {host}\n  login user\n  password {'0' * 40}\n")
    clean_wandb.setenv("NETRC", str(tmp_path / "netrc"))
    if asked:
        clean_wandb.setenv("WANDB_BASE_URL", asked)

    assert make_wandb(tmp_path)._wandb_init["mode"] == expected


def test_mode_that_does_not_exist(clean_wandb, tmp_path):
    pytest.importorskip("wandb")
    with pytest.raises(ConfigError, match=r"mode: expected online, offline, disabled or null .* found 'onlin'"):
        make_wandb(tmp_path, mode="onlin")


@pytest.mark.parametrize(
    ("package", "make"),
    [("tensorboard", lambda: loggers.tensorboard_logger("run")), ("wandb", lambda: make_wandb("run"))],
)
def test_package_that_is_not_installed(package, make, monkeypatch):
    def refuse(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", refuse)

    with pytest.raises(MissingPackageError, match=rf"needs the package {package}.*pip install 'locgraph\[{package}\]'"):
        make()
