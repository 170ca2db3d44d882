"""Statistics without a network: tests, correlations, maps, and whether classes are there without being told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.analysis.class_agreement import class_agreement
from locgraph.analysis.class_summary import class_summary
from locgraph.analysis.correlation import correlations
from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.feature_tests import FOV_LEVEL, GROUP_LEVEL, KRUSKAL, MANN_WHITNEY, feature_tests
from locgraph.analysis.groups import group_means
from locgraph.analysis.projection import principal_components
from locgraph.analysis.umap_projection import umap_projection
from locgraph.cli.analysis_features import FeatureSets
from locgraph.cli.analysis_findings import Findings
from locgraph.cli.analysis_settings import HAND_MADE, LEARNED, AnalysisSettings

FEATURES: Final = "features"
EXPLAINED: Final = "explained_"
"""Columns with the part of the variance along a component are called this and its number."""
_SHOWN: Final = 8


def compare_classes(features: FeatureTable, class_names: Sequence[str], findings: Findings) -> pl.DataFrame:
    """Tests of FOVs, and of groups where FOVs have groups: the comparisons with the smallest q first.

    Args:
        features: Features of FOVs.
        class_names: Classes in the order in which they are compared.
        findings: Takes warnings.
    """
    tables = [feature_tests(features, FOV_LEVEL, class_names)]
    if features.table[schema.GROUP].null_count() < features.table.height:
        means = group_means(features)
        findings.warn(*means.warnings)
        tables.insert(0, feature_tests(means, GROUP_LEVEL, class_names))
        findings.warn(
            "FOVs of one group are not independent: p-values of FOVs are too small; go by the rows with level group"
        )
    together = pl.concat(tables)
    pairs = pl.col("class_a").is_not_null()
    level = (pl.col("level") == FOV_LEVEL).cast(pl.Int8)
    test = (~pl.col("test").is_in([KRUSKAL, MANN_WHITNEY])).cast(pl.Int8)
    size = -pl.col("estimate").abs()
    return together.sort(level, pairs, test, "q", size, nulls_last=True, maintain_order=True)


def ranked(tests: pl.DataFrame, feature_of: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row of tests for each feature, the largest effect first.

    Of the statistics of a feature (its mean, its median) the one with the largest effect stands for it. Rows of groups
    are taken where there are any with a result, else those of FOVs; with more than two classes those of all classes.
    """
    known = tests.filter(pl.col("estimate").is_not_null())
    for level in (GROUP_LEVEL, FOV_LEVEL):
        for test in (KRUSKAL, MANN_WHITNEY):
            rows = known.filter(pl.col("level") == level, pl.col("test") == test)
            if rows.height:
                ordered = rows.sort(-pl.col("estimate").abs(), "feature").to_dicts()
                first: dict[str, dict[str, Any]] = {}
                for row in ordered:
                    first.setdefault(feature_of.get(row["feature"], row["feature"]), row)
                return list(first.values())
    return []


def statistics_of(columns: Sequence[str], prefixes: Sequence[str]) -> dict[str, str]:
    """Column -> the feature that it is a statistic of: ``mean_area_hull`` is one of ``area_hull``."""
    found = {}
    for column in columns:
        matching = [prefix for prefix in prefixes if column.startswith(f"{prefix}_")]
        found[column] = column.removeprefix(f"{max(matching, key=len)}_") if matching else column
    return found


def add_statistics(
    sets: FeatureSets, settings: AnalysisSettings, class_names: Sequence[str], findings: Findings
) -> None:
    """Adds all tables of statistics that the features allow."""
    if sets.hand_made is not None:
        with findings.part("tests of features"):
            findings.tables["fov_features"] = sets.hand_made.table
            findings.tables["feature_tests"] = compare_classes(sets.hand_made, class_names, findings)
            findings.tables["class_summary"] = class_summary(sets.hand_made)
        with findings.part("correlations"):
            found = correlations(sets.hand_made)
            findings.tables["correlations"] = found.table()
            _tell(findings, "correlations", found.reason)
            findings.warn(*_left_out(found.left_out))
    if sets.localisations is not None:
        with findings.part("tests of localisations"):
            findings.tables["localisation_features"] = sets.localisations.table
            findings.tables["localisation_tests"] = compare_classes(sets.localisations, class_names, findings)
    _add_maps(sets, settings, findings)
    _add_agreement(sets, settings, findings)


def spaces(sets: FeatureSets) -> Iterator[tuple[str, int | None, FeatureTable]]:
    """Sets of numbers that FOVs can be compared in: the name, the fold of a network, and the numbers.

    Vectors of two networks have nothing to do with each other, so each fold is a space of its own, with its test FOVs.
    """
    if sets.hand_made is not None:
        yield HAND_MADE, None, sets.hand_made
    for fold in sets.learned:
        yield LEARNED, fold, sets.tested(fold)


def _add_maps(sets: FeatureSets, settings: AnalysisSettings, findings: Findings) -> None:
    pca, loadings, umap = [], [], []
    with findings.part("principal components"):
        for name, fold, features in spaces(sets):
            found = principal_components(features, settings.pca_components)
            _tell(findings, where(name, fold), found.reason)
            if found.reason is None:
                parts = enumerate(found.explained[:2].tolist(), 1)
                explained = {f"{EXPLAINED}{place}": pl.lit(part) for place, part in parts}
                pca.append(_about(found.table.with_columns(**explained), name, fold))
                loadings.append(_about(found.loadings, name, fold))
    if settings.umap is not None:
        with findings.part("UMAP"):
            for name, fold, features in spaces(sets):
                mapped = umap_projection(features, settings.umap)
                _tell(findings, where(name, fold), mapped.reason)
                findings.warn(*(f"{where(name, fold)}: {text}" for text in mapped.warnings))
                if mapped.reason is None:
                    umap.append(_about(mapped.table, name, fold))
    for key, tables in (("pca", pca), ("umap", umap), ("pca_loadings", loadings)):
        if tables:
            findings.tables[key] = pl.concat(tables, how="diagonal_relaxed")


def _add_agreement(sets: FeatureSets, settings: AnalysisSettings, findings: Findings) -> None:
    tables = []
    with findings.part("k-means"):
        for name, fold, features in spaces(sets):
            found = class_agreement(features, settings.k_means, settings.seed)
            _tell(findings, where(name, fold), found.reason)
            of_classes = pl.lit(found.silhouette_of_classes, dtype=pl.Float64)
            more = {"silhouette_of_classes": of_classes, "n": pl.lit(found.n, dtype=pl.Int64)}
            tables.append(_about(found.table.with_columns(**more), name, fold))
    if tables:
        findings.tables["clustering"] = pl.concat(tables, how="diagonal_relaxed")


def _about(table: pl.DataFrame, name: str, fold: int | None) -> pl.DataFrame:
    about = (pl.lit(name).alias(FEATURES), pl.lit(fold, dtype=pl.Int64).alias(schema.FOLD))
    return table.select(*about, pl.all())


def where(name: str, fold: int | None) -> str:
    """Words for a set of numbers."""
    words = name.replace("_", "-")
    return f"{words} features" if fold is None else f"{words} vectors of fold {fold}"


def _tell(findings: Findings, what: str, reason: str | None) -> None:
    if reason is not None:
        findings.warn(f"{what}: {reason}")


def _left_out(reasons: Mapping[str, str]) -> list[str]:
    """Features that were left out, in one sentence for each reason."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, reason in reasons.items():
        names[reason].append(name)
    return [
        f"left out of correlations, maps and k-means, {reason}: {', '.join(found[:_SHOWN])}"
        + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
        for reason, found in names.items()
    ]
