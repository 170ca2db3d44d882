"""Trackers of Lightning's loggers: TensorBoard and MLflow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger
from PIL import Image

from locgraph.learn.loggers.base import About, Files, Tracker

_MOST_ROWS: Final = 100


def tracker_of(logger: Logger) -> Tracker | None:
    """Return what sends pictures, tables and files to a logger; None where it takes numbers and settings alone."""
    if isinstance(logger, Tracker):
        return logger
    if isinstance(logger, TensorBoardLogger):
        return TensorBoardTracker(logger)
    if isinstance(logger, MLFlowLogger):
        return MLFlowTracker(logger)
    return None


class TensorBoardTracker(Tracker):
    """Sends pictures, and the first 100 rows of tables as text.

    Args:
        logger: The logger.
    """

    def __init__(self, logger: TensorBoardLogger) -> None:
        self.logger = logger

    def describe(self, about: About) -> None:
        """Take the name, job type, group and tags as a text."""
        words = {"name": about.name, "job type": about.job_type, "group": about.group, "tags": ", ".join(about.tags)}
        self.logger.experiment.add_text(
            "about", "  \n".join(f"{key}: {value}" for key, value in words.items() if value)
        )

    def log_picture(self, name: str, path: Path) -> None:
        """Take a PNG file."""
        self.logger.experiment.add_image(name, read_picture(path), dataformats="HWC")

    def log_table(self, name: str, table: pl.DataFrame, pictures: Mapping[str, Path]) -> None:
        """Take the first rows of a table as text."""
        self.logger.experiment.add_text(name, _markdown(table.head(_MOST_ROWS)))

    def log_summary(self, values: Mapping[str, Any]) -> None:
        """Take numbers of the whole run as text."""
        self.logger.experiment.add_text("summary", _markdown(_rows(values)))

    def close(self, failed: bool) -> None:
        """Write what is waiting, and close the file."""
        self.logger.experiment.close()


class MLFlowTracker(Tracker):
    """Sends pictures, tables and files as artifacts of the MLflow run, the rest as tags.

    Args:
        logger: The logger.
    """

    def __init__(self, logger: MLFlowLogger) -> None:
        self.logger = logger

    def describe(self, about: About) -> None:
        """Take the name, job type, group and tags as tags; a ``run_name`` of the settings is kept."""
        for key, value in {"job_type": about.job_type, "group": about.group, "tags": ", ".join(about.tags)}.items():
            self._tag(key, value)
        if self.logger._run_name is None:  # of Lightning, which has no public name for it
            self._tag("mlflow.runName", about.name)

    def log_picture(self, name: str, path: Path) -> None:
        """Take a PNG file."""
        self._artifact(path, "pictures")

    def log_table(self, name: str, table: pl.DataFrame, pictures: Mapping[str, Path]) -> None:
        """Take a table as a CSV file, and the pictures of FOVs."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.csv"
            table.write_csv(path)
            self._artifact(path, "tables")
        for path in pictures.values():
            self._artifact(path, "fovs")

    def log_summary(self, values: Mapping[str, Any]) -> None:
        """Take numbers of the whole run as a JSON file, since MLflow's metrics are series."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "summary.json"
            path.write_text(json.dumps(dict(values), indent=2), encoding="utf-8")
            self._artifact(path, None)

    def log_files(self, files: Files) -> None:
        """Take files that the run made."""
        for path in files.paths:
            self._artifact(path, files.kind)
        self._tag(files.kind, files.reference)

    def use_files(self, files: Files) -> None:
        """Take the reference of files that the run started from."""
        self._tag(f"uses {files.kind}", files.reference)

    def close(self, failed: bool) -> None:
        """End the run."""
        self.logger.finalize("failed" if failed else "success")

    def _tag(self, key: str, value: str | None) -> None:
        if value:
            self.logger.experiment.set_tag(self.logger.run_id, key, value)

    def _artifact(self, path: Path, folder: str | None) -> None:
        self.logger.experiment.log_artifact(self.logger.run_id, str(path), folder)


def read_picture(path: Path) -> np.ndarray:
    """Return a PNG file as an array (height, width, 3) uint8; the file may be removed afterwards."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _rows(values: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame({"name": list(values), "value": [str(value) for value in values.values()]})


def _markdown(table: pl.DataFrame) -> str:
    """Return a table in Markdown."""
    rows = [table.columns, ["---"] * table.width, *table.iter_rows()]
    return "\n".join("| " + " | ".join(_cell(value) for value in row) + " |" for row in rows)


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|")
