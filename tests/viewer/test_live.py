"""Training is followed by its files: running, finished, died, on another machine, in a sweep."""

import json

import numpy as np
import polars as pl
import pytest

from builders.training import FakeTraining, rotation, time_of
from locgraph.storage import locked
from locgraph.viewer.live import EpochMap, Live, LiveRun, project
from locgraph.viewer.live_state import NO_CALLBACK, NO_TABLES
from locgraph.viewer.opened import NotThereError


@pytest.fixture
def training(tmp_path):
    """A run of three epochs; the second has the lowest loss, the third the highest accuracy."""
    made = FakeTraining(tmp_path / "run")
    for loss, accuracy in ((0.9, 0.25), (0.5, 0.5), (0.6, 1.0)):
        made.epoch(loss, accuracy)
    return made


def test_a_running_run_has_curves_best_epochs_and_an_expected_end(training):
    with locked(training.folder):
        seen = LiveRun(training.folder).described()
    assert seen["state"] == "running"
    assert seen["epochs"] == seen["tables"] == [0, 1, 2]
    assert seen["curves"]["val/loss"] == [0.9, 0.5, 0.6]
    assert seen["curves"]["train/loss"] == pytest.approx([0.81, 0.45, 0.54])
    assert seen["best"] == {"val/loss": {"epoch": 1, "value": 0.5}, "val/accuracy": {"epoch": 2, "value": 1.0}}
    assert seen["directions"] == {"train/loss": "min", "val/loss": "min", "val/accuracy": "max"}
    assert (seen["follow"], seen["fold"], seen["max_epochs"]) == ("val/loss", 0, 10)
    assert seen["expected_end"] > time_of()
    assert seen["seconds_per_epoch"] == 2.0
    assert seen["note"] is None


def test_the_score_that_the_run_optimises_is_followed(training):
    (training.folder / "config.yaml").write_text("optimized_metric: val/accuracy\n")
    assert LiveRun(training.folder).described()["follow"] == "val/accuracy"


def test_a_run_that_was_killed_is_said_to_have_died(training):
    with locked(training.folder):
        run = LiveRun(training.folder)
        before = run.signs()
    after = run.signs()
    assert before.state == "running"
    assert after.state == "interrupted"
    assert before != after  # though no file has changed
    assert "ended without a word" in run.described()["reason"]
    assert run.described()["expected_end"] is None


def test_a_finished_run_and_one_that_failed(training):
    training.record(state="failed", reason="the loss is not finite", error="NotFiniteError", ended=time_of())
    assert LiveRun(training.folder).described()["reason"] == "the loss is not finite"
    training.finish()
    assert LiveRun(training.folder).described()["state"] == "completed"


@pytest.mark.parametrize(
    ("ago", "state", "reason"),
    [(-30.0, "running", "it runs on node7"), (-900.0, "silent", "nothing was heard of it from node7 since")],
)
def test_a_run_on_another_machine_is_judged_by_its_files(training, ago, state, reason):
    path = training.folder / "live" / "state.json"
    content = json.loads(path.read_text())
    content |= {"updated": time_of(ago), "process": {"state": "training", "pid": 1, "host": "node7"}}
    path.write_text(json.dumps(content))
    seen = LiveRun(training.folder).described()
    assert seen["state"] == state
    assert reason in seen["reason"]


def test_without_the_callback_the_history_gives_curves_alone(tmp_path):
    made = FakeTraining(tmp_path / "run", callback=False)
    made.epoch(0.9)
    made.epoch(0.4)
    seen = LiveRun(made.folder).described()
    assert seen["curves"]["val/loss"] == [0.9, 0.4]
    assert seen["best"]["val/loss"] == {"epoch": 1, "value": 0.4}
    assert seen["tables"] == []
    assert seen["note"] == NO_CALLBACK


def test_epochs_before_the_callback_come_from_the_history(training):
    path = training.folder / "live" / "state.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"epochs": content["epochs"][2:]}))
    (training.folder / "metrics.csv").rename(training.folder / "metrics.earlier.csv")
    assert LiveRun(training.folder).described()["curves"]["val/loss"] == [0.9, 0.5, 0.6]


def test_tables_that_were_not_copied_are_said_to_be_absent(training):
    for path in training.folder.glob("live/*.parquet"):
        path.unlink()
    assert LiveRun(training.folder).described()["note"] == NO_TABLES


def test_an_empty_run_is_no_error(tmp_path):
    made = FakeTraining(tmp_path / "run", callback=False)
    seen = LiveRun(made.folder).described()
    assert (seen["epochs"], seen["curves"], seen["best"], seen["follow"], seen["note"]) == ([], {}, {}, None, None)


def test_torn_files_are_left_out_until_they_are_whole(training):
    run = LiveRun(training.folder)
    assert run.described()["tables"] == [0, 1, 2]
    path, state = training.folder / "live" / "epoch_0003.parquet", training.folder / "live" / "state.json"
    training.epoch(0.3, 1.0)
    whole, known = path.read_bytes(), state.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    state.write_bytes(known[: len(known) // 2])
    (training.folder / "metrics.csv").write_text('epoch,step\n"')
    seen = run.described()
    assert seen["tables"] == [0, 1, 2]
    assert seen["epochs"] == [0, 1, 2]
    with pytest.raises(NotThereError, match="epoch 3 has left no predictions: it is not done yet"):
        run.predictions(3)
    path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(NotThereError, match="is not whole yet"):
        run.predictions(3)
    path.write_bytes(whole)
    state.write_bytes(known)
    assert run.described()["tables"] == run.described()["epochs"] == [0, 1, 2, 3]
    assert run.predictions(3).columns == ["fov_id", "fold", "split", "truth", "prediction", "p_a", "p_b"]


def test_each_map_is_turned_onto_the_one_before(tmp_path):
    made = FakeTraining(tmp_path / "run", [f"f{index}" for index in range(12)])
    for turn in (0.0, 1.0, 2.5):
        made.epoch(0.5, table=made.table(turn))
    maps = [LiveRun(made.folder).epoch_map(epoch) for epoch in range(3)]
    assert maps[0].fov_ids == tuple(made.fov_ids)
    for later in maps[1:]:
        np.testing.assert_allclose(later.points, maps[0].points, atol=1e-9)
    radius = np.sqrt((maps[0].points ** 2).sum(axis=1).mean())
    assert radius == pytest.approx(1.0)


def test_a_map_does_not_depend_on_which_epoch_was_looked_at_first(training):
    for epoch in range(3, 6):
        training.epoch(0.5, table=training.table(turn=float(epoch)))
    forth, back = LiveRun(training.folder), LiveRun(training.folder)
    ahead = [forth.epoch_map(epoch).points for epoch in range(6)]
    behind = [back.epoch_map(epoch).points for epoch in reversed(range(6))][::-1]
    np.testing.assert_array_equal(ahead, behind)


def test_an_epoch_that_is_trained_again_is_read_again(training):
    run = LiveRun(training.folder)
    before = run.epoch_map(2).points
    training.rows.pop()
    other = training.table().with_columns(v_0=pl.Series([5.0, 1, 0, 2]))
    training.epoch(0.6, table=other)
    assert not np.allclose(run.epoch_map(2).points, before)


def test_vectors_that_are_absent_few_equal_or_not_finite():
    def table(*vectors):
        rows = {"fov_id": [f"f{index}" for index in range(len(vectors))]}
        return pl.DataFrame(rows | {f"v_{axis}": [row[axis] for row in vectors] for axis in range(len(vectors[0]))})

    assert project(pl.DataFrame({"fov_id": ["f"]}), None) is None
    assert project(table((1.0, 2.0)), None) is None
    np.testing.assert_array_equal(project(table((1.0,), (1.0,)), None).points, np.zeros((2, 2)))
    kept = project(table((0.0, 0.0), (np.nan, 1.0), (3.0, 4.0)), None)
    assert kept.fov_ids == ("f0", "f2")
    np.testing.assert_allclose(np.abs(kept.points), [[1, 0], [1, 0]], atol=1e-12)
    before = EpochMap(("f2", "f0"), np.array([[0.0, 1.0], [0.0, -1.0]]))
    turned = project(table((0.0, 0.0), (np.nan, 1.0), (3.0, 4.0)), before)
    np.testing.assert_allclose(turned.points, [[0, -1], [0, 1]], atol=1e-12)
    unknown = EpochMap(("x", "y"), before.points @ rotation(1.0))
    np.testing.assert_array_equal(
        project(table((0.0, 0.0), (3.0, 4.0)), unknown).points, project(table((0.0, 0.0), (3.0, 4.0)), None).points
    )


def test_a_sweep_has_all_runs_and_jobs(tmp_path, monkeypatch):
    sweep = tmp_path / "sweep"
    first = FakeTraining(sweep / "0", fold=0)
    first.epoch(0.7)
    first.finish()
    (sweep / "jobs.json").write_text(json.dumps({"jobs": [["fold.index=0"], ["fold.index=1"], ["fold.index=2"]]}))
    live = Live(sweep)
    seen = live.described()
    assert [(run["id"], run["job"], run["fold"]) for run in seen["runs"]] == [(0, "0", 0)]
    states = {job["job"]: (job["state"], job["fold"]) for job in seen["jobs"]}
    assert states == {"0": ("completed", 0), "1": ("missing", 1), "2": ("missing", 2)}

    second = FakeTraining(sweep / "1", fold=1)
    second.epoch(0.6)
    monkeypatch.setattr("locgraph.viewer.live._LOOKS_S", 0.0)
    with locked(second.folder):
        seen = live.described()
    assert [run["job"] for run in seen["runs"]] == ["0", "1"]
    assert {job["job"]: job["state"] for job in seen["jobs"]}["1"] == "running"
    assert live.run(1).described()["curves"]["val/loss"] == [0.6]
    with pytest.raises(NotThereError, match="expected a run from 0 to 1; found 2"):
        live.run(2)


def test_a_sweep_without_a_run_yet_is_no_error(tmp_path):
    assert Live(tmp_path).described() == {"runs": [], "jobs": []}
