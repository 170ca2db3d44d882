"""The run folder as training writes it: what the run is, whether it continues, its history and its result."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from locgraph.build import TARGET, find_class
from locgraph.errors import ConfigError, LocgraphError
from locgraph.provenance import fingerprint, git_state, versions, whole_file, write_csv, write_json
from locgraph.run_folder import (
    CHECKPOINTS,
    COMPLETED,
    CONFIG,
    EARLIER_HISTORY,
    FAILED,
    HISTORY,
    INTERRUPTED,
    LAST,
    METRICS,
    RELEASE,
    RUN,
    RUNNING,
    SNAPSHOT_RECORD,
    THREADS,
    RunFolder,
    read_record,
)
from locgraph.storage import now

log = logging.getLogger(__name__)

_LENGTH = "max_epochs"
_DECIDES_NOTHING = (
    "paths",
    "logger",
    "tags",
    "executor",
    "callbacks",
    "hydra",
    "optimized_metric",
    "print_config",
    "mode",
)


def code_state() -> dict[str, Any] | None:
    """Return the commit of the code, of a submitted snapshot that which it was taken of, with the digest of its files.

    See `locgraph.provenance.git_state`.
    """
    record = read_record(Path(__file__).parents[3] / SNAPSHOT_RECORD)
    return (record.get("git") or {}) | {"snapshot": record["digest"]} if "digest" in record else git_state()


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
        trainer = {key: value for key, value in decisive.get("trainer", {}).items() if key != _LENGTH}
        self.but_for_length = fingerprint(decisive | {"trainer": trainer})
        self.family = fingerprint(decisive | {"fold": fold})
        # runs of the same experiment: seeds are averaged over in a summary
        seedless = {key: value for key, value in fold.items() if key != "seed"}
        self.repeats = fingerprint(decisive | {"fold": seedless, "seed": None})

    @property
    def group(self) -> str | None:
        """What the runs of one sweep share on dashboards, and no other sweep has; None outside of a sweep folder."""
        sweep, path = Path(self.settings["paths"]["sweep_dir"]).resolve(), self.path.resolve()
        if sweep not in path.parents:
            return None
        # the path too: two sweeps may have begun in the same second, or have folders of the same name
        return f"{self.settings['name']}-{sweep.name}-{fingerprint(str(sweep))[:6]}"

    def completed(self) -> dict[str, Any] | None:
        """Return the metrics of this run where it is done already.

        Raises:
            ConfigError: The folder holds a run with other settings.
        """
        record = self.record()
        # a run that was refused before it had a plan left nothing that could be mixed up
        if record.get("n_folds") is not None and record.get("fingerprint") != self.fingerprint:
            if record.get("but_for_length") == self.but_for_length:
                self._check_longer(record["max_epochs"])
                return None
            raise ConfigError(
                f"{self.path} holds a run with other settings (they are in its {CONFIG}); choose another folder, or "
                "delete it",
                setting="paths.run_dir",
            )
        return self.metrics() if self.is_completed() else None

    def _check_longer(self, before: int) -> None:
        """Refuse to train on where the schedule would have been another from the first step.

        Args:
            before: Epochs that the run in the folder was set to.

        Raises:
            ConfigError: There is no more to train, or the schedule depends on the number of epochs.
        """
        now, schedule = self.settings["trainer"][_LENGTH], str(self.settings["training"]["schedule"][TARGET])
        stretches = getattr(find_class(schedule, "training.schedule"), "stretches", True)
        if now is not None and before is not None and now > before and not stretches and self.last.is_file():
            log.info("%s is trained on, from %d to %d epochs", self.path, before, now)
            return
        reason = (
            f"its schedule, {schedule.rpartition('.')[2]}, runs over the whole of training and would have been another "
            "from the first step; only runs with training/schedule=constant or plateau can be trained on"
            if stretches
            else f"expected more epochs and the file {CHECKPOINTS}/{LAST}"
        )
        raise ConfigError(
            f"{self.path} holds a run of {before} epochs, found {now}: {reason}. Choose another paths.run_dir; "
            f"init_from={self.best} starts there from its weights",
            setting="trainer.max_epochs",
        )

    def begin(self, overrides: Sequence[str]) -> None:
        """Write the settings, what the run is, and that it is running; an earlier failure is forgotten.

        Args:
            overrides: Settings of the command line.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path / CONFIG) as temporary:
            text = yaml.safe_dump(dict(self.settings), sort_keys=False, allow_unicode=True)
            temporary.write_text(text, encoding="utf-8")
        (self.path / METRICS).unlink(missing_ok=True)
        about = {"fingerprint": self.fingerprint, "family": self.family, "n_folds": None, "overrides": list(overrides)}
        about |= {"but_for_length": self.but_for_length, _LENGTH: self.settings["trainer"][_LENGTH]}
        seeds = {"seed": self.settings["seed"], "fold_seed": self.settings["fold"].get("seed")}
        about |= {"repeats": self.repeats, **seeds, "tags": list(self.settings.get("tags") or ())}
        about |= {RELEASE: self.settings.get(RELEASE)}
        threads = self.settings["trainer"][THREADS]
        state = {"state": RUNNING, "reason": None, "error": None, "started": now(), "ended": None}
        origin = {THREADS: threads, "group": self.group, "git": code_state(), "versions": versions()}
        write_json(self.path / RUN, {**about, **origin, **state})

    def record_folds(self, n_folds: int | None) -> None:
        """Add the number of folds of the plan; None where the data decide it and are not read yet."""
        self._record(n_folds=n_folds)

    def record_tables(self, tables: Path) -> None:
        """Add the folder of the prepared tables, so that FOVs can be looked at while the run goes on."""
        self._record(tables=str(tables))

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Write the metrics of a completed run."""
        write_json(self.path / METRICS, {"status": COMPLETED, "reason": None, **metrics})
        self._record(state=COMPLETED, ended=now())

    def fail(self, fold: int | None, error: BaseException) -> None:
        """Write why the run ended; where the disk is full, the log alone tells.

        Args:
            fold: Index of the fold; None where it is no number.
            error: What ended it; one that is no `Exception`, such as Ctrl-C, interrupts it.
        """
        if self.is_completed():
            return
        state = FAILED if isinstance(error, Exception) else INTERRUPTED
        name, reason = type(error).__name__, str(error) or type(error).__name__
        try:
            write_json(self.path / METRICS, {"status": state, "reason": reason, "fold": fold})
            self._record(state=state, reason=reason, error=name, ended=now())
        except LocgraphError as unwritable:
            log.warning("%s: its record cannot be written (%s)", self.path, unwritable)

    def _record(self, **changes: Any) -> None:
        write_json(self.path / RUN, self.record() | changes)

    def set_history_aside(self) -> None:
        """Keep the history of an interrupted run from the logger, which would overwrite it."""
        history = self.whole_history()
        if history is not None:
            write_csv(self.path / EARLIER_HISTORY, history)

    def join_history(self) -> None:
        """Put the part set aside before the part written since; an epoch done twice counts as it was done last."""
        history = self.whole_history()
        if history is not None and (self.path / EARLIER_HISTORY).is_file():
            write_csv(self.path / HISTORY, history)
            (self.path / EARLIER_HISTORY).unlink()
