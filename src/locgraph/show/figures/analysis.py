"""Figures of an analysis, from its tables: features by class, correlations, maps, classifiers, and galleries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl
from matplotlib.figure import Figure

from locgraph import schema
from locgraph.analysis.comparison import CONTROL, NETWORK
from locgraph.analysis.cross_validation import CLASSIFIER
from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.fov_features import whole_fovs
from locgraph.analysis.importance import TOGETHER
from locgraph.analysis.representatives import FARTHEST, NEAREST, P_PREDICTION, ROLE
from locgraph.analysis.statistics import FOV_LEVEL, correlations, samples_by_class
from locgraph.show.figures.bars import Bar, comparison_figure, importance_figure
from locgraph.show.figures.features import (
    BOX,
    BoxPanel,
    ScatterPanel,
    boxes_figure,
    correlation_figure,
    scatter_figure,
)
from locgraph.show.figures.gallery import Tile, gallery_figure
from locgraph.stats.metrics import ACCURACY

FIGURES: Final = (
    "features",
    "localisations",
    "correlations",
    "pca_hand_made",
    "pca_learned",
    "umap_hand_made",
    "umap_learned",
    "classifiers",
    "importance",
    "representatives_nearest",
    "representatives_farthest",
    "misclassified",
)
"""Every figure that an analysis may have."""

_HAND_MADE: Final = "hand_made"
_LEARNED: Final = "learned"
_MOST_CORRELATED: Final = 40
_MOST_IMPORTANT: Final = 12
_SHOWN_PER_CLASS: Final = 3
_SYMBOLS: Final = {"cliffs_delta": "δ", "hedges_g": "g", "epsilon_squared": "ε²", "eta_squared": "η²"}
_STATISTICS: Final = {"sd": "s.d."}
_KINDS: Final = {
    NETWORK: "network",
    CONTROL: "control",
    _HAND_MADE: "classifier of hand-made features",
    _LEARNED: "classifier of learned vectors",
}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class AnalysisContent:
    """Results of an analysis that figures are drawn from.

    Attributes:
        tables: Name -> table, as the analysis writes them.
        class_names: Classes of the FOVs, in their order.
        manifest: The FOVs that were analysed.
        prepared: Folder of the prepared tables.
        hand_made: Features of FOVs; None where they were not analysed.
        localisations: Features of localisations; None where they were not analysed.
        top_features: Rows of ``feature_tests``, one for each feature, the largest effect first.
        top_localisations: The same of ``localisation_tests``.
        feature_of: Column of ``hand_made`` -> feature that it is a statistic of.
        n_features: How many features are drawn.
        style: ``box`` or ``violin``.
        best_classifier: Classifier whose importance of features is drawn; None takes the first.
        chance: Accuracy of always naming the most frequent class; None where it is not known.
    """

    tables: Mapping[str, pl.DataFrame]
    class_names: Sequence[str]
    manifest: pl.DataFrame
    prepared: Path
    hand_made: FeatureTable | None = None
    localisations: FeatureTable | None = None
    top_features: Sequence[Row] = ()
    top_localisations: Sequence[Row] = ()
    feature_of: Mapping[str, str] | None = None
    n_features: int = 6
    style: str = BOX
    best_classifier: str | None = None
    chance: float | None = None


def analysis_figures(content: AnalysisContent) -> dict[str, Callable[[], Figure | None]]:
    """Return the figures that the tables allow.

    Args:
        content: Results of the analysis.

    Returns:
        Name of each figure (one of `FIGURES`) -> a function that draws it; None where there is nothing to draw.
    """
    tables = content.tables
    figures: dict[str, Callable[[], Figure | None]] = {}
    if len(content.class_names) > 1:
        if content.hand_made is not None and "feature_tests" in tables:
            title = "Features of FOVs"
            figures["features"] = partial(_boxes, content.hand_made, content.top_features, content, title)
        if content.localisations is not None and "localisation_tests" in tables:
            # the median of each FOV stands for its localisations
            rows = [row for row in content.top_localisations if not row["feature"].startswith("q") or _is_median(row)]
            title = "Localisations of FOVs"
            figures["localisations"] = partial(_boxes, content.localisations, rows, content, title)
    if content.hand_made is not None:
        figures["correlations"] = partial(_correlations, content.hand_made, content)
    for key in ("pca", "umap"):
        for kind in (_HAND_MADE, _LEARNED):
            if key in tables:
                figures[f"{key}_{kind}"] = partial(_maps, tables[key], key, kind, content.class_names)
    if "classifiers" in tables:
        figures["classifiers"] = partial(_comparison, tables["classifiers"], content.chance)
    if "importance" in tables:
        figures["importance"] = partial(_importance, tables["importance"], content.best_classifier)
    if "representatives" in tables:
        for role in (NEAREST, FARTHEST):
            figures[f"representatives_{role}"] = partial(_representatives, content, role)
    if "misclassified" in tables:
        figures["misclassified"] = partial(_misclassified, content)
    return figures


def _is_median(row: Row) -> bool:
    return bool(row["feature"].startswith("q50_"))


def _boxes(features: FeatureTable, rows: Sequence[Row], content: AnalysisContent, title: str) -> Figure | None:
    if not rows:
        return None
    panels = [
        BoxPanel(
            readable(row["feature"]) + ("" if row["unit"] == "1" else f" ({readable_unit(row['unit'])})"),
            effect_words(row),
            samples_by_class(features.table, row["feature"], content.class_names),
        )
        for row in rows[: content.n_features]
    ]
    groups = "" if rows[0]["level"] == FOV_LEVEL else "; tests of groups"
    return boxes_figure(panels, content.class_names, f"{title} (dots: FOVs{groups})", content.style)


def _correlations(features: FeatureTable, content: AnalysisContent) -> Figure | None:
    """Draw one statistic of each feature: that with the largest effect, or the first one."""
    chosen = [row["feature"] for row in content.top_features]
    if not chosen:
        feature_of = content.feature_of or {}
        first: dict[str, str] = {}
        for column in features.columns:
            first.setdefault(feature_of.get(column, column), column)
        chosen = list(first.values())
    result = correlations(features.select(chosen[:_MOST_CORRELATED]))
    if result.reason is not None or not result.columns:
        return None
    order = result.order
    names = [readable(result.columns[place]) for place in order]
    return correlation_figure(result.spearman[order][:, order], names, "Rank correlation of features")


def _maps(table: pl.DataFrame, key: str, kind: str, class_names: Sequence[str]) -> Figure | None:
    rows = table.filter(pl.col("features") == kind)
    columns = ("pc_1", "pc_2") if key == "pca" else ("umap_1", "umap_2")
    if rows.is_empty() or any(name not in rows.columns for name in columns):
        return None
    panels = []
    for fold in rows[schema.FOLD].unique().sort():
        own = rows.filter(pl.col(schema.FOLD).eq_missing(pl.lit(fold, dtype=pl.Int64)))
        axes = ("UMAP 1", "UMAP 2")
        if key == "pca":
            axes = (f"PC 1 ({own['explained_1'][0]:.0%})", f"PC 2 ({own['explained_2'][0]:.0%})")
        title = "" if fold is None else f"fold {fold}"
        labels = own[schema.LABEL].to_list()
        panels.append(ScatterPanel(title, own.select(columns).to_numpy(), labels, axes, key == "pca"))
    words = "Principal components" if key == "pca" else "UMAP"
    what = "hand-made features" if kind == _HAND_MADE else "learned vectors, test FOVs of each fold"
    return scatter_figure(panels, class_names, f"{words} of {what}")


def _comparison(table: pl.DataFrame, chance: float | None) -> Figure | None:
    rows = table.filter(pl.col("metric") == ACCURACY).to_dicts()
    if not rows:
        return None
    bars = [
        Bar(
            row["name"],
            row["mean"],
            *interval_of(row),
            _folds(row),
            _KINDS.get(row["kind"]) or _KINDS[row["features"]],
            is_control=row["kind"] == CONTROL,
        )
        for row in rows
    ]
    n_folds = max(row["n_folds"] for row in rows)
    title = f"Test accuracy, {n_folds} fold{'s' if n_folds > 1 else ''}"
    return comparison_figure(bars, "test accuracy", title, chance)


def _importance(table: pl.DataFrame, best: str | None) -> Figure | None:
    if table.is_empty():
        return None
    classifier = best or table[CLASSIFIER][0]
    rows = table.filter(pl.col(CLASSIFIER) == classifier, pl.col("level") == TOGETHER).head(_MOST_IMPORTANT).to_dicts()
    bars = [
        Bar(readable(row["name"]), row["importance"], row["interval_low"], row["interval_high"], _folds(row))
        for row in rows
    ]
    return importance_figure(bars, f"Features that the {classifier.replace('_', ' ')} needs")


def _folds(row: Row) -> list[float]:
    return [value for name, value in row.items() if name.startswith("fold_") and value is not None]


def _representatives(content: AnalysisContent, role: str) -> Figure | None:
    """Draw those of hand-made features where there are any, else those of the vectors of the first fold."""
    table = content.tables["representatives"].filter(pl.col(ROLE) == role)
    first = table.head(1).select("features", schema.FOLD)
    chosen = table.join(first, on=["features", schema.FOLD], how="semi", nulls_equal=True)
    return _gallery(content, {row[schema.FOV_ID]: row["class"] for row in chosen.to_dicts()}, {})


def _misclassified(content: AnalysisContent) -> Figure | None:
    """Draw the mistakes of each class with the highest confidence."""
    table = content.tables["misclassified"]
    labels, words = {}, {}
    for row in table.group_by(schema.TRUTH, maintain_order=True).head(_SHOWN_PER_CLASS).to_dicts():
        confidence = row[P_PREDICTION]
        labels[row[schema.FOV_ID]] = row[schema.TRUTH]
        words[row[schema.FOV_ID]] = row[schema.PREDICTION] + ("" if confidence is None else f" {confidence:.0%}")
    return _gallery(content, labels, words)


def _gallery(content: AnalysisContent, labels: Mapping[str, str], words: Mapping[str, str]) -> Figure | None:
    known = set(content.manifest[schema.FOV_ID])
    fovs = whole_fovs(content.prepared, [name for name in labels if name in known])
    tiles = [Tile(fov.locs, fov.clusters, labels[fov.fov_id], words.get(fov.fov_id)) for fov in fovs]
    names = [name for name in content.class_names if name in {tile.truth for tile in tiles}]
    return gallery_figure(tiles, names) if tiles else None


# -- words -------------------------------------------------------------------------------------------------------------


def readable(column: str) -> str:
    """Return a column in words: ``q50_area_hull`` is the median area hull."""
    if column.startswith("q50_"):
        return f"median {column.removeprefix('q50_').replace('_', ' ')}"
    first, _, rest = column.partition("_")
    if first == "n":
        return f"number of {rest.replace('_', ' ')}"
    if first.startswith("q") and first[1:].replace(".", "").isdigit():
        return f"{first[1:]} % quantile {rest.replace('_', ' ')}"
    return f"{_STATISTICS.get(first, first)} {rest.replace('_', ' ')}".strip()


def readable_unit(unit: str) -> str:
    """Return a unit with its powers set above the line."""
    return unit.replace("^2", "²").replace("^3", "³")


def effect_words(row: Row) -> str:
    """Return effect, interval and corrected p-value of one row of tests."""
    low, high = row["low"], row["high"]
    interval = "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
    return f"{_SYMBOLS[row['effect']]} = {row['estimate']:.2f}{interval}, {q_words(row['q'])}"


def q_words(q: float | None) -> str:
    """Return a corrected p-value in words."""
    if q is None:
        return "no test"
    return "q < 0.001" if q < 0.001 else f"q = {q:.3f}"


def interval_of(row: Row) -> tuple[float | None, float | None]:
    """Return the interval of the mean over folds; of a single fold that of its test FOVs, where it is known."""
    if row["interval_low"] is not None:
        return row["interval_low"], row["interval_high"]
    return row["pooled_low"], row["pooled_high"]
