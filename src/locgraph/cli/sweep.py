"""Sweeps: after each job the summary of all folds so far is written anew."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from locgraph.errors import LocgraphError

log = logging.getLogger(__name__)


class SummariseSweep(Callback):
    """Hydra callback that keeps the summary of a sweep up to date."""

    def on_job_end(self, config: DictConfig, job_return: Any, **kwargs: Any) -> None:
        """Summarises what is there after each job of a sweep; a job that failed is named in it."""
        if config.hydra.mode == RunMode.MULTIRUN:
            self._summarise(Path(config.hydra.sweep.dir), show=False)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints the summary once all jobs are done."""
        folder = Path(config.hydra.sweep.dir)
        self._summarise(folder, show=True)
        log.info("sweep folder: %s (the same command with paths.sweep_dir=%s does what is missing)", folder, folder)

    def _summarise(self, folder: Path, show: bool) -> None:
        try:
            # late: it draws figures, which a command that fails at once should not wait for
            import_module("locgraph.cli.summarise").summarise_folder(folder, show)
        except LocgraphError as error:
            log.warning("no summary: %s", error)
