"""A whole analysis: features, statistics, maps, classifiers, controls, and fields of view (FOVs) to look at."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.agreement import class_agreement
from locgraph.analysis.classification import Progress, add_classifiers, without_progress
from locgraph.analysis.feature_table import FeatureTable, feature_table
from locgraph.analysis.fov_features import fov_features, join_vectors, whole_fovs
from locgraph.analysis.localisation_level import localisation_level
from locgraph.analysis.projection import principal_components, umap_projection
from locgraph.analysis.results import Analysis, set_words, with_set
from locgraph.analysis.settings import LEARNED, AnalysisSettings
from locgraph.analysis.source import Source
from locgraph.analysis.statistics import class_summary, compare_classes, correlations
from locgraph.errors import ConfigError

log = logging.getLogger(__name__)

EXPLAINED: Final = "explained_"
"""First part of the names of columns with the fraction of the variance along a component; its number follows."""
_SHOWN: Final = 8


def run_analysis(source: Source, settings: AnalysisSettings, progress: Progress = without_progress) -> Analysis:
    """Analyse tables, and the results of runs where there are any.

    A part that cannot be computed adds a warning, and stops no other part.

    Args:
        source: The tables, folds and results.
        settings: Settings of the analysis.
        progress: Wraps an iterable, for example to show progress; takes it and a description.

    Raises:
        ConfigError: Only learned vectors are asked for, and there are none.
        DataError: Tables are damaged.
    """
    analysis = Analysis(source, settings)
    analysis.warn(*source.warnings)
    log.info("%s %s, %d FOVs", source.kind, source.folder, source.manifest.table.height)
    with analysis.part("reading"):
        _read_features(analysis)
    _add_statistics(analysis)
    _add_maps(analysis)
    _add_agreement(analysis)
    add_classifiers(analysis, progress)
    return analysis


def _read_features(analysis: Analysis) -> None:
    source, settings = analysis.source, analysis.settings
    fovs = source.manifest.table
    names = fovs[schema.FOV_ID].to_list()
    if settings.hand_made:
        analysis.hand_made = fov_features(whole_fovs(source.tables, names), fovs, settings.aggregation)
        analysis.warn(*analysis.hand_made.warnings)
    if settings.localisations is not None:
        analysis.localisations = localisation_level(whole_fovs(source.tables, names), fovs, settings.localisations)
        analysis.warn(*_join_absent(analysis.localisations.warnings))
    if settings.learned:
        _read_vectors(analysis)
        if not analysis.learned:
            reason = "no run has fov_vectors.parquet" if source.results else "tables alone have no learned vectors"
            if settings.features == LEARNED:
                raise ConfigError(
                    f"{LEARNED}: {reason}; expected a run or sweep of this version, or hand_made", setting="features"
                )
            analysis.warn(f"no learned vectors are analysed: {reason}")


def _join_absent(warnings: Sequence[str]) -> list[str]:
    """Return warnings with those about absent columns in one line: files of many programs lack several."""
    start = "no FOV has the column "
    absent = [text.removeprefix(start).partition(":")[0] for text in warnings if text.startswith(start)]
    joined = [f"localisations have no {', '.join(absent)}: these are not compared"] if absent else []
    return joined + [text for text in warnings if not text.startswith(start)]


def _read_vectors(analysis: Analysis) -> None:
    fovs = analysis.source.manifest.table
    base = feature_table(fovs.select(schema.FOV_ID), {}, fovs)
    for fold, vectors in analysis.source.vectors.items():
        joined = analysis.attempt(f"fold {fold}", join_vectors, base, vectors)
        if joined is not None:
            analysis.learned[fold] = replace(joined, warnings=())
            analysis.sides[fold] = dict(zip(vectors[schema.FOV_ID], vectors[schema.SPLIT], strict=True))


def _add_statistics(analysis: Analysis) -> None:
    hand_made, localisations = analysis.hand_made, analysis.localisations
    if hand_made is not None:
        with analysis.part("tests of features"):
            analysis.tables["fov_features"] = hand_made.table
            analysis.tables["feature_tests"] = _compare(analysis, hand_made)
            analysis.tables["class_summary"] = class_summary(hand_made)
        with analysis.part("correlations"):
            result = correlations(hand_made)
            analysis.tables["correlations"] = result.table()
            _warn_of(analysis, "correlations", result.reason)
            analysis.warn(*_left_out(result.left_out))
    if localisations is not None:
        with analysis.part("tests of localisations"):
            analysis.tables["localisation_features"] = localisations.table
            analysis.tables["localisation_tests"] = _compare(analysis, localisations)


def _compare(analysis: Analysis, features: FeatureTable) -> pl.DataFrame:
    table, warnings = compare_classes(features, analysis.source.class_names)
    analysis.warn(*warnings)
    return table


def _add_maps(analysis: Analysis) -> None:
    settings = analysis.settings
    maps: dict[str, list[pl.DataFrame]] = {"pca": [], "umap": [], "pca_loadings": []}
    with analysis.part("principal components"):
        for name, fold, features in analysis.feature_sets():
            components = principal_components(features, settings.pca_components)
            _warn_of(analysis, set_words(name, fold), components.reason)
            if components.reason is None:
                fractions = enumerate(components.explained[:2].tolist(), 1)
                explained = {f"{EXPLAINED}{place}": pl.lit(fraction) for place, fraction in fractions}
                maps["pca"].append(with_set(components.table.with_columns(**explained), name, fold))
                maps["pca_loadings"].append(with_set(components.loadings, name, fold))
    if settings.umap is not None:
        with analysis.part("UMAP"):
            for name, fold, features in analysis.feature_sets():
                projection = umap_projection(features, settings.umap)
                _warn_of(analysis, set_words(name, fold), projection.reason)
                analysis.warn(*(f"{set_words(name, fold)}: {text}" for text in projection.warnings))
                if projection.reason is None:
                    maps["umap"].append(with_set(projection.table, name, fold))
    for key, tables in maps.items():
        if tables:
            analysis.tables[key] = pl.concat(tables, how="diagonal_relaxed")


def _add_agreement(analysis: Analysis) -> None:
    tables = []
    with analysis.part("k-means"):
        for name, fold, features in analysis.feature_sets():
            agreement = class_agreement(features, analysis.settings.k_means, analysis.settings.seed)
            _warn_of(analysis, set_words(name, fold), agreement.reason)
            of_classes = pl.lit(agreement.silhouette_of_classes, dtype=pl.Float64)
            more = {"silhouette_of_classes": of_classes, "n": pl.lit(agreement.n, dtype=pl.Int64)}
            tables.append(with_set(agreement.table.with_columns(**more), name, fold))
    if tables:
        analysis.tables["clustering"] = pl.concat(tables, how="diagonal_relaxed")


def _warn_of(analysis: Analysis, what: str, reason: str | None) -> None:
    if reason is not None:
        analysis.warn(f"{what}: {reason}")


def _left_out(reasons: Mapping[str, str]) -> list[str]:
    """Return the features that were left out, one sentence for each reason."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, reason in reasons.items():
        names[reason].append(name)
    return [
        f"left out of correlations, maps and k-means, {reason}: {', '.join(features[:_SHOWN])}"
        + (f" and {len(features) - _SHOWN} more" if len(features) > _SHOWN else "")
        for reason, features in names.items()
    ]
