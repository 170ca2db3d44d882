"""Predictions of a run as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import torch
from torch import Tensor

from locgraph import schema
from locgraph.data.dataset import NO_LABEL
from locgraph.provenance import whole_file


def prediction_table(
    batches: Sequence[tuple[list[str], Tensor, Tensor]], class_names: Sequence[str], fold: int, split: str
) -> pl.DataFrame:
    """One row for each FOV.

    Args:
        batches: Names, targets and probabilities (FOVs, K) of each batch.
        class_names: Classes in the order of the probabilities.
        fold: Index of the fold.
        split: ``train``, ``val``, ``test`` or ``new``.

    Returns:
        Columns ``fov_id``, ``fold``, ``split``, ``truth`` (null where unknown), ``prediction`` and ``p_<class>``.
    """
    names = [name for batch in batches for name in batch[0]]
    targets = torch.cat([batch[1] for batch in batches]).tolist()
    probabilities = torch.cat([batch[2] for batch in batches]).double().cpu().numpy()
    truth = [None if target == NO_LABEL else class_names[target] for target in targets]
    return pl.DataFrame(
        {
            schema.FOV_ID: names,
            schema.FOLD: pl.Series([fold] * len(names), dtype=pl.Int64),
            schema.SPLIT: [split] * len(names),
            schema.TRUTH: pl.Series(truth, dtype=pl.String),
            schema.PREDICTION: [class_names[index] for index in probabilities.argmax(axis=1)],
            **{schema.PROBABILITY_PREFIX + name: probabilities[:, index] for index, name in enumerate(class_names)},
        }
    )


def write_predictions(path: Path, table: pl.DataFrame) -> None:
    """Writes the table as parquet, whole or not at all."""
    with whole_file(path) as temporary:
        table.write_parquet(temporary)
