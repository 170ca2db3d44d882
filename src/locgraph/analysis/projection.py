"""Fields of view (FOVs) as points in few dimensions, from all their features: principal components and UMAP."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable
from locgraph.preparation.clustering.backend import AUTO, CUML, check_backend, choose_backend, import_cuml
from locgraph.settings import check_flag, check_number, check_whole
from locgraph.stats import standardise as scaling

PC: Final = "pc_"
"""First part of the names of principal components; their number follows, from 1."""
UMAP_COLUMNS: Final = ["umap_1", "umap_2"]
MIN_UMAP_ROWS: Final = 5
"""Rows below which neighbourhoods mean nothing."""


@dataclass(frozen=True)
class StandardisedFeatures:
    """Features with mean 0 and standard deviation 1.

    Attributes:
        values: (N, F) float64.
        columns: The F features.
        keys: The keys of the feature table (N rows).
        left_out: Feature -> why it is not among them.
    """

    values: np.ndarray
    columns: tuple[str, ...]
    keys: pl.DataFrame
    left_out: dict[str, str]

    @property
    def targets(self) -> np.ndarray:
        """Index of the class of each row among the sorted classes (N,) int64; -1 where it has none."""
        labels = self.keys[schema.LABEL]
        names = labels.drop_nulls().unique().sort().to_list()
        return np.array([-1 if name is None else names.index(name) for name in labels], dtype=np.int64)

    def lacks(self, rows: int, columns: int = 1) -> str | None:
        """Return why there are too few rows or features; None where there are enough.

        Args:
            rows: Rows that are needed.
            columns: Features that are needed.
        """
        if len(self.values) < rows:
            return f"needs at least {rows} rows, found {len(self.values)}"
        if len(self.columns) < columns:
            return (
                f"needs at least {columns} features that vary and have a value in each row, found {len(self.columns)}"
            )
        return None


def standardise(features: FeatureTable) -> StandardisedFeatures:
    """Standardise features, without those that have gaps or do not vary.

    A feature without a value in some row is left out as a whole, rather than filled with a value that was not measured.

    Args:
        features: Features of FOVs, or of groups.

    Returns:
        The features with mean 0 and standard deviation 1 (divisor N).
    """
    left_out, kept, parts = {}, [], []
    rows = features.table.height
    for name in features.columns:
        column = features.table[name]
        gaps = column.null_count()
        if gaps or not rows:
            left_out[name] = f"no value in {gaps} of {rows} rows"
            continue
        scaled = scaling.standardise(column.to_numpy())
        if scaled is None:
            left_out[name] = f"the same value in all {rows} rows"
            continue
        kept.append(name)
        parts.append(scaled)
    table = np.stack(parts, axis=1) if parts else np.empty((rows, 0))
    return StandardisedFeatures(table, tuple(kept), features.table.select(features.keys), left_out)


@dataclass(frozen=True)
class Projection:
    """Points in few dimensions.

    Attributes:
        table: The keys of each row and its coordinates.
        left_out: Feature -> why it was left out.
        reason: Why there are no points; None where there are.
        warnings: Settings that were changed so that it could be computed.
    """

    table: pl.DataFrame
    left_out: dict[str, str]
    reason: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PrincipalComponents(Projection):
    """Points along the directions in which the features vary most.

    Attributes:
        explained: Fraction of the variance of all features along each component (K,) float64.
        loadings: One row for each feature: ``feature``, and its correlation with each component, -1 to 1.
    """

    explained: np.ndarray = field(default_factory=lambda: np.empty(0))
    loadings: pl.DataFrame = field(default_factory=pl.DataFrame)


def principal_components(features: FeatureTable, n_components: int = 10) -> PrincipalComponents:
    """Return principal components of standardised features (Hotelling 1933, 10.1037/h0071325).

    Every feature counts alike, whatever its unit. The sign of a component is free; here the feature with the largest
    loading has a positive one. Classes are not used.

    Args:
        features: Features of FOVs, or of groups.
        n_components: Upper limit of the number of components, at least 1.

    Returns:
        Columns ``pc_1``, ``pc_2``, ... beside the keys of the rows.
    """
    standardised = standardise(features)
    reason = standardised.lacks(rows=2)
    if reason:
        return PrincipalComponents(standardised.keys, standardised.left_out, f"principal components: {reason}")
    components = scaling.principal_components(standardised.values, n_components)
    names = [f"{PC}{index + 1}" for index in range(len(components.explained))]
    return PrincipalComponents(
        with_coordinates(standardised, components.scores, names),
        standardised.left_out,
        explained=components.explained,
        loadings=pl.DataFrame({"feature": standardised.columns} | dict(zip(names, components.loadings.T, strict=True))),
    )


def with_coordinates(standardised: StandardisedFeatures, coordinates: np.ndarray, names: list[str]) -> pl.DataFrame:
    """Return the keys of the rows with coordinates (N, K) beside them."""
    values = np.asarray(coordinates, dtype=np.float64)
    return standardised.keys.with_columns(pl.Series(name, column) for name, column in zip(names, values.T, strict=True))


@dataclass(frozen=True)
class UmapSettings:
    """Settings of UMAP.

    Args:
        n_neighbors: Neighbours that shape the place of a point; larger shows more of the whole, smaller more detail.
        min_dist: How close points may come on the page, 0 to 1; smaller packs clusters tighter.
        supervised: Whether classes are used. They are then pulled apart: it shows which could be separated in the best
            case, and is no evidence that the features separate them.
        seed: Of all that is random.
        backend: ``cpu`` (umap-learn), ``cuml`` (RAPIDS, on the GPU) or ``auto``, which takes cuML where it works.

    Raises:
        ConfigError: A setting is out of range.
        MissingPackageError: cuML is asked for and not installed.
    """

    n_neighbors: int = 15
    min_dist: float = 0.1
    supervised: bool = False
    seed: int = 0
    backend: str = AUTO

    def __post_init__(self) -> None:
        check_whole("n_neighbors", self.n_neighbors, at_least=2)
        check_number("min_dist", self.min_dist, at_least=0, at_most=1)
        check_flag("supervised", self.supervised)
        check_whole("seed", self.seed, at_least=0)
        check_backend(self.backend, "backend")


def umap_projection(features: FeatureTable, settings: UmapSettings | None = None) -> Projection:
    """Return UMAP of standardised features (McInnes et al. 2018, arXiv 1802.03426).

    On the CPU it starts from principal components rather than at random (Kobak and Linderman 2021,
    10.1038/s41587-020-00809-z) and runs on one thread, so that a seed gives the same points each time; cuML gives the
    same points on the same GPU alone. Distances between far groups mean nothing.

    Args:
        features: Features of FOVs, or of groups.
        settings: None is the default.

    Returns:
        Columns ``umap_1`` and ``umap_2`` beside the keys of the rows. With fewer than `MIN_UMAP_ROWS` rows or two
        features that vary: the reason in place of them.

    Raises:
        MissingPackageError: cuML does not import.
        ConfigError: cuML finds no GPU.
    """
    settings = settings or UmapSettings()
    standardised = standardise(features)
    reason = standardised.lacks(MIN_UMAP_ROWS, columns=2)
    targets = standardised.targets
    if reason is None and settings.supervised and len(set(targets.tolist()) - {-1}) < 2:
        reason = "with umap.supervised it needs at least two classes"
    if reason:
        return Projection(standardised.keys, standardised.left_out, f"UMAP: {reason}")
    points, notes = umap_points(standardised.values, settings, targets if settings.supervised else None)
    return Projection(with_coordinates(standardised, points, UMAP_COLUMNS), standardised.left_out, None, notes)


def umap_points(
    values: np.ndarray, settings: UmapSettings, targets: np.ndarray | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return UMAP of rows as they are; see `umap_projection`.

    Args:
        values: (N, F) float64, N at least `MIN_UMAP_ROWS` and F at least 2.
        settings: Settings of UMAP.
        targets: (N,) int64, class of each row, -1 where it has none; None where classes are not used.

    Returns:
        Points (N, 2), and settings that were changed so that it could be computed.
    """
    n_neighbors = min(settings.n_neighbors, len(values) - 1)
    notes: tuple[str, ...] = ()
    if n_neighbors < settings.n_neighbors:
        notes = (
            f"UMAP: n_neighbors lowered from {settings.n_neighbors} to {n_neighbors}, one less than there are rows",
        )
    return _embed(values.astype(np.float32), targets, settings, n_neighbors), notes


def _embed(values: np.ndarray, targets: np.ndarray | None, settings: UmapSettings, n_neighbors: int) -> np.ndarray:
    """Return points (N, 2) of features (N, F) float32; a target of -1 is no class."""
    common: dict[str, Any] = {
        "n_components": 2,
        "n_neighbors": n_neighbors,
        "min_dist": settings.min_dist,
        "random_state": settings.seed,
    }
    if choose_backend(settings.backend) == CUML:
        module = import_cuml("cuml.manifold", "backend")
        y = None if targets is None else targets.astype(np.float32)
        return np.asarray(module.UMAP(**common).fit_transform(values, y=y))
    with warnings.catch_warnings():
        # umap warns about a part that needs TensorFlow, which is not used
        warnings.simplefilter("ignore", ImportWarning)
        from umap import UMAP
    return np.asarray(UMAP(**common, init="pca", n_jobs=1).fit_transform(values, targets))
