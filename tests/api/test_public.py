"""What ``import locgraph`` offers, and that it stays light."""

import json
import subprocess
import sys

import pytest

import locgraph
from locgraph.errors import ConfigError


def test_import_is_light_and_names_are_loaded_on_first_use():
    code = """
import json, sys
import locgraph
heavy = {"torch", "hydra", "omegaconf", "polars", "numpy", "matplotlib"} & sys.modules.keys()
names = {name: getattr(locgraph, name) is not None for name in locgraph.__all__}
print(json.dumps({"heavy": sorted(heavy), "names": names}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["heavy"] == []
    assert set(found["names"]) == set(locgraph.__all__) <= set(dir(locgraph))
    with pytest.raises(AttributeError, match="has no attribute 'predict'"):
        _ = locgraph.predict


def test_training_by_overrides_gives_the_same_as_the_command(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained.folder)

    run = locgraph.train(*trained.overrides, folder=tmp_path / "run")

    assert run.metrics()["test"] == trained.metrics()["test"]
    assert run.predictions().equals(locgraph.Run(trained.run_dir).predictions())
    assert repr(run).startswith(f"Run('{tmp_path}/run', fold 0 of 3, test accuracy")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["overrides"] == list(trained.overrides)
    # the same folder again: nothing to do
    assert locgraph.train(*trained.overrides, folder=tmp_path / "run").metrics() == run.metrics()


def test_settings_can_be_changed_before_training(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained.folder)
    settings = locgraph.compose("train", *trained.overrides)
    settings["trainer"]["max_epochs"], settings["controls"] = 1, False

    run = locgraph.train(settings, folder=tmp_path / "run")

    assert run.metrics()["epochs"] == 1


def test_a_run_that_failed_says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"^fold\.n_folds: expected at least 2, found 1"):
        locgraph.train(f"data.raw_dir={tmp_path}", "fold.n_folds=1", folder=tmp_path / "run")

    assert repr(locgraph.Run(tmp_path / "run")) == f"Run('{tmp_path}/run', failed)"
    assert "not finished" in repr(locgraph.Run(tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=nothing", "data.raw_dir=x"], "model/nothing"),
        (["nonsense=1", "data.raw_dir=x"], "nonsense"),
        ([], "data.raw_dir: a value is required"),
        (["seed=[", "data.raw_dir=x"], "no viable alternative"),
    ],
)
def test_wrong_overrides_are_one_error(overrides, message):
    with pytest.raises(ConfigError, match=message):
        locgraph.compose("train", *overrides)


def test_predictions_are_explained_and_drawn(trained, fold):
    model = locgraph.load(trained.run_dir / "checkpoints" / "best.ckpt")
    fast = ["explain.stability.repeats=0", "explain.curve_points=2"]

    why = model.explain(fold.prepared, "random", fovs=[fold.split.test[0]], overrides=fast)

    assert set(why.scores["fov_id"]) == {fold.split.test[0]}
    assert why.plot(fold.split.test[0]) is not None
    assert "random" in repr(why)
