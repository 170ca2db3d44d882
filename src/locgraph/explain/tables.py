"""Rows of the tables of explanations: attributions, mean metrics, summaries of features."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
from torch import Tensor

from locgraph import schema
from locgraph.errors import DataError
from locgraph.explain import summary
from locgraph.explain.base import Explanation
from locgraph.explain.metrics import columns
from locgraph.io.featextracted import read_fov
from locgraph.run_folder import CLASS_SEPARATION, EXPLAINED_FEATURES

log = logging.getLogger(__name__)

_TYPES: Final = {column.name: column.dtype for column in schema.ATTRIBUTION_COLUMNS.values()}


def attribution_table(
    explanation: Explanation, edge_index: Tensor, feature_names: Sequence[str], **keys: Any
) -> pl.DataFrame:
    """Return one row for each cluster, localisation, edge and feature that has a score.

    Args:
        explanation: The scores of one FOV.
        edge_index: (2, E), source and target clusters.
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
    absent = {name: pl.lit(None) for name in _TYPES if name not in table.columns}
    return table.with_columns(**absent).select(pl.col(name).cast(dtype) for name, dtype in _TYPES.items())


def _part(level: str, scores: Tensor, columns: Mapping[str, Iterable[Any]]) -> pl.DataFrame:
    values = {name: list(content) for name, content in columns.items()}
    return pl.DataFrame({schema.LEVEL: [level] * len(scores), **values, schema.SCORE: scores.double().numpy()})


def mean_metrics(metrics: pl.DataFrame) -> pl.DataFrame:
    """Return the mean of each metric over the FOVs where it exists: one row for each explainer, with ``n_fovs``."""
    numbers = [name for name in metrics.columns if name in columns.METRICS or name == columns.SECONDS]
    return metrics.group_by(schema.EXPLAINER, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias(summary.N_FOVS), pl.col(numbers).mean()
    )


def feature_summaries(attributions: pl.DataFrame, tables: Path, fov_ids: Iterable[str]) -> dict[str, pl.DataFrame]:
    """Return which features the clusters with high scores have; empty where the tables hold no features.

    Args:
        attributions: Columns of `schema.ATTRIBUTION_COLUMNS`.
        tables: Folder of the featextracted tables.
        fov_ids: The explained FOVs.

    Returns:
        Tables by the names of their files.
    """
    clusters = summary.cluster_table({fov_id: read_fov(tables, fov_id).clusters for fov_id in fov_ids})
    try:
        return {
            EXPLAINED_FEATURES: summary.explained_features(attributions, clusters),
            CLASS_SEPARATION: summary.class_separation(attributions, clusters),
        }
    except DataError as error:
        log.warning("no summary of features: %s", error)
        return {}


def with_keys(table: pl.DataFrame, keys: Mapping[str, Any]) -> pl.DataFrame:
    """Return a table with further columns of one value each in front."""
    return table.select(*(pl.lit(value).alias(name) for name, value in keys.items()), pl.all())
