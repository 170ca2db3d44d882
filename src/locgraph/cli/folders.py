"""Folders that a command writes to, looked at before Hydra writes its first file there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from locgraph.cli.console import printable
from locgraph.errors import LocgraphError
from locgraph.storage import check_unlocked, locked, make_folder


class GuardFolders(Callback):
    """Hydra callback that refuses a folder which cannot be written to, or in which another process is at work."""

    def __init__(self) -> None:
        self._lock = ExitStack()

    def __reduce__(self) -> tuple[type[GuardFolders], tuple[()]]:
        """Give jobs in other processes a guard of their own: the process that started the sweep holds the lock."""
        return type(self), ()

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at the folder of a run; the command itself holds its lock."""
        folder = Path(str(config.hydra.run.dir))
        if folder != Path():  # commands without a run folder stay where they are
            with _ending():
                make_folder(folder, "paths.run_dir")
                check_unlocked(folder, "paths.run_dir")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Hold the lock of the folder of a sweep."""
        folder = Path(str(config.hydra.sweep.dir))
        with _ending():
            make_folder(folder, "paths.sweep_dir")
            self._lock.enter_context(locked(folder, "paths.sweep_dir"))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Lift the lock."""
        self._lock.close()


@contextmanager
def _ending() -> Iterator[None]:
    """End the command with the message of an error: Hydra would turn what a callback raises into a warning."""
    try:
        yield
    except LocgraphError as error:
        sys.stderr.write(printable(f"{type(error).__name__}: {error}") + "\n")
        raise SystemExit(1) from error
