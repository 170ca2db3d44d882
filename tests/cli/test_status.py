"""The state of jobs of a sweep."""

import io
import json
import shutil

import pytest
from rich.console import Console

from locgraph.analysis.sweeps.status import status
from locgraph.cli.commands.status import status_table
from locgraph.errors import DataError
from locgraph.storage import locked


@pytest.fixture
def sweep(swept, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(swept.run_dir, folder)
    return folder


def change(run, **changes):
    (run / "metrics.json").unlink()
    path = run / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "running", "ended": None} | changes))


def test_a_finished_sweep_is_completed(sweep):
    jobs = status(sweep)
    metrics = [json.loads((sweep / job / "metrics.json").read_text()) for job in ("0", "1", "2")]
    assert jobs["job"].to_list() == ["0", "1", "2"]
    assert set(jobs["state"]) == {"completed"}
    assert jobs["fold"].to_list() == [0, 1, 2]
    assert jobs["epochs"].to_list() == [3, 3, 3]
    assert jobs["validation"].to_list() == [run["val"]["loss"] for run in metrics]
    assert jobs["test"].to_list() == [run["test"]["accuracy"] for run in metrics]
    assert jobs["reason"].null_count() == 3


def test_what_is_not_done_is_named_with_its_reason(sweep, run, capsys):
    change(sweep / "0")
    change(sweep / "1", state="failed", reason="disk [/full]", error="DiskFullError")
    shutil.rmtree(sweep / "2")
    with locked(sweep / "0"):
        running = status(sweep)
    killed = status(sweep)
    assert running["state"].to_list() == ["running", "failed", "missing"]
    assert running["epochs"].to_list()[:1] == [3]
    assert running["fold"].to_list() == [0, 1, 2]
    assert killed["state"].to_list() == ["interrupted", "failed", "missing"]
    assert "killed" in killed["reason"][0]
    run(sweep, "status", f"folder={sweep}")
    printed = capsys.readouterr().out
    assert "1: disk [/full]" in printed
    assert "1 failed" in printed


def test_one_run_is_shown_as_well_and_nothing_is_written(swept, run, capsys):
    folder = swept.run_dir / "1"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    run(folder, "status", f"folder={folder}")
    assert "1 completed" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert status(folder)["fold"].to_list() == [1]


def test_settings_that_differ_are_shown(sweep):
    path = sweep / "1" / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"overrides": [*record["overrides"], "model=[x]"]}))
    printed = io.StringIO()
    Console(width=200, file=printed).print(status_table(status(sweep)))
    text = printed.getvalue()
    assert text.count("model=[x]") == 1
    assert "experiment=demo" not in text


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(DataError, match="folder: no run found below"):
        status(tmp_path)
