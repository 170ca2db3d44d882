"""Predictions for single localisations as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import torch

from locgraph import schema
from locgraph.data.dataset import NO_LABEL
from locgraph.learn.localisation_scores import LocalisationScores, by_class
from locgraph.learn.segmenter import Segmented


def localisation_table(batches: Sequence[Segmented], class_names: Sequence[str], fold: int, split: str) -> pl.DataFrame:
    """One row for each localisation in a cluster of view 0.

    Args:
        batches: What the network says of each batch.
        class_names: Classes of localisations in the order of the probabilities.
        fold: Index of the fold.
        split: ``train``, ``val``, ``test`` or ``new``.

    Returns:
        Columns ``fov_id``, ``row``, ``fold``, ``split``, ``truth`` (null where unknown), ``prediction`` and
        ``p_<class>``.
    """
    fovs = [(name, *rows) for batch in batches for name, rows in zip(batch.fov_ids, batch.localisations, strict=True)]
    sizes = [len(labels) for _, labels, _ in fovs]
    truth = torch.cat([labels for _, labels, _ in fovs]).cpu().numpy()
    probabilities = torch.cat([values for _, _, values in fovs]).double().cpu().numpy()
    names = np.array([*class_names, None], dtype=object)  # NO_LABEL is the last
    return pl.DataFrame(
        {
            schema.FOV_ID: np.repeat(np.array([name for name, _, _ in fovs], dtype=object), sizes).tolist(),
            schema.ROW: np.concatenate([np.arange(size) for size in sizes]),
            schema.FOLD: np.full(len(truth), fold, dtype=np.int64),
            schema.SPLIT: [split] * len(truth),
            schema.TRUTH: pl.Series(names[truth].tolist(), dtype=pl.String),
            schema.PREDICTION: pl.Series(names[probabilities.argmax(axis=1)].tolist(), dtype=pl.String),
            **{schema.PROBABILITY_PREFIX + name: probabilities[:, index] for index, name in enumerate(class_names)},
        }
    )


def has_truth(batches: Sequence[Segmented]) -> bool:
    """Whether the class of any localisation is known."""
    return any(bool((labels != NO_LABEL).any()) for batch in batches for labels, _ in batch.localisations)


def score_localisations(
    batches: Sequence[Segmented], class_names: Sequence[str]
) -> tuple[dict[str, Any], list[list[int]]]:
    """Scores the localisations whose class is known.

    Args:
        batches: What the network says of each batch; at least one class is known.
        class_names: Classes of localisations in the order of the probabilities.

    Returns:
        The scores of `LocalisationScores`, and ``by_class``, class name -> those of `by_class` that exist; the
        confusion matrix (K, K), rows are true classes.
    """
    gathered = LocalisationScores(len(class_names))
    for batch in batches:
        for labels, probabilities in batch.localisations:
            gathered.update(probabilities.cpu(), labels.cpu())
    each = {name: values.tolist() for name, values in by_class(gathered.confusion).items()}
    scores: dict[str, Any] = {name: value.item() for name, value in gathered.compute().items()}
    scores["by_class"] = {
        name: {score: values[index] for score, values in each.items() if not np.isnan(values[index])}
        for index, name in enumerate(class_names)
    }
    return scores, gathered.confusion.tolist()
