"""Executors: run a function over many FOVs and keep each failure apart from the others."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from polars.exceptions import PanicException

from locgraph.errors import ConfigError, DataError, LocgraphError
from locgraph.settings import check_whole
from locgraph.storage import storage_error

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Result of one FOV.

    Attributes:
        fov_id: The FOV.
        result: What the function returned; None where it failed.
        failure: Why it failed, for people; None where it did not.
    """

    fov_id: str
    result: Any
    failure: str | None = None


class Executor(Protocol):
    """Contract of executors: runs one function over many FOVs, in any order."""

    def run(self, function: Callable[[Any], Any], items: Mapping[str, Any]) -> Iterator[Outcome]:
        """Yield one outcome for each item, as they come."""
        ...


class Serial:
    """One FOV after the other, in this process."""

    def run(self, function: Callable[[Any], Any], items: Mapping[str, Any]) -> Iterator[Outcome]:
        """Yield one outcome for each item, in their order."""
        for fov_id, item in items.items():
            yield attempt(function, fov_id, item)


class Processes:
    """FOVs spread over processes, each held to one thread so that they do not fight for the cores.

    To start processes takes seconds, longer than many data sets take altogether. So this process begins with the work,
    and others take what is left after some time, if that is much.

    Args:
        workers: Number of processes; None takes one for each core this process may use.
        head_start_s: Seconds after which other processes are started, where twice as much work seems to be left.

    Raises:
        ConfigError: ``workers`` is below 1, or ``head_start_s`` below 0.
    """

    def __init__(self, workers: int | None = None, head_start_s: float = 5.0) -> None:
        self.workers = check_workers(workers)
        if not head_start_s >= 0:
            raise ConfigError(f"expected at least 0 s, found {head_start_s}", setting="head_start_s")
        self.head_start_s = head_start_s

    def run(self, function: Callable[[Any], Any], items: Mapping[str, Any]) -> Iterator[Outcome]:
        """Yield one outcome for each item, as they come.

        Raises:
            DataError: A process was killed from outside, most often for want of memory.
        """
        left, start = dict(items), time.monotonic()
        while left and not self._is_worth_processes(time.monotonic() - start, len(items) - len(left), len(left)):
            fov_id = next(iter(left))
            yield attempt(function, fov_id, left.pop(fov_id))
        if left:
            yield from self._run_in_processes(function, left)

    def _is_worth_processes(self, elapsed: float, done: int, left: int) -> bool:
        """Return whether so much work is left, by the time of the first FOVs, that other processes save time."""
        expected = left * elapsed / max(done, 1)
        return self.workers > 1 and left > 1 and elapsed >= self.head_start_s and expected >= 2 * self.head_start_s

    def _run_in_processes(self, function: Callable[[Any], Any], items: Mapping[str, Any]) -> Iterator[Outcome]:
        # joblib knows the settings of all thread pools but polars': its own is read once, when a worker first loads it
        one_thread = {"inner_max_num_threads": 1, "initializer": os.putenv, "initargs": ("POLARS_MAX_THREADS", "1")}
        with parallel_config(backend="loky", n_jobs=self.workers, **one_thread):
            parallel = Parallel(return_as="generator_unordered")
        # the settings must not reach what the caller does between two outcomes: they end before the first
        try:
            with warnings.catch_warnings():
                # a worker whose memory has grown is replaced, as large FOVs or a first import bring about: no fault
                warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
                # a caller that stops taking outcomes, as by Ctrl-C, knows that some are left
                warnings.filterwarnings("ignore", r"\d+ tasks (have|which)", UserWarning)
                yield from parallel(delayed(attempt)(function, fov_id, item) for fov_id, item in items.items())
        except TerminatedWorkerError as error:
            raise DataError(
                "a process was killed while it worked on a FOV, most often for want of memory; what was done is kept: "
                f"run again with one FOV after the other, or with fewer workers than {self.workers}. joblib reports: "
                f"{error}"
            ) from error
        finally:
            # idle workers would keep their memory for minutes, while a network trains
            get_reusable_executor(max_workers=self.workers).shutdown()


def check_workers(workers: int | None) -> int:
    """Return a number of processes: ``workers``, or where this is None one for each core that this process may use.

    Raises:
        ConfigError: ``workers`` is below 1.
    """
    return cpu_count() if workers is None else check_whole("workers", workers, at_least=1)


def attempt(function: Callable[[Any], Any], fov_id: str, item: Any) -> Outcome:
    """Run one FOV and return its outcome, whatever happens; only what ends the process escapes, such as Ctrl-C.

    Raises:
        StorageError: Storage refuses to be written to, which is no fault of this FOV.
    """
    try:
        return Outcome(fov_id, function(item))
    # whatever it is, one bad FOV must never stop the others; polars panics, outside Exception, on some damaged files
    except (Exception, PanicException) as error:
        refused = storage_error(error)
        if refused is not None:
            raise refused from error
        if isinstance(error, LocgraphError):
            return Outcome(fov_id, None, str(error))
        log.debug("unexpected failure of %s", fov_id, exc_info=True)
        return Outcome(fov_id, None, f"unexpected {type(error).__name__}: {error}")
