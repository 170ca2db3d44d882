"""Loggers never stop a run: what goes wrong in one is logged once, and it is left out from then on."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from locgraph.learn.loggers.adapters import tracker_of
from locgraph.learn.loggers.base import Tracker

log = logging.getLogger(__name__)

_METHODS: Final = ("log_metrics", "log_hyperparams", "log_graph", "save", "finalize", "after_save_checkpoint")
"""What Lightning calls of a logger."""


class Guard:
    """Whether a logger still works.

    Args:
        name: Name of the logger in the config.

    Attributes:
        works: False after its first error.
    """

    def __init__(self, name: str) -> None:
        self.name, self.works = name, True

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a method of the logger; after its first error nothing is called any more."""
        if not self.works:
            return None
        try:
            return method(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 each package has errors of its own, and none may stop a run
            self.works = False
            log.warning(
                "the logger %s failed and takes nothing more; the run goes on, its folder has everything (%s: %s)",
                self.name,
                type(error).__name__,
                error,
            )
            return None


class Guarded:
    """A logger, guarded: its own methods raise nothing from now on.

    Args:
        name: Name of the logger in the config.
        logger: The logger. Its methods are replaced on the object, so that its class stays what callbacks look for.

    Attributes:
        logger: The logger, for Lightning's trainer.
        tracker: What takes pictures, tables and files; None where it takes none.
    """

    def __init__(self, name: str, logger: Logger) -> None:
        self.logger, self.tracker, self._guard = logger, tracker_of(logger), Guard(name)
        for method in _METHODS:
            setattr(logger, method, functools.partial(self._guard.call, getattr(logger, method)))

    def send(self, what: Callable[[Tracker], Any]) -> None:
        """Let the tracker take something, if there is one."""
        if self.tracker is not None:
            self._guard.call(what, self.tracker)


@rank_zero_only
def send(loggers: Iterable[Guarded], what: Callable[[Tracker], Any]) -> None:
    """Let all loggers take something that can; in the first of several processes alone.

    Args:
        loggers: The loggers.
        what: Calls methods of a tracker.
    """
    for logger in loggers:
        logger.send(what)


@rank_zero_only
def finish(loggers: Sequence[Guarded], failed: bool) -> None:
    """End the run of each logger, so that the next job of a sweep begins one of its own.

    Args:
        loggers: The loggers.
        failed: Whether the run ended with an error.
    """
    send(loggers, lambda tracker: tracker.close(failed))
    # a run that something else began would take what the next job logs
    wandb = sys.modules.get("wandb")
    if wandb is not None and getattr(wandb, "run", None) is not None:
        Guard("wandb").call(wandb.finish, exit_code=int(failed))
