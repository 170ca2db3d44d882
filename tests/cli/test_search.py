"""Searches for settings with Optuna, and launchers of jobs."""

import importlib.util
import json
import shutil

import pytest
import yaml

from locgraph.cli import sweep

SHORT = ("trainer.max_epochs=1", "controls=false", "callbacks=early_stopping")


def needs(plugin):
    there = importlib.util.find_spec("hydra_plugins") and importlib.util.find_spec(f"hydra_plugins.{plugin}")
    return pytest.mark.skipif(not there, reason=f"needs {plugin}")


def read(path):
    return json.loads(path.read_text())


@needs("hydra_optuna_sweeper")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_optuna_minimises_the_validation_loss_and_never_sees_the_test(trained, run, tmp_path):
    run(
        trained.folder, "train", *trained.overrides, *SHORT, "hparams_search=optuna", "hydra.sweeper.n_trials=2",
        "model.head.dropout=0.1", f"paths.sweep_dir={tmp_path}",
    )  # fmt: skip
    trials = [read(tmp_path / trial / "metrics.json") for trial in ("0", "1")]
    best = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())
    assert best["best_value"] == min(trial["val"]["loss"] for trial in trials)
    # a value in the command replaces what would be searched
    assert set(best["best_params"]) == {"training.optimizer.lr", "training.optimizer.weight_decay"}
    rates = [yaml.safe_load((tmp_path / trial / "config.yaml").read_text())["training"] for trial in ("0", "1")]
    assert rates[0]["optimizer"]["lr"] != rates[1]["optimizer"]["lr"]
    assert not any("test" in trial for trial in trials)
    assert not (tmp_path / "summary.json").exists()


@needs("hydra_optuna_sweeper")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_search_whose_first_trial_fails_stops_with_the_reason(trained, run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(
            trained.folder, "train", *trained.overrides, "hparams_search=optuna", "fold.index=9",
            f"paths.sweep_dir={tmp_path}",
        )  # fmt: skip
    printed = " ".join(capsys.readouterr().out.split())
    assert "job 0 failed: ConfigError: fold.index: expected one of the 3 folds" in printed
    assert "no trial has succeeded" in printed
    assert not (tmp_path / "1").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "plugin"), [("joblib", "hydra_joblib_launcher"), ("submitit_local", "hydra_submitit_launcher")]
)
def test_launchers_do_the_jobs_that_are_missing(swept, run, tmp_path, launcher, plugin):
    if not importlib.util.find_spec("hydra_plugins") or not importlib.util.find_spec(f"hydra_plugins.{plugin}"):
        pytest.skip(f"needs {plugin}")
    folder = tmp_path / "sweep"
    shutil.copytree(swept.run_dir, folder)
    shutil.rmtree(folder / "1")
    run(
        swept.folder, "train", *swept.overrides, "fold.index=0,1,2", f"launcher={launcher}",
        f"paths.sweep_dir={folder}",
    )  # fmt: skip
    again, before = (read(path / "1" / "metrics.json")["test"] for path in (folder, swept.run_dir))
    assert again == before
    assert read(folder / "summary.json")["missing"] == []


@pytest.mark.parametrize(
    ("choice", "extra"),
    [("hparams_search=optuna", "optuna"), ("launcher=joblib", "joblib"), ("launcher=submitit", "submitit")],
)
def test_a_missing_plugin_names_the_extra(fails, tmp_path, monkeypatch, choice, extra):
    monkeypatch.setattr(sweep, "_is_installed", lambda module: False)
    message = fails(tmp_path, "train", "experiment=demo", choice, f"paths.sweep_dir={tmp_path}")
    assert f"pip install 'locgraph[{extra}]'" in message


def test_plugins_of_others_are_not_asked_about():
    assert sweep.missing_plugin("hydra._internal.core_plugins.basic_launcher.BasicLauncher", "launcher") is None
    assert sweep.missing_plugin("hydra_plugins.own.Launcher", "launcher") is None
    assert not sweep._is_installed("hydra_plugins.absent")
