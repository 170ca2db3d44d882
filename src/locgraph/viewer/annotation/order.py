"""The order in which FOVs are shown to an annotator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.checks.labels import choose_next
from locgraph.errors import ConfigError
from locgraph.settings import check_choice, check_whole

GIVEN, RANDOM, UNCERTAINTY, TYPICALITY, DISAGREEMENT = "given", "random", "uncertainty", "typicality", "disagreement"
ORDERS: Final = (GIVEN, RANDOM, UNCERTAINTY, TYPICALITY, DISAGREEMENT)

_COLUMN: Final = {TYPICALITY: schema.TYPICALITY, DISAGREEMENT: schema.DISAGREEMENT}
_DESCENDING: Final = {TYPICALITY: False, DISAGREEMENT: True}
_LACK: Final = {
    TYPICALITY: "a model that knows which FOVs are unlike those of its training",
    DISAGREEMENT: "several networks that predict the same FOV: a sweep or an ensemble, and FOVs it was not trained on",
}


def order_fovs(
    fov_ids: Sequence[str], order: str = GIVEN, seed: int = 0, predictions: pl.DataFrame | None = None
) -> list[int]:
    """Return rows of FOVs in the order in which they are annotated.

    Args:
        fov_ids: The FOVs as they are listed.
        order: ``given``; ``random``, which is the same for all annotators with one seed, so that those who stop early
            have FOVs in common; ``uncertainty``, FOVs whose class would teach a model most (uncertain ones that differ
            from each other, `locgraph.analysis.checks.labels.choose_next`); ``typicality``, those least like the
            training FOVs first; ``disagreement``, those first on which the networks of an ensemble differ most.
        seed: Of ``random``.
        predictions: One row for each FOV with ``p_<class>``, and ``typicality`` or ``disagreement``. FOVs without a
            prediction come last, as they are listed.

    Raises:
        ConfigError: The order is unknown, or needs predictions that are not there.
    """
    check_choice("order", order, ORDERS)
    check_whole("seed", seed, at_least=0)
    if order == GIVEN:
        return list(range(len(fov_ids)))
    if order == RANDOM:
        return [int(row) for row in np.random.default_rng(seed).permutation(len(fov_ids))]
    if predictions is None:
        raise ConfigError(
            f"order={order} needs predictions of the FOVs: set suggestions to a model, run or sweep", setting="order"
        )
    known = predictions.filter(pl.col(schema.FOV_ID).is_in(list(fov_ids)))
    if known.is_empty():
        raise ConfigError("expected predictions of these FOVs; found those of others alone", setting="suggestions")
    first = _by_uncertainty(known) if order == UNCERTAINTY else _by_column(known, order)
    row = {fov_id: place for place, fov_id in enumerate(fov_ids)}
    chosen = [row[fov_id] for fov_id in first]
    return chosen + sorted(set(range(len(fov_ids))) - set(chosen))


def _by_uncertainty(predictions: pl.DataFrame) -> list[str]:
    prefix = schema.PROBABILITY_PREFIX
    classes = [name.removeprefix(prefix) for name in predictions.columns if name.startswith(prefix)]
    open_classes = predictions.with_columns(pl.lit(None, dtype=pl.String).alias(schema.TRUTH))
    return choose_next(open_classes, classes, predictions.height)[schema.FOV_ID].to_list()


def _by_column(predictions: pl.DataFrame, order: str) -> list[str]:
    column = _COLUMN[order]
    if column not in predictions.columns or predictions[column].is_null().all():
        raise ConfigError(f"order={order} needs {_LACK[order]}", setting="order")
    ranked = predictions.sort(column, descending=_DESCENDING[order], nulls_last=True, maintain_order=True)
    return ranked[schema.FOV_ID].to_list()
