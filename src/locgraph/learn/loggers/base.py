"""What a run hands to its loggers besides numbers and settings, and the contract of a logger that takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

TRAIN, EVAL, EXPLAIN, SUMMARY, REPORT = "train", "eval", "explain", "summary", "report"
"""Job types."""

MODEL_FILES: Final = "model"
PREPARED_FILES: Final = "prepared-data"
SUMMARY_FILES: Final = "summary"
REPORT_FILES: Final = "report"
"""Kinds of `Files`."""


@dataclass(frozen=True)
class About:
    """What a run is, as dashboards sort runs.

    Attributes:
        name: Name of the run.
        job_type: `TRAIN`, `EVAL`, `EXPLAIN`, `SUMMARY` or `REPORT`.
        group: What the runs of a sweep share; None outside of sweeps.
        tags: Words to find runs by.
    """

    name: str
    job_type: str
    group: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Curves:
    """Curves of several classes in one chart.

    Attributes:
        table: Long table: the columns named below.
        x: Column of the horizontal axis.
        y: Column of the vertical axis.
        line: Column that names the curve of a row.
        title: Stands above.
    """

    table: pl.DataFrame
    x: str
    y: str
    line: str
    title: str


@dataclass(frozen=True)
class Files:
    """Files that are kept under one name in versions: what dashboards call an artifact.

    Attributes:
        name: Name, the same for later versions.
        kind: `MODEL_FILES`, `PREPARED_FILES`, `SUMMARY_FILES` or `REPORT_FILES`.
        version: Digest or fingerprint of the content, the same wherever the same files are named again.
        paths: Files to copy; empty where they were logged by another run, and are named here alone.
        folder: Folder with the data that the files describe, which is named and not copied.
        about: Plain values that describe them.
    """

    name: str
    kind: str
    version: str
    paths: tuple[Path, ...] = ()
    folder: Path | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """Name and version, by which another run finds them."""
        return f"{self.name}:{self.version}"


class Tracker:
    """A logger that takes more than numbers: pictures, tables, charts and files.

    A subclass takes what it can; of the rest nothing is kept. A logger class of one's own may inherit from it beside
    Lightning's ``Logger``.

    Attributes:
        fov_pictures: How many FOVs get a picture in the table of predictions.
    """

    fov_pictures: int = 0

    def describe(self, about: About) -> None:
        """Take the name, job type, group and tags; called before anything is logged."""

    def log_picture(self, name: str, path: Path) -> None:
        """Take a PNG file."""

    def log_table(self, name: str, table: pl.DataFrame, pictures: Mapping[str, Path]) -> None:
        """Take a table; ``pictures`` are PNG files of FOVs by their ``fov_id``."""

    def log_curves(self, name: str, curves: Curves) -> None:
        """Take a chart of curves; by default its numbers as a table."""
        self.log_table(name, curves.table, {})

    def log_confusion(self, class_names: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """Take a confusion matrix, rows are true classes; by default as a table."""
        columns = {name: [row[place] for row in counts] for place, name in enumerate(class_names)}
        # a class may have any name, also that of the first column
        truth = pl.Series("true class", list(class_names))
        table = pl.DataFrame([truth, *(pl.Series(f"predicted {name}", values) for name, values in columns.items())])
        self.log_table("confusion", table, {})

    def log_summary(self, values: Mapping[str, Any]) -> None:
        """Take numbers that stand for the whole run."""

    def log_files(self, files: Files) -> None:
        """Take files that the run made."""

    def use_files(self, files: Files) -> None:
        """Take the reference of files that the run started from."""

    def close(self, failed: bool) -> None:
        """End the run; nothing is logged after it."""
