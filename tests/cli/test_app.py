"""Starting a command: configs, ``.env``, and errors told in one message."""

import os
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import locgraph
from locgraph.api.config import config_dir
from locgraph.cli import app
from locgraph.errors import ConfigError, DataError, LocgraphError


def test_configs_of_a_checkout():
    assert config_dir() == Path(__file__).parents[2] / "configs"
    assert (config_dir() / "train.yaml").is_file()


def test_configs_of_an_installed_package(monkeypatch, tmp_path):
    package = tmp_path / "site-packages" / "locgraph"
    (package / "configs").mkdir(parents=True)
    monkeypatch.setattr(locgraph, "__file__", str(package / "__init__.py"))

    assert config_dir() == package / "configs"


@pytest.fixture
def launched(monkeypatch, tmp_path):
    """Launches a command that does nothing in a folder with the given ``.env``; gives the environment it sees."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path)})
    monkeypatch.setattr(sys, "argv", ["locgraph"])
    asked = {}

    def main(**settings):
        asked.update(settings)
        return lambda task: lambda: asked.update(argv=list(sys.argv), task=task)

    monkeypatch.setattr(app.hydra, "main", main)

    def launch(text=None, **environment):
        os.environ.update(environment)
        if text is not None:
            (tmp_path / ".env").write_text(text)
        app.launch("train", ["experiment=demo", "-m"])
        return dict(os.environ), asked

    return launch


def test_hydra_gets_the_command_its_configs_and_the_overrides(launched):
    _, asked = launched()

    assert asked["config_name"] == "train"
    assert asked["config_path"] == str(config_dir())
    assert asked["argv"] == ["locgraph train", "-m", "experiment=demo"]


def test_the_env_file_is_read(launched):
    seen, _ = launched('# where\nLOCGRAPH_OUTPUT_DIR="/data/my outputs"  # here\nWANDB_PROJECT=origami\n')

    assert seen["LOCGRAPH_OUTPUT_DIR"] == "/data/my outputs"
    assert seen["WANDB_PROJECT"] == "origami"


def test_empty_values_of_the_env_file_are_ignored(launched):
    seen, _ = launched("LOCGRAPH_OUTPUT_DIR=\nWANDB_MODE\n")

    assert "LOCGRAPH_OUTPUT_DIR" not in seen
    assert "WANDB_MODE" not in seen


def test_the_example_of_an_env_file_changes_nothing(launched):
    before = dict(os.environ)
    seen, _ = launched((Path(__file__).parents[2] / ".env.example").read_text())

    assert seen == before


def test_the_environment_wins_over_the_env_file(launched):
    seen, _ = launched("WANDB_MODE=online\nWANDB_PROJECT=file\n", WANDB_MODE="offline")

    assert seen["WANDB_MODE"] == "offline"
    assert seen["WANDB_PROJECT"] == "file"


def test_no_env_file_is_needed(launched):
    seen, _ = launched()

    assert set(seen) - {"PYTEST_CURRENT_TEST"} == {"HOME"}


@pytest.mark.parametrize("error", [LocgraphError("mend it"), ConfigError("mend it"), DataError("mend it")])
def test_errors_that_can_be_mended_become_one_message(error):
    def run(cfg):
        raise error

    with pytest.raises(app.CommandError, match=f"^{type(error).__name__}: mend it$") as raised:
        app.reported(run)(OmegaConf.create())
    assert raised.value.__cause__ is error


def test_other_errors_stay_what_they_are():
    def run(cfg):
        raise ZeroDivisionError("a fault of ours")

    with pytest.raises(ZeroDivisionError, match="a fault of ours"):
        app.reported(run)(OmegaConf.create())


def test_a_result_is_handed_on():
    assert app.reported(lambda cfg: cfg.a + 1)(OmegaConf.create({"a": 1})) == 2


def test_a_missing_mandatory_value_names_its_key():
    cfg = OmegaConf.create({"data": {"raw_dir": "???"}})

    with pytest.raises(app.CommandError, match=r"^ConfigError: data\.raw_dir: a value is required"):
        app.reported(lambda cfg: cfg.data.raw_dir)(cfg)


@pytest.mark.parametrize(
    ("command", "overrides", "expected"),
    [
        ("prepare", ["data.raw_dir=nowhere"], "DataError: data.raw_dir: expected a folder at"),
        ("eval", [], "ConfigError: ckpt_path: a value is required"),
        ("summarise", [], "ConfigError: folder: a value is required"),
        ("train", ["data=featextracted"], "ConfigError: data.featextracted_dir: a value is required"),
        ("train", ["trainer.max_epoch=3"], "Could not override 'trainer.max_epoch'"),
        ("train", ["model=nothing"], "Could not find 'model/nothing'"),
        (
            "simulate",
            ["simulation.origami.dimensions=4"],
            "ConfigError: simulation.origami.dimensions: expected 2 or 3; found 4",
        ),
    ],
)
def test_a_command_fails_with_status_1_and_one_message(fails, tmp_path, command, overrides, expected):
    assert fails(tmp_path, command, *overrides).count(expected) == 1
