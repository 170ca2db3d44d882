"""A run that trains by writing files, epoch by epoch, as training with ``callbacks=live`` does."""

import json
import os
import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

CLASSES = ("a", "b")


def time_of(seconds: float = 0.0) -> str:
    """The time, or one so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


class FakeTraining:
    """A run in a folder.

    Args:
        folder: The folder, which is made.
        fov_ids: The validation FOVs; every second one is of class ``b``.
        callback: Whether the run has the files of ``callbacks=live``.
        **record: Further values of ``run.json``.
    """

    def __init__(self, folder, fov_ids=("f0", "f1", "f2", "f3"), fold=0, max_epochs=10, callback=True, **record):
        self.folder, self.fov_ids, self.callback = Path(folder), list(fov_ids), callback
        self.max_epochs, self.fold, self.host = max_epochs, fold, platform.node()
        self.rows: list[dict] = []
        (self.folder / "live").mkdir(parents=True) if callback else self.folder.mkdir(parents=True)
        about = {"state": "running", "reason": None, "error": None, "started": time_of(), "ended": None, "n_folds": 2}
        self.record(**about, max_epochs=max_epochs, family="f", overrides=[f"fold.index={fold}"], **record)

    def record(self, **changes):
        """Changes ``run.json``."""
        path = self.folder / "run.json"
        before = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps(before | changes))

    def finish(self):
        """Ends as a run that completed."""
        (self.folder / "metrics.json").write_text(json.dumps({"status": "completed", "fold": self.fold}))
        self.record(state="completed", ended=time_of())
        if self.callback:
            self.write_state("ended")

    def table(self, turn=0.0, right=1.0, vectors=2):
        """What an epoch predicts; the vectors are turned by an angle, and a fraction of the FOVs is right."""
        n = len(self.fov_ids)
        truth = ["ab"[index % 2] for index in range(n)]
        wrong = np.arange(n) >= round(right * n)
        prediction = ["ab"[(index % 2) ^ int(wrong[index])] for index in range(n)]
        first = np.array([0.8 if name == "a" else 0.3 for name in prediction])
        plane = np.array([[np.cos(3 * index), index] for index in range(n)]) @ rotation(turn)
        values = np.concatenate([plane, np.zeros((n, max(vectors - 2, 0)))], axis=1)[:, :vectors]
        columns = {"fov_id": self.fov_ids, "fold": [self.fold] * n, "split": ["val"] * n, "truth": truth}
        columns |= {"prediction": prediction, "p_a": first, "p_b": 1 - first}
        return pl.DataFrame(columns | {f"v_{index}": values[:, index] for index in range(vectors)})

    def epoch(self, loss, accuracy=0.5, table=None, seconds=2.0):
        """Trains one epoch."""
        number = len(self.rows)
        scores = {"train/loss": loss * 0.9, "val/loss": loss, "val/accuracy": accuracy}
        name = f"epoch_{number:04d}.parquet"
        self.rows.append({"epoch": number, "scores": scores, "seconds": seconds, "file": name, "bytes": 1})
        if self.callback:
            (self.table(right=accuracy) if table is None else table).write_parquet(self.folder / "live" / ".part")
            (self.folder / "live" / ".part").replace(self.folder / "live" / name)
            self.write_state("training")
        self.write_history()

    def write_state(self, state):
        """Writes ``state.json``."""
        left = self.max_epochs - len(self.rows)
        content = {
            "epoch": len(self.rows) - 1,
            "max_epochs": self.max_epochs,
            "fold": self.fold,
            "class_names": list(CLASSES),
            "process": {"state": state, "pid": os.getpid(), "host": self.host},
            "updated": time_of(),
            "expected_end": time_of(2 * left) if state == "training" else None,
            "epochs": self.rows,
        }
        (self.folder / "live" / ".part").write_text(json.dumps(content))
        (self.folder / "live" / ".part").replace(self.folder / "live" / "state.json")

    def write_history(self):
        """Writes ``metrics.csv`` as Lightning does, train and validation on rows of their own."""
        rows = []
        for row in self.rows:
            about = {"epoch": row["epoch"], "step": row["epoch"], "train/loss": None, "val/loss": None}
            scores = row["scores"]
            rows.append(about | {"val/loss": scores["val/loss"], "val/accuracy": scores["val/accuracy"]})
            rows.append(about | {"train/loss": scores["train/loss"], "val/accuracy": None})
        pl.DataFrame(rows).write_csv(self.folder / "metrics.csv")


def rotation(angle):
    """The matrix (2, 2) of a rotation."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
