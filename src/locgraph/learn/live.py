"""What each epoch of training predicted, as files that can be looked at while training goes on."""

from __future__ import annotations

import logging
import math
import os
import platform
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch import distributed
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.data.folds import VALIDATION
from locgraph.errors import LocgraphError
from locgraph.learn.module import Learner
from locgraph.provenance import whole_file, write_json
from locgraph.run_folder import LIVE, LIVE_EPOCHS, LIVE_STATE, epoch_file, read_record
from locgraph.settings import check_number, check_whole
from locgraph.stats.epochs import best_epochs, direction, seconds_left
from locgraph.storage import now

log = logging.getLogger(__name__)

_TRAINING, _ENDED, _STOPPED = "training", "ended", "stopped"
_MEGABYTE: Final = 1e6
_BATCHES: Final = 8
"""Batches of predictions that are tabulated together; more of them would hold more localisations in memory."""


class LiveFolder:
    """The folder ``live`` of a run as training writes it: one table for each epoch, and last what there is.

    Tables of epochs between the kept ones are deleted; the latest epoch and the best by each validation score stay.

    Args:
        path: The folder.
        keep_every: An epoch is kept whose number is a multiple of this.
        max_megabytes: Where the tables take more, ``keep_every`` is doubled.
    """

    def __init__(self, path: Path, keep_every: int, max_megabytes: float) -> None:
        self.path, self.keep_every, self.max_megabytes = path, keep_every, max_megabytes
        self.epochs: dict[int, dict[str, Any]] = {}

    def continue_from(self, epoch: int) -> None:
        """Take over what an interrupted run wrote of the epochs before this one; the rest is written again."""
        before = read_record(self.path / LIVE_STATE)
        rows = before.get("epochs") or []
        self.epochs = {int(row["epoch"]): row for row in rows if int(row["epoch"]) < epoch}
        if self.epochs:
            self.keep_every = max(self.keep_every, int(before.get("keep_every") or 1))

    def add(self, epoch: int, **values: Any) -> None:
        """Set values of an epoch: ``scores``, ``seconds``, ``learning_rate``, ``file``, ``bytes``."""
        row = self.epochs.setdefault(epoch, {"epoch": epoch, "scores": {}, "file": None, "bytes": 0})
        scores = row["scores"] | values.pop("scores", {})
        row |= values | {"scores": scores}

    def write_table(self, epoch: int, table: pl.DataFrame) -> None:
        """Write what an epoch predicted."""
        path = self.path / epoch_file(epoch)
        with whole_file(path) as temporary:
            table.write_parquet(temporary, statistics=False)  # read whole
        self.add(epoch, file=path.name, bytes=path.stat().st_size)

    def best(self) -> dict[str, dict[str, Any]]:
        """Return the best epoch of each validation score, with its value and which value is the best."""
        scores = {epoch: row["scores"] for epoch, row in self.epochs.items()}
        best = best_epochs(scores, f"{VALIDATION}/")
        return {
            name: {"epoch": epoch, "value": value, "direction": direction(name)}
            for name, (epoch, value) in best.items()
        }

    def write_state(self, about: dict[str, Any]) -> None:
        """Write what there is, and delete the tables that are not kept."""
        best = self.best()
        self._choose({each["epoch"] for each in best.values()})
        rows = [self.epochs[epoch] for epoch in sorted(self.epochs)]
        write_json(self.path / LIVE_STATE, about | {"keep_every": self.keep_every, "best": best, "epochs": rows})
        kept = {row["file"] for row in rows}
        for path in self.path.glob(LIVE_EPOCHS):
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _choose(self, best: set[int]) -> None:
        """Take out the files of epochs that are not kept."""
        if not self.epochs:
            return
        always, last = best | {max(self.epochs)}, max(self.epochs)
        while True:
            for epoch, row in self.epochs.items():
                if epoch % self.keep_every and epoch not in always:
                    row.update(file=None, bytes=0)
            size = sum(row["bytes"] for row in self.epochs.values())
            if size <= self.max_megabytes * _MEGABYTE or self.keep_every > last:
                return
            self.keep_every *= 2


class Live(Callback):
    """Writes what each epoch predicted of the validation FOVs into the folder ``live`` of the run.

    The predictions are those that validation makes anyway. Each epoch leaves a table, ``epoch_0007.parquet``, and then
    ``state.json``, which lists the epochs with their scores, the best epoch of each score, and when training will end;
    both are renamed into place, so that a reader never sees half of one. A disk that refuses to be written to stops
    nothing: one warning, and another try after the next epoch.

    Args:
        keep_every: The tables of every so many epochs are kept. Those of the latest epoch and of the best epoch by each
            validation score are kept always.
        max_megabytes: Size of all tables above which ``keep_every`` is doubled.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(self, keep_every: int = 1, max_megabytes: float = 500.0) -> None:
        self.keep_every = check_whole("keep_every", keep_every, at_least=1)
        self.max_megabytes = check_number("max_megabytes", max_megabytes, above=0)
        self.predictions: list[Any] = []
        self.tables: list[pl.DataFrame] = []
        self.folder = LiveFolder(Path(LIVE), self.keep_every, self.max_megabytes)
        self.started, self.begun, self.warned = time.perf_counter(), False, False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Continue the files of an interrupted run."""
        self.folder.path, self.begun = Path(trainer.default_root_dir) / LIVE, True
        if trainer.is_global_zero:
            self.folder.continue_from(trainer.current_epoch)
            self._write(trainer, pl_module, _TRAINING)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of the epoch."""
        self.started = time.perf_counter()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the epoch before."""
        self.predictions, self.tables = [], []

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep what validation predicted of a batch."""
        if _of_training(trainer):
            self.predictions.append(outputs)
            if len(self.predictions) == _BATCHES:
                self._tabulate(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the table of the epoch, and the state; before the checkpoint that a resumed run starts from."""
        if not _of_training(trainer):
            return
        self._tabulate(pl_module)
        table = _joined(self.tables, trainer)
        self.tables = []
        if trainer.is_global_zero:
            self._add_scores(trainer)
            self._write(trainer, pl_module, _TRAINING, table)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the loss of training, and the time that the epoch took."""
        if trainer.is_global_zero:
            self._add_scores(trainer)
            self._write(trainer, pl_module, _TRAINING)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """State that training is over."""
        if trainer.is_global_zero:
            self._write(trainer, pl_module, _ENDED)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """State that training was stopped; why is in the record of the run."""
        if trainer.is_global_zero and self.begun:
            self._write(trainer, pl_module, _STOPPED)

    def _tabulate(self, module: LightningModule) -> None:
        if self.predictions:
            table = _learner(module).task.epoch_table(self.predictions, _fold(module))
            self.tables += [] if table is None else [table]
        self.predictions = []

    def _add_scores(self, trainer: Trainer) -> None:
        values = {name: float(value) for name, value in trainer.callback_metrics.items() if "/" in name}
        # JSON has no NaN
        scores = {name: value if math.isfinite(value) else None for name, value in values.items()}
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        seconds = round(time.perf_counter() - self.started, 3)
        self.folder.add(trainer.current_epoch, scores=scores, learning_rate=rate, seconds=seconds)

    def _write(self, trainer: Trainer, module: LightningModule, state: str, table: pl.DataFrame | None = None) -> None:
        try:
            if table is not None:
                self.folder.write_table(trainer.current_epoch, table)
            self.folder.write_state(self._about(trainer, _learner(module), state))
        except (OSError, LocgraphError, pl.exceptions.PolarsError) as error:
            if not self.warned:
                log.warning("training goes on without the files of callbacks=live, which cannot be written: %s", error)
            self.warned = True

    def _about(self, trainer: Trainer, module: Learner, state: str) -> dict[str, Any]:
        """Return all of the state but its epochs."""
        epochs = self.folder.epochs
        total = trainer.max_epochs if (trainer.max_epochs or -1) > 0 else None
        seconds = [float(epochs[epoch]["seconds"]) for epoch in sorted(epochs) if epochs[epoch].get("seconds")]
        left = seconds_left(seconds, None if total is None else total - 1 - max(epochs, default=-1))
        end = None if left is None or state != _TRAINING else datetime.now(UTC) + timedelta(seconds=left)
        return {
            "epoch": max(epochs, default=None),
            "max_epochs": total,
            "fold": _fold(module),
            "class_names": list(module.task.class_names),
            "localisation_classes": list(module.task.localisation_classes),
            "process": {"state": state, "pid": os.getpid(), "host": platform.node()},
            "updated": now(),
            "expected_end": None if end is None else end.isoformat(timespec="seconds"),
        }


def _of_training(trainer: Trainer) -> bool:
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking


def _learner(module: LightningModule) -> Learner:
    if not isinstance(module, Learner):
        raise TypeError(f"expected a Learner, found {type(module).__name__}")
    return module


def _fold(module: LightningModule) -> int | None:
    """Return the fold, which stands in the record of the checkpoint; None where all FOVs are trained on."""
    record = _learner(module).record
    fold = record.get("settings", {}).get("fold", {}).get("index")
    return fold if isinstance(fold, int) and record.get("split", {}).get(VALIDATION, True) else None


def _joined(tables: list[pl.DataFrame], trainer: Trainer) -> pl.DataFrame | None:
    """Return the rows of all batches; in the first of several processes, those of all of them."""
    own = pl.concat(tables, how="vertical_relaxed") if tables else None
    if trainer.world_size == 1:
        return own
    parts: list[Any] = [None] * trainer.world_size
    distributed.all_gather_object(parts, own)
    rows = [part for part in parts if part is not None]
    return pl.concat(rows, how="vertical_relaxed").unique(schema.FOV_ID, maintain_order=True) if rows else None
