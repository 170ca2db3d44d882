"""Executor that spreads FOVs over the workers of a Dask cluster, running already or made for the run."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from threadpoolctl import ThreadpoolController

from locgraph.errors import ConfigError, DataError, MissingPackageError, StorageError
from locgraph.preparation.executors import Outcome, attempt, check_workers

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

log = logging.getLogger(__name__)

_IN_FLIGHT: Final = 1000
"""FOVs that the scheduler holds at a time: more than workers, and few enough for it to stay quick with 10^5 FOVs."""

_CONNECT_S: Final = 10.0


class Dask:
    """FOVs spread over a Dask cluster, each attempted apart from the others.

    Paths and settings travel to a worker, and counts come back: raw files, tables and graphs must lie on a file system
    that all workers see under the same paths. A cluster that is there already is left running; its workers need the
    same Python and locgraph, and one thread each (``dask worker --nthreads 1``), so that each has one FOV at a time.

    Args:
        address: A running scheduler, such as ``tcp://host:8786``, or the path of its scheduler file; None makes a
            cluster of processes on this machine and closes it at the end.
        workers: Number of processes of the cluster made here; None takes one for each core this process may use.

    Raises:
        ConfigError: ``workers`` is below 1, or given together with ``address``.
        MissingPackageError: Dask is not installed.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        n_workers = check_workers(workers)
        if address is not None and workers is not None:
            raise ConfigError(
                f"expected null with an address, found {workers}: the cluster at {address} has workers of its own",
                setting="workers",
            )
        if find_spec("distributed") is None:
            raise MissingPackageError(
                "Dask needs the package distributed, which is not installed: pip install 'locgraph[dask]', or choose "
                "the executor Processes"
            )
        self.address = address
        self.workers = n_workers

    def run(self, function: Callable[[Any], Any], items: Mapping[str, Any]) -> Iterator[Outcome]:
        """Yield one outcome for each item, as they come; a caller that stops taking them cancels the rest.

        Raises:
            ConfigError: No scheduler answers at ``address``.
            DataError: The scheduler was lost.
        """
        if not items:
            return
        with ExitStack() as stack:
            stack.enter_context(_quiet_logs())
            made_here = self.address is None
            target = stack.enter_context(self._make_cluster(len(items))) if made_here else self._resolve()
            client = stack.enter_context(self._connect(target))
            workers = len(client.nthreads())
            level = logging.INFO if workers else logging.WARNING
            log.log(level, "Dask cluster at %s with %d workers", client.scheduler.address, workers)
            yield from _outcomes(client, function, items)

    def _make_cluster(self, n_items: int) -> LocalCluster:
        from distributed import LocalCluster

        return LocalCluster(
            n_workers=min(self.workers, n_items),
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # None would take port 8787, and warn where another has it
            scheduler_kwargs={"dashboard": False, "allowed_failures": 1},
            memory_limit=None,  # a share for each would stop a large FOV that fits while the others are small
            silence_logs=logging.ERROR,  # in the workers
        )

    def _resolve(self) -> str:
        """Return the scheduler's address, from its file where that is what was given."""
        address = str(self.address)
        if "://" in address:
            return address
        try:
            return str(json.loads(Path(address).read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "expected the address of a Dask scheduler, such as tcp://host:8786, or the path of its scheduler file, "
                f"found {address!r} ({type(error).__name__}: {error})",
                setting="address",
            ) from error

    def _connect(self, target: str | LocalCluster) -> Client:
        from distributed import Client
        from distributed.comm import resolve_address

        try:
            if isinstance(target, str):
                resolve_address(target)  # a client that finds an address misspelt would be left behind half made
            # not the default: other users of Dask in this process keep theirs
            return Client(target, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"expected a Dask scheduler at {self.address}, found none that answers within {_CONNECT_S:.0f} s "
                f"({error}); start it (`dask scheduler`), correct the address, or leave it null for a cluster on this "
                "machine",
                setting="address",
            ) from error


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Silence the messages of Dask on each connection and worker; outcomes and errors hold what matters."""
    import_module("distributed")  # which sets the levels that are changed here
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "distributed.gc")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _outcomes(client: Client, function: Callable[[Any], Any], items: Mapping[str, Any]) -> Iterator[Outcome]:
    """Yield one outcome for each item; FOVs that waited at a worker which was killed are tried again, each alone."""
    suspects = []
    for outcome, killed in _submit_all(client, function, items):
        if killed:
            suspects.append(outcome.fov_id)
        else:
            yield outcome
    for fov_id in suspects:
        for outcome, _ in _submit_all(client, function, {fov_id: items[fov_id]}):
            yield outcome


def _submit_all(
    client: Client, function: Callable[[Any], Any], items: Mapping[str, Any]
) -> Iterator[tuple[Outcome, bool]]:
    """Hand over as many FOVs as the scheduler may hold, and one more for each that is done.

    Yields:
        One outcome for each item, as they come, and whether the workers that had it were killed.
    """
    import cloudpickle
    from distributed import KilledWorker, as_completed

    work, left = _by_value(), iter(items.items())
    waiting: dict[Future, str] = {}

    def submit(number: int) -> list[Future]:
        futures = []
        for fov_id, item in islice(left, number):
            packed = cloudpickle.dumps((_attempt_in_one_thread, function, fov_id, item))
            futures.append(client.submit(work, packed, pure=False))
            waiting[futures[-1]] = fov_id
        return futures

    try:
        done = as_completed(submit(_IN_FLIGHT), loop=client.loop, with_results=True, raise_errors=False)
        for future, answer in done:
            fov_id, error = waiting.pop(future), _error(answer)
            if future.status == "cancelled":
                raise DataError(
                    "the Dask scheduler was lost, or cancelled what it was given; what was done is kept: check the "
                    f"cluster and its address, and run again ({error})"
                )
            if isinstance(error, StorageError):
                raise error
            future.release()
            done.update(submit(1))
            outcome = answer if error is None else Outcome(fov_id, None, _reason(error))
            yield outcome, isinstance(error, KilledWorker)
    finally:
        if waiting:
            client.cancel(list(waiting))


def _error(answer: Any) -> BaseException | None:
    """Return the error where there is no outcome: Dask gives type, error and traceback, or the error alone."""
    error = answer[1] if isinstance(answer, tuple) else answer
    return error if isinstance(error, BaseException) else None


def _reason(error: BaseException) -> str:
    """Return the reason why a worker sent no outcome, for people."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return (
            "each process that worked on it was killed, even when it was the only FOV, most often for want of memory: "
            "give each worker more memory, or choose the executor Serial on a machine with more"
        )
    return (
        f"the Dask worker could not run it ({type(error).__name__}: {error}); workers need the same Python and "
        "locgraph as this process"
    )


def _by_value() -> Callable[[bytes], Outcome]:
    """Return the function that workers run. Made inside a function, it travels by value: nothing is imported before."""

    def prepare_fov(packed: bytes) -> Outcome:
        import os
        import pickle

        # read once, when these libraries are first loaded, which is when `packed` is opened
        for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        run, *arguments = pickle.loads(packed)
        return run(*arguments)

    return prepare_fov


def _attempt_in_one_thread(function: Callable[[Any], Any], fov_id: str, item: Any) -> Outcome:
    with _thread_pools().limit(limits=1):
        return attempt(function, fov_id, item)


@cache  # to look for them takes as long as a small FOV
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()
