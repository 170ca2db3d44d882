"""Folders on disk: the names of all files of prepared data, runs, sweeps, explanations and analyses.

Every name is defined here. Tables and records are read and written by the functions of the component that owns their
content (`locgraph.io`, `locgraph.learn`, `locgraph.explain`, `locgraph.analysis`); `RunFolder` reads those of a run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.errors import DataError

# -- raw folders that locgraph wrote -----------------------------------------------------------------------------------
SIMULATION_RECORD: Final = "simulation.json"
IMPORT_RECORD: Final = "import.json"

# -- prepared data -----------------------------------------------------------------------------------------------------
MANIFEST: Final = "manifest.parquet"
RECIPE: Final = "recipe.json"  # settings that made a folder of tables or graphs
LOCS: Final = "locs"  # folder: one parquet file for each FOV
CLUSTERS: Final = "clusters"  # folder: one parquet file for each FOV

# -- runs --------------------------------------------------------------------------------------------------------------
CONFIG: Final = "config.yaml"
RUN: Final = "run.json"  # fingerprint, family, number of folds, overrides, versions
FOLDS: Final = "folds.json"
METRICS: Final = "metrics.json"  # status, scores, controls; also of an evaluation
HISTORY: Final = "metrics.csv"  # losses and scores by step and epoch
EARLIER_HISTORY: Final = "metrics.earlier.csv"  # that of a run which was interrupted
CHECKPOINTS: Final = "checkpoints"
BEST: Final = "best.ckpt"
LAST: Final = "last.ckpt"
PREDICTIONS: Final = "predictions.parquet"
LOCALISATION_PREDICTIONS: Final = "localisation_predictions.parquet"
FOV_VECTORS: Final = "fov_vectors.parquet"
CLUSTER_VECTORS: Final = "cluster_vectors.parquet"
LOCALISATION_VECTORS: Final = "localisation_vectors.parquet"
CONFUSION_PICTURE: Final = "confusion_matrix.png"
CURVES_PICTURE: Final = "loss_curves.png"
GALLERY_PICTURE: Final = "gallery.png"

# -- sweeps ------------------------------------------------------------------------------------------------------------
SUMMARY: Final = "summary.json"
SUMMARY_TABLE: Final = "summary.csv"
SUMMARY_TEXT: Final = "summary.md"
SUMMARY_PICTURE: Final = "summary.png"
SUMMARIES: Final = "summaries"  # folder: one summary for each set of settings, where a sweep has several

# -- explanations ------------------------------------------------------------------------------------------------------
EXPLANATIONS_RECORD: Final = "explanations.json"
EXPLANATIONS: Final = "explanations"  # folder of figures: one folder for each explainer
ATTRIBUTIONS: Final = "attributions.parquet"
EXPLANATION_METRICS: Final = "explanation_metrics.parquet"
EXPLAINER_AGREEMENT: Final = "explainer_agreement.parquet"
SANITY: Final = "sanity.parquet"
EXPLAINED_FEATURES: Final = "explained_features.parquet"  # also as CSV
CLASS_SEPARATION: Final = "class_separation.parquet"  # also as CSV

# -- analyses and reports ----------------------------------------------------------------------------------------------
ANALYSIS: Final = "analysis"  # folder
ANALYSIS_RECORD: Final = "analysis.json"
REPORT: Final = "report.html"

COMPLETED, FAILED = "completed", "failed"
"""Values of ``status`` in `METRICS`."""


def read_record(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; empty where there is none or it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


class RunFolder:
    """Folder of one run.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def best(self) -> Path:
        """Checkpoint of the epoch with the lowest validation loss."""
        return self.path / CHECKPOINTS / BEST

    @property
    def last(self) -> Path:
        """Checkpoint of the last epoch, from which an interrupted run continues."""
        return self.path / CHECKPOINTS / LAST

    def record(self) -> dict[str, Any]:
        """Return what identifies the run: fingerprint, family, number of folds, overrides and versions."""
        return read_record(self.path / RUN)

    def metrics(self) -> dict[str, Any]:
        """Return status, scores and controls; empty before the end of the run."""
        return read_record(self.path / METRICS)

    def is_completed(self) -> bool:
        """Return whether the run finished."""
        return self.metrics().get("status") == COMPLETED

    def history(self) -> pl.DataFrame | None:
        """Return losses and scores by step and epoch; None where there are none."""
        path = self.path / HISTORY
        return pl.read_csv(path, glob=False, infer_schema_length=None) if path.is_file() else None

    def table(self, name: str) -> pl.DataFrame:
        """Return one table.

        Args:
            name: File name, such as `PREDICTIONS`.

        Raises:
            DataError: It is absent or cannot be read.
        """
        path = self.path / name
        if not path.is_file():
            raise DataError(f"{path}: no such file; expected a run that writes {name}")
        try:
            return pl.read_parquet(path, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path}: cannot be read, it may be damaged ({error})") from error


def find_runs(folder: Path) -> list[RunFolder]:
    """Return all runs below a folder, the folder itself included, in the order of their paths."""
    return [RunFolder(path.parent) for path in sorted(folder.rglob(RUN))]
