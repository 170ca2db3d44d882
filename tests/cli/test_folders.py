"""Folders that a command writes to: refused before any work where they cannot be used, or another process does."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

HOLD = """
import sys
from pathlib import Path
from locgraph.storage import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process writes to."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "held")], text=True, **pipes) as process:
        assert process.stdout.readline() == "locked\n"
        yield tmp_path / "held"
        process.stdin.close()


@pytest.mark.parametrize(
    ("setting", "more"), [("paths.run_dir", ()), ("paths.sweep_dir", ("sweep=kfold",)), ("paths.sweep_dir", ("-m",))]
)
def test_a_second_process_is_refused_and_writes_nothing(held, tiny, fails, tmp_path, setting, more):
    message = fails(tmp_path, "train", *tiny, *more, f"{setting}={held}")

    assert f"FolderInUseError: {setting}: {held} is being written to by process" in message
    assert [path.name for path in held.iterdir()] == [".lock"]
    assert [path.name for path in tmp_path.iterdir()] == ["held"]


@pytest.mark.parametrize("setting", ["paths.run_dir", "paths.sweep_dir", "paths.prepared_dir"])
@pytest.mark.parametrize(("name", "reason"), [("file/a", "a part of the path is a file"), ("a" * 300, "too long")])
def test_folders_that_cannot_be_made(tiny, fails, tmp_path, setting, name, reason):
    (tmp_path / "file").touch()
    sweep = ("sweep=kfold",) if "sweep" in setting else ()

    message = fails(tmp_path, "train", *tiny, *sweep, f"{setting}={tmp_path / name}")

    assert f"ConfigError: {setting}: expected a folder that can be written to" in message
    assert reason in message
    assert not (tmp_path / "outputs" / "simulated").exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes cannot be killed this way here")
def test_explanations_killed_in_the_middle_are_made_by_the_second_call(trained, run, tmp_path):
    best, out = trained.run_dir / "checkpoints" / "best.ckpt", tmp_path / "out"
    places = (f"paths.run_dir={out}", f"explain.folder={out}")
    overrides = [f"ckpt_path={best}", "explain.max_fovs=2", "executor=serial", *places]
    command = [
        sys.executable,
        "-m",
        "locgraph.cli",
        "explain",
        *overrides,
        "explain.explainers.subgraphx.rollouts=5000",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not (out / "metrics.json").is_file():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (out / "explanations.json").exists()

    run(tmp_path, "explain", *overrides, "explain.explainers.subgraphx.rollouts=1", "explain.stability.repeats=0")

    assert (out / "attributions.parquet").is_file()
    assert (out / "explanations.json").is_file()
