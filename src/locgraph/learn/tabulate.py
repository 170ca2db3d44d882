"""Tables of predictions, calibrated and judged, and of the vectors that come with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch

from locgraph import schema
from locgraph.data.stored import NO_LABEL
from locgraph.learn.tasks.base import Task
from locgraph.learn.vectors import FILES, FOV, Vectors, vector_table
from locgraph.provenance import whole_file
from locgraph.run_folder import PREDICTIONS
from locgraph.trust.measures import Measures
from locgraph.trust.trust import Trust


class FovArrays(NamedTuple):
    """Predictions of N FOVs as arrays.

    Attributes:
        fov_ids: The FOVs.
        targets: (N,) int64, index of the class, or ``NO_LABEL``.
        probabilities: (N, K) float64.
        vectors: (N, F) float64.
    """

    fov_ids: list[str]
    targets: np.ndarray
    probabilities: np.ndarray
    vectors: np.ndarray

    def labelled(self) -> np.ndarray:
        """Return which FOVs have a class, (N,) bool."""
        return self.targets != NO_LABEL


def fov_arrays(task: Task, predictions: Sequence[Any]) -> FovArrays:
    """Return the predictions of FOVs, of which there must be some, as arrays."""
    fovs = task.fov_predictions(predictions)
    targets, probabilities, vectors = (
        torch.cat([getattr(each, name) for each in fovs]).cpu().numpy()
        for name in ("targets", "probabilities", "vectors")
    )
    names = [fov_id for each in fovs for fov_id in each.fov_ids]
    return FovArrays(names, targets, probabilities.astype(np.float64), vectors.astype(np.float64))


def tabulate(
    task: Task,
    predictions: Sequence[Any],
    fold: int,
    split: str,
    trust: Trust | None = None,
    measures: Measures | None = None,
    abstain: Sequence[str] = (),
) -> tuple[dict[str, pl.DataFrame], tuple[str, ...]]:
    """Return the tables of predictions.

    Args:
        task: What was predicted.
        predictions: What it returned for each batch, calibrated.
        fold: Index of the fold.
        split: ``train``, ``val``, ``test`` or ``new``.
        trust: Judges the predictions of FOVs; None leaves them as they are.
        measures: Of the same FOVs; needed to judge.
        abstain: Reasons for which no class is returned.

    Returns:
        File name to table, and warnings that name FOVs unlike those of training.
    """
    tables = task.tables(predictions, fold, split)
    if trust is None or measures is None or PREDICTIONS not in tables:
        return tables, ()
    (vectors,) = fov_vector_table(task, predictions, fold, split).values()
    tables[PREDICTIONS], warnings = trust.judge(tables[PREDICTIONS], measures, vectors, abstain)
    return tables, warnings


def fov_vector_table(task: Task, predictions: Sequence[Any], fold: int, split: str) -> dict[str, pl.DataFrame]:
    """Return the table of the vectors of FOVs that came with their predictions; none where FOVs get no class."""
    batches = [
        Vectors(each.fov_ids, {FOV: list(each.vectors.cpu().split(1))}) for each in task.fov_predictions(predictions)
    ]
    return {FILES[FOV]: vector_table(batches, FOV, fold, split)} if batches else {}


def add_labels(embeddings: pl.DataFrame, labels: Mapping[str, str | None]) -> pl.DataFrame:
    """Add the class of the FOV of each unit as ``label``, null where it is unknown, behind the names of the units.

    Args:
        embeddings: Table with ``fov_id`` and the vectors ``v_0``, ...
        labels: ``fov_id`` -> class.
    """
    known = [labels.get(name) for name in embeddings[schema.FOV_ID]]
    names = [name for name in embeddings.columns if not name.startswith((schema.VECTOR_PREFIX, schema.ERROR))]
    labelled = embeddings.with_columns(pl.Series(schema.LABEL, known, dtype=pl.String))
    return labelled.select(*names, schema.LABEL, pl.exclude(*names, schema.LABEL))


def write_tables(folder: Path, tables: Mapping[str, pl.DataFrame]) -> None:
    """Write tables into a folder, each whole or not at all.

    Args:
        folder: Folder of a run or evaluation.
        tables: File name to table.
    """
    for name, table in tables.items():
        with whole_file(folder / name) as temporary:
            table.write_parquet(temporary)
