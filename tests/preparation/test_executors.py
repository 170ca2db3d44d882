"""Executors: the same outcomes one after the other and in parallel, failures apart, killed workers reported."""

import os
import pickle
import signal
import warnings
from types import SimpleNamespace

import joblib
import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.preparation import executors
from locgraph.preparation.executors import Outcome, Processes, Serial
from locgraph.preparation.prepare import prepare


@pytest.fixture
def divide():
    """Fails in each way that a FOV can fail."""

    def divide_120(number):
        if number < 0:
            raise DataError(f"expected a number above 0, found {number}")
        return 120 / number

    return divide_120


def test_serial_keeps_order_and_failures_apart(divide):
    outcomes = list(Serial().run(divide, {"a": 2, "b": -1, "c": 0, "d": 4}))

    assert outcomes == [
        Outcome("a", 60.0),
        Outcome("b", None, "expected a number above 0, found -1"),
        Outcome("c", None, "unexpected ZeroDivisionError: division by zero"),
        Outcome("d", 30.0),
    ]


def test_processes_give_what_serial_gives(divide):
    items = {f"fov {number}": number for number in range(-3, 40)}

    expected = sorted(Serial().run(divide, items), key=lambda outcome: outcome.fov_id)
    found = sorted(Processes(workers=2, head_start_s=0).run(divide, items), key=lambda outcome: outcome.fov_id)

    assert found == expected


@pytest.mark.parametrize("executor", [Serial(), Processes(workers=2, head_start_s=0)])
def test_nothing_to_do(executor, divide):
    assert list(executor.run(divide, {})) == []


def test_a_panic_of_polars_is_a_failure_like_any_other():
    def panic(item):
        raise pl.exceptions.PanicException("called unwrap on nothing")

    expected = "unexpected PanicException: called unwrap on nothing"
    assert [outcome.failure for outcome in Serial().run(panic, {"a": 1})] == [expected]
    assert [outcome.failure for outcome in Processes(2, head_start_s=0).run(panic, {"a": 1, "b": 2})] == [expected] * 2


def test_stopping_is_no_failure():
    def stop(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Serial().run(stop, {"a": 1}))


def test_one_fov_or_one_worker_needs_no_other_process():
    def process(item):
        return os.getpid()

    assert [outcome.result for outcome in Processes(2, head_start_s=0).run(process, {"a": 1})] == [os.getpid()]
    assert [outcome.result for outcome in Processes(1).run(process, {"a": 1, "b": 2})] == [os.getpid()] * 2


@pytest.mark.parametrize(
    ("items", "head_start_s", "here"),
    [
        (12, 60, 12),  # all is done before
        (12, 2.5, 3),  # after 3 s about 9 s are left
        (11, 3.5, 4),  # after 4 s about 7 s are left: just enough
        (10, 3.5, 10),  # after 4 s about 6 s are left: others would not save time
    ],
)
def test_this_process_has_a_head_start(monkeypatch, items, head_start_s, here):
    clock = [0.0]
    monkeypatch.setattr(executors, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def one_second(item):
        clock[0] += 1.0
        return os.getpid()

    outcomes = Processes(2, head_start_s).run(one_second, {str(item): item for item in range(items)})

    processes = [outcome.result for outcome in outcomes]
    assert len(processes) == items
    assert processes.count(os.getpid()) == here
    assert processes[:here] == [os.getpid()] * here


def test_whoever_stops_taking_outcomes_is_left_in_peace(divide):
    outcomes = Processes(2, head_start_s=0).run(divide, {str(item): item for item in range(1, 50)})

    first = next(outcomes)
    outcomes.close()

    assert first.result is not None


def test_other_processes_work_with_one_thread_each():
    def threads(item):
        import os

        import polars

        return os.getpid(), os.environ["OMP_NUM_THREADS"], polars.thread_pool_size()

    found = [outcome.result for outcome in Processes(2, head_start_s=0).run(threads, {"a": 1, "b": 2, "c": 3})]

    assert os.getpid() not in {process for process, _, _ in found}
    assert {counts for _, *counts in map(list, found) for counts in [tuple(counts)]} == {("1", 1)}


def test_settings_of_the_pool_do_not_reach_the_caller(divide):
    outcomes = Processes(2, head_start_s=0).run(divide, {"a": 1, "b": 2, "c": 3})

    next(outcomes)

    assert joblib.effective_n_jobs(None) == 1
    assert len(list(outcomes)) == 2


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes cannot be killed this way here")
def test_a_killed_worker_names_the_settings_to_change(divide):
    def die(item):
        if item == 3:
            os.kill(os.getpid(), 9)
        return item

    with pytest.raises(DataError, match=r"process was killed.*memory.*fewer workers than 2"):
        list(Processes(workers=2, head_start_s=0).run(die, {str(item): item for item in range(8)}))

    assert (
        len(list(Processes(workers=2, head_start_s=0).run(divide, {"a": 1, "b": 2}))) == 2
    )  # the next run has new workers


@pytest.mark.parametrize("workers", [0, -2])
def test_too_few_workers(workers):
    with pytest.raises(ConfigError, match=rf"workers: .* at least 1, found {workers}"):
        Processes(workers)


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_head_start_below_nothing(seconds):
    with pytest.raises(ConfigError, match=f"head_start_s: expected at least 0 s, found {seconds}"):
        Processes(2, seconds)


def test_no_number_of_workers_takes_each_core():
    assert Processes(None).workers == joblib.cpu_count()


def test_workers_that_have_grown_are_replaced_without_a_word():
    def grow(item):
        import builtins
        import time

        if item == 0:
            builtins.kept = b"x" * 400_000_000
        time.sleep(1.1 if item == 0 else 0.25)  # the memory of a worker is looked at once a second
        return item

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")  # not an error: it would end the thread that all wait for
        outcomes = list(Processes(2, head_start_s=0).run(grow, {str(item): item for item in (1, 2, 0, *range(3, 14))}))

    assert sorted(outcome.result for outcome in outcomes) == list(range(14))
    assert caught == []


def test_no_worker_outlives_its_work():
    def process(item):
        return os.getpid()

    workers = {outcome.result for outcome in Processes(2, head_start_s=0).run(process, {"a": 1, "b": 2, "c": 3})}

    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_only_paths_and_settings_travel(tmp_path, write_raw, make_recipe, catalogue_of):
    class Weigh(Serial):
        def run(self, function, items):
            for outcome in super().run(function, items):
                weights.append(len(pickle.dumps((items[outcome.fov_id], outcome))))
                yield outcome

    weights = []
    write_raw(tmp_path / "raw" / "A" / "0.csv", sizes=(10,))
    write_raw(tmp_path / "raw" / "A" / "1.csv", sizes=(10_000,) * 5)

    prepare(catalogue_of(tmp_path / "raw"), make_recipe(), tmp_path / "tables", Weigh(), 0.0)

    small, large = weights
    assert large < 5000
    assert abs(large - small) < 50  # counts with more digits
