"""The scores of the epochs of a run, from the files that it leaves while it trains, here or elsewhere."""

from __future__ import annotations

import math
import platform
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.errors import DataError
from locgraph.run_folder import (
    CONFIG,
    EARLIER_HISTORY,
    HISTORY,
    INTERRUPTED,
    LIVE,
    LIVE_EPOCHS,
    LIVE_STATE,
    METRICS,
    RUN,
    RUNNING,
    RunFolder,
    RunState,
    read_record,
)
from locgraph.stats.epochs import best_epochs, direction
from locgraph.storage import LOCK

SILENT: Final = "silent"
"""State of a run on another machine that has written nothing for longer than its epochs take."""

_WATCHED: Final = (RUN, METRICS, HISTORY, EARLIER_HISTORY, f"{LIVE}/{LIVE_STATE}")
_OF_EPOCHS: Final = re.compile(r"(train|val)/")
_FOLLOWED: Final = "val/loss"
_PATIENCE_S: Final = 60.0
_PATIENCE_EPOCHS: Final = 3.0
_PARQUET: Final = b"PAR1"
_HOLDER: Final = re.compile(r"process \d+ on (.+) since ")

NO_CALLBACK: Final = (
    "This run left no predictions of its epochs, so that there are curves alone; train with callbacks=live to have "
    "them."
)
NO_TABLES: Final = (
    "The predictions of epochs are not here: no FOVs were set aside for validation, the task has none of FOVs, or the "
    "files were not copied or could not be written."
)


@dataclass(frozen=True)
class Signs:
    """What changes with a run: its files, and its state."""

    files: tuple[tuple[str, int, int], ...]
    state: str


class LiveFiles:
    """The files of one run as they are now. What is torn or half copied is left out until it is whole.

    Args:
        folder: The run.
    """

    def __init__(self, folder: Path) -> None:
        self.run = RunFolder(folder)
        self._state: dict[str, Any] = {}
        self._state_sign: tuple[str, int, int] | None = None
        self._history: pl.DataFrame | None = None
        self._whole: dict[str, tuple[int, int]] = {}

    @property
    def folder(self) -> Path:
        """The folder of the epochs."""
        return self.run.path / LIVE

    def signs(self) -> Signs:
        """Return what changes whenever there is something new."""
        files = [sign for name in _WATCHED if (sign := _sign(self.run.path / name))]
        return Signs(tuple(files), self.now(self._read_state()).state)

    def tables(self) -> dict[int, Path]:
        """Return the files of the epochs that are whole, the first epoch first."""
        there = {}
        for path in sorted(self.folder.glob(LIVE_EPOCHS)):
            number = path.stem.rpartition("_")[2]
            if number.isdecimal() and self._is_whole(path):
                there[int(number)] = path
        return dict(sorted(there.items()))

    def _is_whole(self, path: Path) -> bool:
        sign = _sign(path)
        if sign is None:
            return False
        if self._whole.get(path.name) == sign[1:]:
            return True
        try:
            with path.open("rb") as file:
                start = file.read(len(_PARQUET))
                file.seek(-len(_PARQUET), 2)
                end = file.read()
        except OSError:
            return False
        if sign[2] <= 2 * len(_PARQUET) or start != _PARQUET or end != _PARQUET:
            return False
        self._whole[path.name] = sign[1:]
        return True

    def described(self) -> dict[str, Any]:
        """Return all that a page shows of the epochs: curves, best epochs, what there is, and how far the run is."""
        live, scores = self._read_state(), self._scores()
        state, tables = self.now(live), list(self.tables())
        epochs = sorted(scores)
        names = sorted({name for row in scores.values() for name in row})
        best = best_epochs(scores, "val/")
        return {
            "state": state.state,
            "reason": state.reason,
            "started": state.started,
            "ended": state.ended,
            "updated": live.get("updated"),
            "fold": self._fold(live),
            "class_names": live.get("class_names") or self.run.metrics().get("class_names") or [],
            "max_epochs": live.get("max_epochs") or self.run.record().get("max_epochs"),
            "epochs": epochs,
            "curves": {name: [scores[epoch].get(name) for epoch in epochs] for name in names},
            "directions": {name: direction(name) for name in names},
            "best": {name: {"epoch": epoch, "value": value} for name, (epoch, value) in best.items()},
            "tables": tables,
            "follow": self._followed(best),
            "seconds_per_epoch": _seconds(live),
            "expected_end": live.get("expected_end") if state.state == RUNNING else None,
            "note": None if tables or not epochs else NO_TABLES if live else NO_CALLBACK,
        }

    def _read_state(self) -> dict[str, Any]:
        """Return the state that training wrote last; that of before where it is torn."""
        sign = _sign(self.folder / LIVE_STATE)
        if sign != self._state_sign:
            state = read_record(self.folder / LIVE_STATE)
            if state:
                self._state, self._state_sign = state, sign
        return self._state

    def _scores(self) -> dict[int, dict[str, float | None]]:
        """Return the scores of each epoch: those of the history, which has all, and over them those of the callback."""
        with suppress(DataError):
            self._history = self.run.whole_history()
        scores = _epochs_of(self._history) if self._history is not None else {}
        for row in self._state.get("epochs") or []:
            scores[int(row["epoch"])] = scores.get(int(row["epoch"]), {}) | dict(row["scores"])
        return scores

    def _fold(self, live: Mapping[str, Any]) -> int | None:
        for fold in (live.get("fold"), self.run.metrics().get("fold"), _fold_of(self.run.record())):
            if isinstance(fold, int):
                return fold
        return None

    def _followed(self, best: Mapping[str, Any]) -> str | None:
        """Return the score by which the best epoch is followed first: that which the run optimises."""
        with suppress(DataError):
            chosen = self.run.read_settings().get("optimized_metric") if (self.run.path / CONFIG).is_file() else None
            if chosen in best:
                return str(chosen)
        return _FOLLOWED if _FOLLOWED in best else next(iter(best), None)

    def now(self, live: Mapping[str, Any]) -> RunState:
        """Return how far the run is; of one on another machine, whose lock cannot be seen, as far as its files show."""
        state = self.run.state()
        host = self._host(live)
        undecided = state.state == RUNNING or (state.state == INTERRUPTED and state.error is None and not state.ended)
        if not undecided or host in (None, platform.node()):
            return state
        last = max((sign[1] / 1e9 for name in _WATCHED if (sign := _sign(self.run.path / name))), default=0.0)
        with suppress(ValueError, TypeError):
            last = datetime.fromisoformat(str(live.get("updated"))).timestamp()
        patience = max(_PATIENCE_S, _PATIENCE_EPOCHS * (_seconds(live) or 0.0))
        if time.time() - last <= patience:
            return replace(state, state=RUNNING, reason=f"it runs on {host}, as far as its files show")
        when = datetime.fromtimestamp(last, UTC).isoformat(sep=" ", timespec="seconds")
        reason = (
            f"nothing was heard of it from {host} since {when}: it ended without a word, or its files came no further"
        )
        return replace(state, state=SILENT, reason=reason)

    def _host(self, live: Mapping[str, Any]) -> str | None:
        process = live.get("process")
        if isinstance(process, dict) and process.get("host"):
            return str(process["host"])
        with suppress(OSError, ValueError):
            holder = _HOLDER.match((self.run.path / LOCK).read_text(encoding="utf-8"))
            return holder[1] if holder else None
        return None


def _sign(path: Path) -> tuple[str, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return path.name, about.st_mtime_ns, about.st_size


def _seconds(live: Mapping[str, Any]) -> float | None:
    """Return the time of the latest epoch that is done, in seconds."""
    times = [row["seconds"] for row in live.get("epochs") or [] if row.get("seconds")]
    return float(times[-1]) if times else None


def _fold_of(record: Mapping[str, Any]) -> int | None:
    """Return the fold that the command line named."""
    values = [str(text).partition("=")[2] for text in record.get("overrides") or [] if "fold.index=" in str(text)]
    return int(values[-1]) if values and values[-1].isdecimal() else None


def _epochs_of(history: pl.DataFrame) -> dict[int, dict[str, float | None]]:
    """Return the scores of each epoch in a history, whose rows hold some of them each."""
    names = [name for name in history.columns if _OF_EPOCHS.match(name)]
    if "epoch" not in history.columns or not names:
        return {}
    values = history.filter(pl.col("epoch").is_not_null()).with_columns(pl.col(names).cast(pl.Float64, strict=False))
    table = values.group_by("epoch", maintain_order=True).agg(pl.col(names).drop_nulls().last())
    return {int(row.pop("epoch")): {name: _finite(value) for name, value in row.items()} for row in table.to_dicts()}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
