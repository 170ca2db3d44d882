"""Explanations as rows of ``attributions.parquet``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl
from torch import Tensor

from locgraph import schema
from locgraph.errors import DataError
from locgraph.explain.base import Explanation

_ORDER = {column.name: column.dtype for column in schema.ATTRIBUTION_COLUMNS.values()}


def attribution_table(
    explanation: Explanation, edge_index: Tensor, feature_names: Sequence[str], **keys: Any
) -> pl.DataFrame:
    """One row for each cluster, localisation, edge and feature that has a score.

    Args:
        explanation: The scores of one FOV.
        edge_index: (2, E), clusters that send and receive.
        feature_names: Cluster features in their order in the graph.
        **keys: ``fov_id``, ``fold``, ``explainer`` and ``explained_class``.

    Returns:
        The columns of `schema.ATTRIBUTION_COLUMNS`.
    """
    parts = [_part(schema.CLUSTER, explanation.clusters, {schema.CLUSTER_ID: range(len(explanation.clusters))})]
    if explanation.subgraph is not None:
        parts[0] = parts[0].with_columns(pl.Series(schema.IN_SUBGRAPH, explanation.subgraph.tolist()))
    if explanation.localisations is not None:
        rows = {schema.ROW: range(len(explanation.localisations))}
        parts.append(_part(schema.LOCALISATION, explanation.localisations, rows))
    if explanation.edges is not None:
        source, target = edge_index.tolist()
        ends = {schema.CLUSTER_ID: source, schema.TARGET_CLUSTER: target}
        parts.append(_part(schema.EDGE, explanation.edges, ends))
    if explanation.features is not None:
        parts.append(_part(schema.FEATURE, explanation.features, {schema.FEATURE: feature_names}))
    table = pl.concat(parts, how="diagonal")
    table = table.with_columns(**{name: pl.lit(value) for name, value in keys.items()})
    absent = {name: pl.lit(None) for name in _ORDER if name not in table.columns}
    return table.with_columns(**absent).select(pl.col(name).cast(dtype) for name, dtype in _ORDER.items())


def _part(level: str, scores: Tensor, columns: Mapping[str, Iterable[Any]]) -> pl.DataFrame:
    values = {name: list(content) for name, content in columns.items()}
    return pl.DataFrame({schema.LEVEL: [level] * len(scores), **values, schema.SCORE: scores.double().numpy()})


def check_explanation(explanation: Explanation, sizes: dict[str, int]) -> None:
    """Refuses scores that do not fit the graph or are not finite, before they reach a table.

    Args:
        explanation: The scores.
        sizes: ``clusters``, ``localisations``, ``edges`` and ``features`` of the graph.

    Raises:
        DataError: Says which.
    """
    for name, size in {**sizes, "subgraph": sizes["clusters"]}.items():
        scores = getattr(explanation, name)
        if scores is None:
            continue
        if scores.shape != (size,):
            raise DataError(f"expected {size} scores of {name}, found the shape {tuple(scores.shape)}")
        if not scores.isfinite().all():
            raise DataError(f"expected finite scores of {name}, found {int((~scores.isfinite()).sum())} that are not")
