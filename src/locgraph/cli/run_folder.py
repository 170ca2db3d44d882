"""The run folder: whether a run may start, goes on or is done, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from locgraph.cli.assemble import plain
from locgraph.errors import ConfigError
from locgraph.provenance import fingerprint, versions, whole_file, write_json

_DECIDES_NOTHING = ("paths", "logger", "executor", "callbacks", "hydra")
RUN, METRICS, FOLDS = "run.json", "metrics.json", "folds.json"
COMPLETED, FAILED = "completed", "failed"


class RunFolder:
    """Folder of one run.

    Args:
        path: Where it is.
        cfg: The whole configuration.
    """

    def __init__(self, path: Path, cfg: DictConfig) -> None:
        self.path, self.cfg = path, cfg
        settings: dict[str, Any] = {key: value for key, value in plain(cfg).items() if key not in _DECIDES_NOTHING}
        self.fingerprint = fingerprint(settings)
        fold = {key: value for key, value in settings["fold"].items() if key != "index"}
        self.family = fingerprint(settings | {"fold": fold})

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def last_checkpoint(self) -> Path | None:
        """Where an interrupted run goes on; None for a new one."""
        last = self.checkpoints / "last.ckpt"
        return last if last.is_file() else None

    def completed(self) -> dict[str, Any] | None:
        """The metrics of this run where it is done already.

        Raises:
            ConfigError: The folder holds a run with other settings.
        """
        found = _read(self.path / RUN)
        if found is not None and found.get("fingerprint") != self.fingerprint:
            raise ConfigError(
                f"{self.path} holds a run with other settings (they are in its config.yaml); choose another "
                "paths.run_dir or paths.sweep_dir, or delete the folder"
            )
        metrics = _read(self.path / METRICS)
        return metrics if metrics is not None and metrics.get("status") == COMPLETED else None

    def begin(self, n_folds: int, overrides: list[str]) -> None:
        """Writes the resolved configuration and what the run is.

        Args:
            n_folds: Number of folds of the plan.
            overrides: What the command line set.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path / "config.yaml") as temporary:
            OmegaConf.save(self.cfg, temporary, resolve=True)
        run = {"fingerprint": self.fingerprint, "family": self.family, "n_folds": n_folds, "overrides": overrides}
        write_json(self.path / RUN, {**run, "versions": versions()})

    def finish(self, metrics: dict[str, Any]) -> None:
        """Writes the metrics of a completed run."""
        write_json(self.path / METRICS, {"status": COMPLETED, "reason": None, **metrics})

    def fail(self, fold: int | None, reason: str) -> None:
        """Writes why the run failed, where it has not completed before; ``fold`` is None where it is no number."""
        if (_read(self.path / METRICS) or {}).get("status") != COMPLETED:
            write_json(self.path / METRICS, {"status": FAILED, "reason": reason, "fold": fold})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
