"""All features of a field of view (FOV) as a point on a page: principal components."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.standardised import Standardised, standardise
from locgraph.settings import check_whole
from locgraph.stats import standardise as stats

PC: Final = "pc_"
"""Principal components are called this and their number, from 1."""


@dataclass(frozen=True)
class Projection:
    """Points in few dimensions.

    Attributes:
        table: What each row is about, and its coordinates.
        left_out: Feature -> why it had no part.
        reason: Why there are no points; None where there are.
        warnings: What was changed so that it could be computed.
    """

    table: pl.DataFrame
    left_out: dict[str, str]
    reason: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PrincipalComponents(Projection):
    """Points along the directions in which the features vary most.

    Attributes:
        explained: Part of the variance of all features along each component (K,) float64.
        loadings: One row for each feature: ``feature``, and its correlation with each component, -1 to 1.
    """

    explained: np.ndarray = field(default_factory=lambda: np.empty(0))
    loadings: pl.DataFrame = field(default_factory=pl.DataFrame)


def principal_components(features: FeatureTable, n_components: int = 10) -> PrincipalComponents:
    """Principal components of standardised features (Hotelling 1933, 10.1037/h0071325).

    Every feature counts alike, whatever its unit. The sign of a component is free; here the feature with the largest
    loading has a positive one. Classes are not looked at.

    Args:
        features: Features of FOVs, or of groups.
        n_components: At most so many components, the strongest first.

    Returns:
        Columns ``pc_1``, ``pc_2``, ... beside the keys of the rows.

    Raises:
        ConfigError: ``n_components`` is no whole number of at least 1.
    """
    check_whole("n_components", n_components, at_least=1)
    found = standardise(features)
    reason = found.lacks(rows=2)
    if reason:
        return PrincipalComponents(found.keys, found.left_out, f"principal components: {reason}")
    components = stats.principal_components(found.values, n_components)
    names = [f"{PC}{index + 1}" for index in range(len(components.explained))]
    return PrincipalComponents(
        with_coordinates(found, components.scores, names),
        found.left_out,
        explained=components.explained,
        loadings=pl.DataFrame({"feature": found.columns} | dict(zip(names, components.loadings.T, strict=True))),
    )


def with_coordinates(found: Standardised, coordinates: np.ndarray, names: list[str]) -> pl.DataFrame:
    """Keys of the rows with coordinates (N, K) beside them."""
    values = np.asarray(coordinates, dtype=np.float64)
    return found.keys.with_columns(pl.Series(name, column) for name, column in zip(names, values.T, strict=True))
