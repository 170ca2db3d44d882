"""One process alone writes to a folder: the lock goes with the process, however that ends."""

import os
import signal
import subprocess
import sys

import pytest

from locgraph.errors import FolderInUseError
from locgraph.storage import is_locked, locked

HOLD = """
import sys, time
from pathlib import Path
from locgraph.storage import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""
WAIT = """
import logging, sys
from pathlib import Path
from locgraph.storage import locked
logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
with locked(Path(sys.argv[1]), wait=True):
    print("mine", flush=True)
"""


@pytest.fixture
def start():
    """Starts a script with a folder; what is left of it is killed."""
    processes = []

    def start(script, folder):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        processes.append(subprocess.Popen([sys.executable, "-c", script, str(folder)], text=True, **pipes))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_until_the_first_ends(start, tmp_path):
    first = start(HOLD, tmp_path / "run")
    assert first.stdout.readline() == "locked\n"
    assert is_locked(tmp_path / "run")

    with (
        pytest.raises(FolderInUseError, match=rf"^paths.run_dir: .*run is being written to by process {first.pid} on"),
        locked(tmp_path / "run", "paths.run_dir"),
    ):
        pass

    first.communicate("")
    with locked(tmp_path / "run"):
        pass
    assert not is_locked(tmp_path / "run")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes cannot be killed this way here")
def test_the_lock_of_a_killed_process_is_gone(start, tmp_path):
    first = start(HOLD, tmp_path)
    first.stdout.readline()

    os.kill(first.pid, signal.SIGKILL)
    first.wait()

    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)


def test_a_process_that_waits_says_so_and_goes_on(start, tmp_path):
    first = start(HOLD, tmp_path)
    first.stdout.readline()
    second = start(WAIT, tmp_path)

    assert second.stdout.readline().startswith(f"waiting for process {first.pid} on ")
    first.communicate("")

    assert second.communicate(timeout=30)[0] == "mine\n"


def test_nothing_is_made_where_only_the_lock_is_looked_at(tmp_path):
    assert not is_locked(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
