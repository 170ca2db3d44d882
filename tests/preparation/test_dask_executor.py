"""Dask: what the other executors give, on a cluster made for the run and on one that is there."""

import json
import logging
import os
import signal
import socket
import time
from contextlib import closing

import pytest
from distributed import LocalCluster
from distributed.client import _get_global_client

from locgraph.errors import ConfigError, DataError, MissingPackageError
from locgraph.graphs.build import GraphRecipe
from locgraph.graphs.edges import Nearest
from locgraph.graphs.store import build_store
from locgraph.preparation import dask_executor
from locgraph.preparation.dask_executor import Dask
from locgraph.preparation.executors import Serial
from locgraph.preparation.prepare import prepare

# Functions are made inside functions: then they travel to other processes by value, as those cannot import the tests.


@pytest.fixture
def cluster(monkeypatch):
    """A cluster in this process, of two workers with one thread each."""
    for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))  # removed at the end
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as made:
        yield made


@pytest.fixture
def divide():
    """Fails in each way that a FOV can fail."""

    def divide_120(number):
        from locgraph.errors import DataError

        if number < 0:
            raise DataError(f"expected a number above 0, found {number}")
        return 120 / number

    return divide_120


def by_name(outcomes):
    return sorted(outcomes, key=lambda outcome: outcome.fov_id)


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_cluster_that_is_there_gives_what_serial_gives(cluster, divide):
    items = {f"fov {number}": number for number in range(-3, 40)}

    found = by_name(Dask(address=cluster.scheduler_address).run(divide, items))

    assert found == by_name(Serial().run(divide, items))
    assert cluster.status.name == "running"
    assert len(cluster.scheduler.clients) <= 1, "only the cluster's own, if any"
    assert _get_global_client() is None


def test_tables_and_graphs_are_those_of_serial_to_the_byte(cluster, tmp_path, make_raw, make_recipe, catalogue_of):
    raw = make_raw(4)
    (raw / "A" / "bad.csv").write_text("x,y\n1,2\n")
    graphs = GraphRecipe(("count",), (), Nearest(2), True, 3, (0.5,), {})
    failures = {}

    for name, executor in (("serial", Serial()), ("dask", Dask(cluster.scheduler_address))):
        tables = tmp_path / name / "tables"
        manifest = prepare(catalogue_of(raw), make_recipe(), tables, executor, 0.5)
        fov_ids = manifest.table["fov_id"].to_list()
        failures[name] = manifest.failures | build_store(fov_ids, tables, graphs, tmp_path / name / "graphs", executor)

    assert list(failures["serial"]) == ["A/bad"]
    assert failures["dask"] == failures["serial"]
    expected = files(tmp_path / "serial")
    assert len(expected) == 4 * 3 + 1
    assert files(tmp_path / "dask") == expected


def test_workers_made_here_have_one_thread_each():
    def threads(item):
        import os

        import polars
        import threadpoolctl

        pools = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
        return os.getpid(), polars.thread_pool_size(), pools <= {1}

    found = [outcome.result for outcome in Dask(workers=2).run(threads, {"a": 1, "b": 2, "c": 3, "d": 4})]

    assert os.getpid() not in {process for process, _, _ in found}
    assert {tuple(counts) for _, *counts in found} == {(1, True)}
    for process in {process for process, _, _ in found}:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes cannot be killed this way here")
def test_a_killed_worker_costs_its_fov_alone():
    def die(item):
        import os
        import time

        if item == 3:
            os.kill(os.getpid(), 9)
        time.sleep(0.01)
        return item

    outcomes = {outcome.fov_id: outcome for outcome in Dask(workers=2).run(die, {str(item): item for item in range(8)})}

    assert outcomes.keys() == {str(item) for item in range(8)}
    assert {item for item, outcome in outcomes.items() if outcome.failure} == {"3"}
    assert "was killed, even when it was the only FOV, most often for want of memory" in outcomes["3"].failure


def test_outcomes_come_while_others_are_waited_for(cluster, tmp_path):
    def wait(path):
        import time

        while path is not None and not path.exists():
            time.sleep(0.01)

    outcomes = Dask(cluster.scheduler_address).run(wait, {"slow": tmp_path / "go", "quick": None})

    assert next(outcomes).fov_id == "quick"
    (tmp_path / "go").touch()
    assert next(outcomes).fov_id == "slow"


def test_few_are_handed_over_at_a_time(cluster, monkeypatch, divide):
    monkeypatch.setattr(dask_executor, "_IN_FLIGHT", 5)
    seen, count = [], 0

    for outcome in Dask(cluster.scheduler_address).run(divide, {str(item): item for item in range(1, 60)}):
        seen.append(len(cluster.scheduler.tasks))
        count += outcome.failure is None

    assert count == 59
    assert max(seen) <= 2 * 5  # those that are done may linger for a moment


def test_whoever_stops_taking_outcomes_cancels_the_rest(cluster):
    def sleep(item):
        import time

        time.sleep(0.1)

    outcomes = Dask(cluster.scheduler_address).run(sleep, {str(item): item for item in range(500)})
    next(outcomes)
    start = time.monotonic()
    outcomes.close()

    assert time.monotonic() - start < 5
    deadline = time.monotonic() + 5
    while cluster.scheduler.tasks and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not cluster.scheduler.tasks


def test_a_cluster_that_vanishes(cluster):
    def sleep(item):
        import time

        time.sleep(0.05)

    outcomes = Dask(cluster.scheduler_address).run(sleep, {str(item): item for item in range(100)})
    next(outcomes)
    cluster.close()

    with pytest.raises(DataError, match=r"scheduler was lost.*kept"):
        list(outcomes)


def test_dask_keeps_quiet_and_can_speak_again(caplog, divide):
    logging.getLogger("distributed").setLevel(logging.INFO)
    with caplog.at_level(logging.INFO):
        list(Dask(workers=1).run(divide, {"a": 1}))

    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("locgraph.preparation.dask_executor", "INFO")
    ]
    assert logging.getLogger("distributed").level == logging.INFO


def test_what_a_worker_cannot_open_is_a_failure_of_its_fov(cluster):
    class Elsewhere:
        def __reduce__(self):
            return __import__, ("no_such_package_here",)

    found = by_name(Dask(cluster.scheduler_address).run(str, {"a": 1, "b": Elsewhere()}))

    assert found[0].result == "1"
    assert "worker could not run it (ModuleNotFoundError" in found[1].failure
    assert "same Python and locgraph" in found[1].failure


def test_a_scheduler_file(cluster, tmp_path, divide):
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps(cluster.scheduler.identity()), encoding="utf-8")

    assert [outcome.result for outcome in Dask(str(path)).run(divide, {"a": 2})] == [60.0]


def test_nothing_to_do_starts_nothing(monkeypatch, divide):
    monkeypatch.setattr(Dask, "_make_cluster", None)

    assert list(Dask().run(divide, {})) == []


def test_nobody_at_the_address(monkeypatch, divide):
    monkeypatch.setattr(dask_executor, "_CONNECT_S", 0.5)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ConfigError, match=rf"address: .*{address}, found none.*`dask scheduler`.*null"):
            list(Dask(address).run(divide, {"a": 1}))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1", "smoke://127.0.0.1:8786"])
def test_a_misspelt_address(address, divide):
    with pytest.raises(ConfigError, match=rf"address: .*{address}"):
        list(Dask(address).run(divide, {"a": 1}))


@pytest.mark.parametrize("content", [None, "", "[]", '{"id": "Scheduler-1"}'])
def test_no_scheduler_file(content, tmp_path, divide):
    path = tmp_path / "scheduler.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigError, match=r"address: expected .*tcp://host:8786, or.*scheduler file, found"):
        list(Dask(str(path)).run(divide, {"a": 1}))


@pytest.mark.parametrize("workers", [0, -2])
def test_too_few_workers(workers):
    with pytest.raises(ConfigError, match=rf"workers: .* at least 1, found {workers}"):
        Dask(workers=workers)


def test_workers_of_a_cluster_that_is_there_are_not_ours_to_choose():
    with pytest.raises(ConfigError, match="workers: expected null with an address, found 4"):
        Dask("tcp://host:8786", workers=4)


def test_without_dask(monkeypatch):
    monkeypatch.setattr(dask_executor, "find_spec", lambda name: None)

    with pytest.raises(MissingPackageError, match=r"Dask needs .*pip install 'locgraph\[dask\]'"):
        Dask()
