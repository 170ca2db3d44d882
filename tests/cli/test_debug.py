"""``mode=draft`` and the options of the group ``debug`` train the demo from start to end."""

import json

import polars as pl
import pytest

from builders.runs import TINY, run_in

pytestmark = pytest.mark.slow

OVERRIDES = tuple(text for text in TINY if not text.startswith(("trainer.", "executor")))


@pytest.fixture
def train(tmp_path):
    """Train the demo, small, with an option; return its metrics, their history and its folder."""

    def call(option):
        run = tmp_path / "run"
        run_in(tmp_path, "train", *OVERRIDES, "controls=false", option, "executor=serial", f"paths.run_dir={run}")
        metrics = json.loads((run / "metrics.json").read_text())
        assert metrics["status"] == "completed"
        return metrics, pl.read_csv(run / "metrics.csv"), run

    return call


@pytest.mark.parametrize("option", ["mode=draft", "debug=limit"])
def test_draft_and_limit_train_two_epochs(train, option):
    metrics, history, _ = train(option)
    assert metrics["epochs"] == 2
    assert history["epoch"].max() <= 2


def test_profiler_reports_where_time_went(train):
    metrics, _, run = train("debug=profiler")
    assert metrics["epochs"] == 2
    assert "optimizer_step" in (run / "fit-profile.txt").read_text()


def test_overfit_learns_its_few_fovs(train):
    metrics, history, _ = train("debug=overfit")
    losses = history["train/loss"].drop_nulls()
    assert metrics["fovs"]["train"] + metrics["fovs"]["val"] <= 2 * 5
    assert losses[-1] < 0.2 * losses[0]
