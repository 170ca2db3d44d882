"""Killed at any moment, a run leaves whole files alone; the next one goes on, and ends as if nothing had happened."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
from safetensors.torch import load_file

from locgraph.io.featextracted import CLUSTERS, LOCS, fov_path, list_fovs, read_fingerprint

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes cannot be killed this way here")

N_FOVS = 30
WORKER = """
import os, sys
from pathlib import Path
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.features.shape import Size
from locgraph.preparation.features.table import FeatureSet
from locgraph.graphs.build import GraphRecipe
from locgraph.graphs.edges import AllPairs
from locgraph.graphs.store import build_store
from locgraph.io.catalogue import scan
from locgraph.io.columns import ColumnMap
from locgraph.io.groups import NoGroups
from locgraph.io.labels import FolderLabels
from locgraph.preparation.executors import Serial
from locgraph.preparation.extract import ExtractRecipe
from locgraph.preparation.prepare import prepare
from locgraph.preparation.views import Views

columns = ColumnMap({"x": "x", "y": "y"}, unit="nm")
extract = ExtractRecipe(
    columns, DBSCAN(30.0, 3), FeatureSet({"size": Size()}), Views(count=2), 3, 1, 0.1, {"eps_nm": 30.0}
)
graph = GraphRecipe(("count",), (), AllPairs(limit=100), True, 3, (0.5,), {"k": 3})

def work(raw, out):
    manifest = prepare(scan(raw, columns, FolderLabels(), NoGroups()), extract, out / "tables", Serial(), 0.0)
    failures = build_store(manifest.table["fov_id"].to_list(), out / "tables", graph, out / "graphs", Serial())
    assert not failures, failures

# to import all this takes seconds, to fork none: each order is carried out by a process that can be killed
for order in sys.stdin:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work(*map(Path, order.rstrip().split("|")))
            status = 0
        finally:
            os._exit(status)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@pytest.fixture
def start(make_raw, tmp_path):
    """Starts a run into a folder; gives its process id, and a function that waits for its exit status."""
    raw = make_raw(N_FOVS)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def started(out):
            process.stdin.write(f"{raw}|{out}\n")
            process.stdin.flush()
            return int(process.stdout.readline()), lambda: int(process.stdout.readline())

        yield started
        process.stdin.close()


def visible(folder):
    """All files that are there under their own names."""
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def stamp(path):
    """What changes when a file is written anew."""
    return path.stat().st_mtime_ns, path.stat().st_ino


def complete(folder):
    """Stamps of all that must not be made again: tables of which both are there, and graphs."""
    tables = folder / "tables"
    fovs = [fov_id for fov_id in list_fovs(tables) if read_fingerprint(tables, fov_id) is not None]
    paths = [fov_path(tables, kind, fov_id) for fov_id in fovs for kind in (LOCS, CLUSTERS)]
    return {path: stamp(path) for path in (*paths, *folder.glob("graphs/*/*.safetensors"))}


def check_whole(folder):
    """Every file can be read to its end."""
    for path in visible(folder):
        if path.suffix == ".parquet":
            assert pl.read_parquet(path).height > 0
        else:
            assert load_file(path)


def test_killed_at_any_moment_it_resumes(start, tmp_path):
    _, wait = start(tmp_path / "expected")
    assert wait() == 0
    expected, out = tmp_path / "expected", tmp_path / "out"
    total = len(visible(expected))
    assert total == 3 * N_FOVS + 1
    seed = 0
    rng = random.Random(seed)
    moments = sorted(rng.sample(range(total), 8))
    done, ends = {}, []

    for least in moments:
        pid, wait = start(out)
        deadline = time.monotonic() + 60
        while len(visible(out)) < least:
            assert time.monotonic() < deadline, f"seed {seed}: {len(visible(out))} files, expected {least}"
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, 0.01))
        with contextlib.suppress(ProcessLookupError):  # it was done already
            os.kill(pid, signal.SIGKILL)
        ends.append(wait())
        check_whole(out)
        now = complete(out)
        again = [path for path, made in done.items() if now.get(path) != made]
        assert not again, f"seed {seed}, killed after {least} of {total} files: made again {again}"
        done = now
    assert set(ends) <= {-signal.SIGKILL, 0}
    assert ends.count(-signal.SIGKILL) > len(moments) // 2
    _, wait = start(out)
    assert wait() == 0

    assert {path: stamp(path) for path in done} == done
    result, wanted = (
        {path.relative_to(folder): path.read_bytes() for path in visible(folder)} for folder in (out, expected)
    )
    assert result.keys() == wanted.keys()
    assert [path for path in result if result[path] != wanted[path]] == []

    for path in (out / "tables").rglob(".*"):  # a kill in the midst of writing leaves a temporary file
        os.utime(path, (time.time() - 25 * 3600,) * 2)
    _, wait = start(out)
    assert wait() == 0
    assert list((out / "tables").rglob(".*")) == []
    assert {path: stamp(path) for path in done} == done
