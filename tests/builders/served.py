"""The viewer as a process of its own, and raw files for it."""

import os
import subprocess
import sys


def write_raw(folder):
    """Write two files of 30 localisations, ``one.csv`` and ``two.csv``, into a new folder, and return it."""
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.csv").write_text("x [nm],y [nm]\n" + "".join(f"{i},{i % 3}\n" for i in range(30)))
    return folder


def serve(folder, *arguments):
    """Return the process of a command that serves at a free port, run in a folder, with what it prints."""
    return subprocess.Popen(
        [sys.executable, "-m", "locgraph.cli", *map(str, arguments), "browser=false", "port=0"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
