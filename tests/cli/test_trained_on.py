"""A finished run is trained on with more epochs where its schedule allows this; elsewhere a clear word."""

import json
import shutil

import pytest

SCHEDULE = "training/schedule=constant"


@pytest.fixture(scope="module")
def finished(trained, run):
    """A run of one epoch with a constant rate, on the data of the small run."""
    folder = trained.folder / "longer"
    overrides = (*trained.overrides, "controls=false", SCHEDULE, f"paths.run_dir={folder}")
    run(trained.folder, "train", *overrides, "trainer.max_epochs=1")
    return folder, overrides


def test_it_goes_on_and_equals_one_long_run(finished, trained, run, tmp_path):
    original, overrides = finished
    folder = shutil.copytree(original, tmp_path / "copy")
    run(trained.folder, "train", *overrides, "trainer.max_epochs=2", f"paths.run_dir={folder}")
    run(trained.folder, "train", *overrides, "trainer.max_epochs=2", f"paths.run_dir={tmp_path / 'whole'}")

    longer, whole = (json.loads((each / "metrics.json").read_text()) for each in (folder, tmp_path / "whole"))
    assert longer["epochs"] == 2
    assert longer["test"] == pytest.approx(whole["test"], abs=1e-6)
    assert json.loads((folder / "run.json").read_text())["max_epochs"] == 2
    # checkpoints remember their folder: those of the run that was copied stay
    assert sorted(path.name for path in (original / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_the_last_checkpoint_is_needed(finished, trained, fails):
    folder, overrides = finished

    (folder / "checkpoints" / "last.ckpt").rename(folder / "checkpoints" / "other.ckpt")
    message = fails(trained.folder, "train", *overrides, "trainer.max_epochs=2")
    (folder / "checkpoints" / "other.ckpt").rename(folder / "checkpoints" / "last.ckpt")

    assert f"ConfigError: trainer.max_epochs: {folder} holds a run of 1 epochs, found 2: expected more" in message


def test_a_schedule_over_the_whole_of_training_is_named(trained, fails):
    longer = ("trainer.max_epochs=5", f"paths.run_dir={trained.run_dir}")

    message = fails(trained.folder, "train", *trained.overrides, *longer)

    assert "trainer.max_epochs: " in message
    assert "its schedule, WarmupCosine, runs over the whole of training" in message
    assert "training/schedule=constant or plateau" in message
    assert f"init_from={trained.run_dir}/checkpoints/best.ckpt" in message
