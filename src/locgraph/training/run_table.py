"""The ``metrics.csv`` of a run folder, which a resumed run goes on with."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.loggers.logger import rank_zero_experiment

from locgraph.provenance import whole_file

_STEP = "step"


class RunTable(CSVLogger):
    """Lightning's csv logger, for a folder that holds other files too and may hold the rows of an interrupted run.

    Every row is on disk at once, so that an interrupted run loses none. A resumed run keeps the rows of the steps
    before its first one, and replaces those of the steps that it does again.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(save_dir=folder, name="", version="", flush_logs_every_n_steps=1)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """What writes the rows."""
        if self._experiment is None:
            self._experiment = _Writer(self.log_dir)
        return self._experiment


class _Writer(ExperimentWriter):
    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        self.path = Path(self.metrics_file_path)
        self.goes_on = self.path.is_file()

    def _check_log_dir_exists(self) -> None:
        """Leaves the folder as it is: Lightning would warn of other files and delete the table."""

    def log_metrics(self, metrics_dict: Mapping[str, float], step: int | None = None) -> None:
        if self.goes_on and step is not None:
            self.goes_on = False
            self._keep_before(step)
        super().log_metrics(dict(metrics_dict), step)

    def _keep_before(self, step: int) -> None:
        with self.path.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            rows = [row for row in reader if (row.get(_STEP) or "").isdigit() and int(row[_STEP]) < step]
            self.metrics_keys = list(reader.fieldnames or ())
        with whole_file(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, self.metrics_keys, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
