"""Sweeps: plugins that they need, jobs that fail, and the summary of all folds so far, renewed after each job."""

from __future__ import annotations

import importlib.util
import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from locgraph.errors import LocgraphError
from locgraph.provenance import write_json
from locgraph.run_folder import FAILURE, JOBS, RunFolder, find_runs

log = logging.getLogger(__name__)

_EXTRAS = {
    "hydra_plugins.hydra_optuna_sweeper": "optuna",
    "hydra_plugins.hydra_joblib_launcher": "joblib",
    "hydra_plugins.hydra_submitit_launcher": "submitit",
}
"""Plugin of Hydra: the extra of locgraph that installs it."""


class SummariseSweep(Callback):
    """Hydra callback that refuses sweeps whose plugins are absent, and keeps the summary of the others up to date."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Ends the command where the launcher or sweeper is not installed, and names the extra."""
        for part in ("launcher", "sweeper"):
            message = missing_plugin(str(OmegaConf.select(config, f"hydra.{part}._target_")), part)
            if message:
                # Hydra turns exceptions of callbacks into warnings
                sys.stderr.write(f"{message}\n")
                raise SystemExit(1)
        jobs = planned_jobs(config)
        if jobs is not None:
            write_json(Path(str(config.hydra.sweep.dir)) / JOBS, {"jobs": jobs})

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Logs why a job failed, which Hydra tells at the end of the sweep alone, and renews the summary."""
        if config.hydra.mode == RunMode.MULTIRUN:
            folder = Path(config.hydra.sweep.dir)
            if job_return.status == JobStatus.FAILED:
                log.error("job %s failed: %s", config.hydra.job.num, job_return._return_value)
                job = folder / str(config.hydra.job.num)
                if not RunFolder(job).record():
                    write_json(job / FAILURE, {"reason": str(job_return._return_value)})
                searches = not has_result(config) and runs_here(config)
                if searches and not any(run.is_completed() for run in find_runs(folder)):
                    log.error("no trial has succeeded, so the search stops: mend what the first one needs")
                    raise SystemExit(1)
            if has_result(config):
                self._summarise(folder, show=False)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints the summary once all jobs are done."""
        folder = Path(config.hydra.sweep.dir)
        if has_result(config):
            self._summarise(folder, show=True)
            try:
                import_module("locgraph.cli.commands.summarise").track_sweeps(config, folder)
            except LocgraphError as error:
                log.warning("the summary is shown by no logger: %s", error)
        log.info("sweep folder: %s (the same command with paths.sweep_dir=%s does what is missing)", folder, folder)

    def _summarise(self, folder: Path, show: bool) -> None:
        try:
            # late: it draws figures, which a command that fails at once should not wait for
            import_module("locgraph.cli.commands.summarise").summarise_folder(folder, show)
        except LocgraphError as error:
            if show:
                log.warning("no summary: %s", error)


def planned_jobs(config: DictConfig) -> list[list[str]] | None:
    """Return the settings of each job of a sweep in their order; None where a search chooses them as it goes."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    if not str(config.hydra.sweeper._target_).endswith(f".{BasicSweeper.__name__}"):
        return None
    params = [f"{name}={value}" for name, value in (config.hydra.sweeper.params or {}).items()]
    overrides = OverridesParser.create().parse_overrides([*params, *config.hydra.overrides.task])
    return [job for batch in BasicSweeper.split_arguments(overrides, None) for job in batch]


def missing_plugin(target: str, part: str) -> str | None:
    """Return what is to be installed for a launcher or sweeper; None where it is there.

    Args:
        target: Full name of its class.
        part: ``launcher`` or ``sweeper``.
    """
    plugin = ".".join(target.split(".")[:2])
    if plugin not in _EXTRAS or _is_installed(plugin):
        return None
    extra = _EXTRAS[plugin]
    return (
        f"MissingPackageError: this {part} needs a plugin of Hydra that is not installed: "
        f"pip install 'locgraph[{extra}]'"
    )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def runs_here(config: DictConfig) -> bool:
    """Return whether jobs run in this process, one after the other."""
    return str(OmegaConf.select(config, "hydra.launcher._target_")).startswith("hydra._internal.")


def has_result(config: DictConfig) -> bool:
    """Return whether jobs test what they train; a search over settings leaves the test FOVs unseen."""
    return bool(OmegaConf.select(config, "test", default=True))
