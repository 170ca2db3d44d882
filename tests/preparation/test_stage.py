"""One stage over many FOVs: what is up to date stays, failures are kept apart, abandoned files go."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from locgraph.errors import DataError
from locgraph.preparation.executors import Processes, Serial
from locgraph.preparation.stage import remove_abandoned, stage


def write(path):
    """Write the file of one FOV."""
    if path.stem == "bad":
        raise DataError("expected a good FOV, found a bad one")
    path.write_text("done")


@pytest.fixture
def run(tmp_path):
    """Run the stage over FOVs, each of which is up to date once its file is there."""

    def plan(fov_id):
        if fov_id == "damaged":
            raise DataError("expected columns, found none")
        if fov_id == "gone":
            (tmp_path / "no such folder" / "gone").read_text()
        path = tmp_path / f"{fov_id}.txt"
        return None if path.exists() else path

    def run(*fov_ids, **options):
        items = {fov_id: fov_id for fov_id in fov_ids}
        return stage("files", tmp_path, write, items, plan, options.pop("executor", Serial()), **options)

    return run


def test_what_is_up_to_date_stays(run, tmp_path):
    assert run("a", "b").made == ("a", "b")
    before = (tmp_path / "a.txt").stat().st_mtime_ns
    (tmp_path / "b.txt").unlink()

    result = run("a", "b", "c")

    assert result.made == ("b", "c")
    assert result.failures == {}
    assert (tmp_path / "a.txt").stat().st_mtime_ns == before


@pytest.mark.parametrize("executor", [Serial(), Processes(workers=1)])
def test_failures_are_kept_apart_with_their_reasons(run, executor):
    result = run("a", "bad", "damaged", "gone", executor=executor)

    assert result.made == ("a",)
    assert set(result.failures) == {"bad", "damaged", "gone"}
    assert result.failures["bad"] == "expected a good FOV, found a bad one"
    assert result.failures["damaged"] == "expected columns, found none"
    assert "gone: cannot be read (No such file or directory)" in result.failures["gone"]
    assert run("a", "bad").made == ()


def test_an_interrupted_stage_goes_on_where_it_stopped(run):
    class Interrupted(Serial):
        def run(self, function, items):
            yield next(super().run(function, items))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("a", "b", "c", executor=Interrupted())

    assert run("a", "b", "c").made == ("b", "c")


def test_progress_gets_outcomes_number_and_name(run):
    seen = []

    def progress(outcomes, total, name):
        for outcome in outcomes:
            seen.append((total, name, outcome.fov_id))
            yield outcome

    run("a")
    run("a", "b", "c", progress=progress)

    assert seen == [(2, "files", "b"), (2, "files", "c")]


def test_files_of_killed_runs_are_removed_after_a_day(run, tmp_path):
    (tmp_path / "folder").mkdir()
    files = [tmp_path / "folder" / f".0.parquet.{name}.part" for name in ("old", "young")] + [tmp_path / ".m.x.part"]
    for path in files:
        path.touch()
    for path in files[::2]:
        os.utime(path, (time.time() - 25 * 3600,) * 2)

    run("a")

    assert [path.exists() for path in files] == [False, True, False]


def test_what_cannot_be_removed_stops_nothing(tmp_path, monkeypatch):
    path = tmp_path / ".a.parquet.x.part"
    path.touch()
    os.utime(path, (0, 0))

    def refuse(self):
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "unlink", refuse)
    remove_abandoned(tmp_path)
    remove_abandoned(tmp_path / "nowhere")

    assert path.exists()


def test_neither_torch_nor_scikit_learn_is_loaded():
    code = (
        "import pkgutil, sys, importlib, locgraph.preparation as package\n"
        "for module in pkgutil.walk_packages(package.__path__, 'locgraph.preparation.'):\n"
        "    importlib.import_module(module.name)\n"
        "print([name for name in ('torch', 'torch_geometric', 'lightning', 'sklearn') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
