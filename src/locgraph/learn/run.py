"""The run folder as training writes it: what the run is, whether it continues, its history and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from locgraph.errors import ConfigError
from locgraph.provenance import fingerprint, versions, whole_file, write_json
from locgraph.run_folder import (
    COMPLETED,
    CONFIG,
    EARLIER_HISTORY,
    FAILED,
    HISTORY,
    METRICS,
    RUN,
    RunFolder,
)

_DECIDES_NOTHING = ("paths", "logger", "executor", "callbacks", "hydra")


class RunWriter(RunFolder):
    """Folder of one run in progress.

    Args:
        path: The folder.
        settings: All settings of the run.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        super().__init__(path)
        self.settings = settings
        decisive = {key: value for key, value in settings.items() if key not in _DECIDES_NOTHING}
        fold = {key: value for key, value in decisive["fold"].items() if key != "index"}
        self.fingerprint = fingerprint(decisive)
        self.family = fingerprint(decisive | {"fold": fold})

    def completed(self) -> dict[str, Any] | None:
        """Return the metrics of this run where it is done already.

        Raises:
            ConfigError: The folder holds a run with other settings.
        """
        record = self.record()
        if record and record.get("fingerprint") != self.fingerprint:
            raise ConfigError(
                f"{self.path} holds a run with other settings (they are in its {CONFIG}); choose another folder, or "
                "delete it",
                setting="paths.run_dir",
            )
        return self.metrics() if self.is_completed() else None

    def begin(self, n_folds: int, overrides: Sequence[str]) -> None:
        """Write the settings and what the run is.

        Args:
            n_folds: Number of folds of the plan.
            overrides: Settings of the command line.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path / CONFIG) as temporary:
            text = yaml.safe_dump(dict(self.settings), sort_keys=False, allow_unicode=True)
            temporary.write_text(text, encoding="utf-8")
        run = {"fingerprint": self.fingerprint, "family": self.family, "n_folds": n_folds, "overrides": list(overrides)}
        threads = self.settings["trainer"]["threads"]
        write_json(self.path / RUN, {**run, "threads": threads, "versions": versions()})

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Write the metrics of a completed run."""
        write_json(self.path / METRICS, {"status": COMPLETED, "reason": None, **metrics})

    def fail(self, fold: int | None, reason: str) -> None:
        """Write why the run failed, unless it has completed before; ``fold`` is None where it is no number."""
        if not self.is_completed():
            write_json(self.path / METRICS, {"status": FAILED, "reason": reason, "fold": fold})

    def set_history_aside(self) -> None:
        """Keep the history of an interrupted run from the logger, which would overwrite it."""
        history = self._joined_history()
        if history is not None:
            _write(self.path / EARLIER_HISTORY, history)

    def join_history(self) -> None:
        """Put the part set aside before the part written since; an epoch done twice counts as it was done last."""
        history = self._joined_history()
        if history is not None and (self.path / EARLIER_HISTORY).is_file():
            _write(self.path / HISTORY, history)
            (self.path / EARLIER_HISTORY).unlink()

    def _joined_history(self) -> pl.DataFrame | None:
        path, later = self.path / EARLIER_HISTORY, self.history()
        earlier = pl.read_csv(path, glob=False, infer_schema_length=None) if path.is_file() else None
        if earlier is None or later is None or later.is_empty():
            return earlier if earlier is not None else later
        return pl.concat([earlier.filter(pl.col("step") < later["step"].min()), later], how="diagonal_relaxed")


def _write(path: Path, table: pl.DataFrame) -> None:
    with whole_file(path) as temporary:
        table.write_csv(temporary)
