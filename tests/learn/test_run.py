"""The run folder: whether a run may start, continues or is done, its family, and its history."""

import json

import polars as pl
import pytest
import yaml

from locgraph.api.config import plain
from locgraph.errors import ConfigError, DataError
from locgraph.learn.run import RunWriter
from locgraph.storage import locked

RAW = "data.raw_dir=raw"


@pytest.fixture
def folder(composed, tmp_path):
    """The run folder of a configuration with these overrides."""

    def make(*overrides):
        return RunWriter(tmp_path / "run", plain(composed("train", RAW, *overrides)))

    return make


def test_a_new_run(folder):
    assert folder().completed() is None
    assert not folder().last.is_file()


def test_a_completed_run_gives_its_metrics(folder):
    run = folder()
    run.begin([])
    assert folder().completed() is None

    run.finish({"fold": 0, "test": {"accuracy": 0.5}})

    assert folder().completed() == {"status": "completed", "reason": None, "fold": 0, "test": {"accuracy": 0.5}}


@pytest.mark.parametrize(
    "override", ["seed=1", "fold.index=1", "clustering.eps_nm=3", "name=other", "model=clusternet"]
)
def test_a_run_of_other_settings_is_refused(folder, override):
    run = folder()
    run.begin([])
    run.record_folds(5)

    with pytest.raises(ConfigError, match=r"paths\.run_dir: .*run holds a run with other settings"):
        folder(override).completed()


@pytest.mark.parametrize(
    "override",
    [
        "paths.run_dir=elsewhere",
        "paths.output_dir=elsewhere",
        "logger=tensorboard",
        "logger=[tensorboard,wandb]",
        "executor=serial",
        "executor.workers=1",
        "callbacks.early_stopping.patience=3",
    ],
)
def test_what_decides_no_result_changes_no_fingerprint(folder, override):
    assert folder(override).fingerprint == folder().fingerprint
    assert folder(override).family == folder().family


def test_runs_that_differ_in_the_fold_alone_are_a_family(folder):
    runs = [folder(f"fold.index={index}") for index in range(3)]

    assert len({run.family for run in runs}) == 1
    assert len({run.fingerprint for run in runs}) == 3


def test_runs_that_differ_otherwise_are_of_other_families(folder):
    others = ["fold.seed=1", "fold.n_folds=3", "fold=hold_out", "seed=1", "views=one", "loader.batch_size=3"]

    assert len({folder(*chosen).family for chosen in ([], *([other] for other in others))}) == len(others) + 1


def test_what_a_run_leaves_at_its_start(folder, tmp_path):
    run = folder("fold.index=2", "limits.max_failed_fraction=0.25")

    run.begin(["fold.index=2"])
    run.record_folds(5)

    written = json.loads((tmp_path / "run" / "run.json").read_text())
    assert written["fingerprint"] == run.fingerprint
    assert written["family"] == run.family
    assert (written["n_folds"], written["overrides"]) == (5, ["fold.index=2"])
    assert {"locgraph", "torch"} <= set(written["versions"])
    cfg = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert cfg["fold"]["index"] == 2
    assert cfg["paths"]["prepared_dir"].endswith("/prepared")
    assert "${" not in (tmp_path / "run" / "config.yaml").read_text()


def test_a_failed_run_says_why_and_may_be_done_again(folder, tmp_path):
    run = folder("fold.index=3")

    run.begin([])
    run.fail(3, DataError("no such data"))

    state = run.state()
    assert (state.state, state.reason, state.error) == ("failed", "no such data", "DataError")
    assert state.started <= state.ended
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == {
        "status": "failed",
        "reason": "no such data",
        "fold": 3,
    }
    assert run.completed() is None
    run.begin([])
    assert not (tmp_path / "run" / "metrics.json").exists()
    run.finish({"fold": 3})
    assert run.completed()["fold"] == 3
    assert (run.state().state, run.state().reason) == ("completed", None)


def test_a_run_that_was_refused_before_its_plan_may_be_corrected(folder):
    run = folder("clustering.eps_nm=-1")
    run.begin([])
    run.fail(0, ConfigError("wrong"))

    assert folder("clustering.eps_nm=1").completed() is None


def test_what_is_no_error_interrupts_a_run(folder):
    run = folder()
    run.begin([])
    run.fail(0, KeyboardInterrupt())

    assert (run.state().state, run.state().error) == ("interrupted", "KeyboardInterrupt")


def test_a_run_is_running_as_long_as_its_lock_is_held(folder):
    run = folder()
    with locked(run.path):
        run.begin([])
        assert run.state().state == "running"

    assert run.state().state == "interrupted"
    assert run.state().started is not None


def test_states_of_runs_of_earlier_versions(folder):
    run = folder()
    run.path.mkdir()
    (run.path / "metrics.json").write_text('{"status": "failed", "reason": "why"}')
    assert (run.state().state, run.state().reason) == ("failed", "why")
    (run.path / "metrics.json").write_text('{"status": "completed"}')
    assert run.state().state == "completed"


def test_a_failure_does_not_overwrite_a_completed_run(folder):
    run = folder()
    run.finish({"fold": 0, "epochs": 7})

    run.fail(0, DataError("too late"))

    assert run.completed()["epochs"] == 7


def test_a_failure_without_a_fold(folder, tmp_path):
    folder().fail(None, ConfigError("fold.index is no number"))

    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["fold"] is None


@pytest.mark.parametrize("content", ["", "{", "[1, 2", "\x00"])
def test_a_damaged_file_counts_as_none(folder, tmp_path, content):
    (tmp_path / "run").mkdir()
    for name in ("run.json", "metrics.json"):
        (tmp_path / "run" / name).write_text(content)

    assert folder().completed() is None
    folder().fail(0, DataError("why"))
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["reason"] == "why"


@pytest.fixture
def writer(tmp_path):
    return RunWriter(tmp_path, {"fold": {}})


@pytest.fixture
def log(tmp_path):
    """Writes metrics.csv anew, as Lightning's logger does; values are known by their step and the part of the run."""

    def log(part, steps, **more):
        pl.DataFrame({"step": steps, "loss": [step + part / 10 for step in steps]} | more).write_csv(
            tmp_path / "metrics.csv"
        )

    return log


def test_uninterrupted(writer, tmp_path, log):
    writer.set_history_aside()
    log(1, [0, 1, 2])
    writer.join_history()

    assert writer.history()["loss"].to_list() == [0.1, 1.1, 2.1]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize(("first", "kept"), [(2, [0.1, 1.1]), (3, [0.1, 1.1, 2.1]), (0, [])])
def test_steps_done_again_count_as_they_were_done_last(first, kept, writer, tmp_path, log):
    log(1, [0, 1, 2])
    writer.set_history_aside()
    log(2, [first, first + 1], accuracy=[0.5, 1.0])
    writer.join_history()

    found = writer.history()
    assert found["loss"].to_list() == [*kept, first + 0.2, first + 1.2]
    assert found["accuracy"].to_list() == [None] * len(kept) + [0.5, 1.0]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_interrupted_twice(writer, tmp_path, log):
    log(1, [0, 1, 2])
    writer.set_history_aside()
    log(2, [2, 3, 4])
    writer.set_history_aside()
    log(3, [4, 5])
    writer.join_history()

    assert writer.history()["loss"].to_list() == [0.1, 1.1, 2.2, 3.2, 4.3, 5.3]


def test_interrupted_before_anything_new_was_written(writer, tmp_path, log):
    log(1, [0, 1])
    writer.set_history_aside()
    writer.set_history_aside()
    (tmp_path / "metrics.csv").unlink()
    writer.join_history()

    assert writer.history()["loss"].to_list() == [0.1, 1.1]


def test_no_history(writer, tmp_path):
    writer.set_history_aside()
    writer.join_history()

    assert writer.history() is None
    assert list(tmp_path.iterdir()) == []
