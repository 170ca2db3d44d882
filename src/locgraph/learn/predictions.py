"""Predictions of a run as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.classification import multiclass_confusion_matrix

from locgraph import schema
from locgraph.data.dataset import NO_LABEL
from locgraph.learn.scores import fov_scores
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


def score(batches: Sequence[tuple[list[str], Tensor, Tensor]]) -> tuple[dict[str, float], list[list[int]]]:
    """Scores the FOVs whose class is known.

    Args:
        batches: Names, targets and probabilities (FOVs, K) of each batch; at least one target is known.

    Returns:
        The scores of `fov_scores` that exist for these FOVs (no AUROC where there is one class alone) and ``loss``, the
        mean negative log-likelihood; the confusion matrix (K, K), rows are
        true classes.
    """
    target = torch.cat([batch[1] for batch in batches])
    probabilities = torch.cat([batch[2] for batch in batches])[target != NO_LABEL]
    target = target[target != NO_LABEL]
    scores = fov_scores(probabilities, target)
    scores["loss"] = functional.nll_loss(probabilities.clamp_min(1e-12).log(), target)
    confusion = multiclass_confusion_matrix(probabilities, target, probabilities.shape[1])
    return {name: value.item() for name, value in scores.items() if not value.isnan()}, confusion.tolist()


def write_predictions(path: Path, table: pl.DataFrame) -> None:
    """Writes the table as parquet, whole or not at all."""
    with whole_file(path) as temporary:
        table.write_parquet(temporary)
