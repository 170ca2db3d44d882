"""Figures of an analysis, from its tables: features by class, correlations, maps, classifiers, and galleries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from locgraph.analysis.results import FEATURES, Analysis
from locgraph.analysis.settings import HAND_MADE, LEARNED
from locgraph.analysis.statistics import FOV_LEVEL, correlations, ranked, samples_by_class
from locgraph.show.figures.bars import Bar, comparison_figure, importance_figure
from locgraph.show.figures.features import (
    BoxPanel,
    ScatterPanel,
    boxes_figure,
    correlation_figure,
    scatter_figure,
)
from locgraph.show.figures.gallery import Tile, gallery_figure
from locgraph.show.figures.style import save_figure
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

_MOST_CORRELATED: Final = 40
_MOST_IMPORTANT: Final = 12
_SHOWN_PER_CLASS: Final = 3
_SUFFIXES: Final = (".png", ".svg")
_SYMBOLS: Final = {"cliffs_delta": "δ", "hedges_g": "g", "epsilon_squared": "ε²", "eta_squared": "η²"}
_STATISTICS: Final = {"sd": "s.d."}
_KINDS: Final = {
    NETWORK: "network",
    CONTROL: "control",
    HAND_MADE: "classifier of hand-made features",
    LEARNED: "classifier of learned vectors",
}

Row = Mapping[str, Any]


def draw_analysis(analysis: Analysis, folder: Path) -> list[str]:
    """Draw the figures of an analysis as PNG and SVG, and remove those that an earlier analysis left.

    Args:
        analysis: The analysis; gets a warning for each figure that cannot be drawn.
        folder: Where figures are written.

    Returns:
        Names of the figures.
    """
    drawn = []
    for name, draw in analysis_figures(analysis).items():
        figure = analysis.attempt(f"figure {name}", draw)
        if figure is not None:
            for suffix in _SUFFIXES:
                save_figure(figure, folder / f"{name}{suffix}")
            drawn.append(name)
    for name in FIGURES:
        if name not in drawn:
            for suffix in _SUFFIXES:
                (folder / f"{name}{suffix}").unlink(missing_ok=True)
    return drawn


def analysis_figures(analysis: Analysis) -> dict[str, Callable[[], Figure | None]]:
    """Return the figures that the tables of an analysis allow.

    Returns:
        Name of each figure (one of `FIGURES`) -> a function that draws it; None where there is nothing to draw.
    """
    tables, class_names = analysis.tables, analysis.source.class_names
    figures: dict[str, Callable[[], Figure | None]] = {}
    if len(class_names) > 1:
        if analysis.hand_made is not None and "feature_tests" in tables:
            title = "Features of FOVs"
            figures["features"] = partial(_boxes, analysis, analysis.hand_made, analysis.ranked_features, title)
        if analysis.localisations is not None and "localisation_tests" in tables:
            # the median of each FOV stands for its localisations
            rows = [row for row in ranked(tables["localisation_tests"], {}) if not _is_other_quantile(row["feature"])]
            title = "Localisations of FOVs"
            figures["localisations"] = partial(_boxes, analysis, analysis.localisations, rows, title)
    if analysis.hand_made is not None:
        figures["correlations"] = partial(_correlations, analysis, analysis.hand_made)
    for key in ("pca", "umap"):
        for kind in (HAND_MADE, LEARNED):
            if key in tables:
                figures[f"{key}_{kind}"] = partial(_maps, tables[key], key, kind, class_names)
    if "classifiers" in tables:
        figures["classifiers"] = partial(_comparison, tables["classifiers"], analysis.chance)
    if "importance" in tables:
        figures["importance"] = partial(_importance, tables["importance"], analysis.best_classifier)
    if "representatives" in tables:
        for role in (NEAREST, FARTHEST):
            figures[f"representatives_{role}"] = partial(_representatives, analysis, role)
    if "misclassified" in tables:
        figures["misclassified"] = partial(_misclassified, analysis)
    return figures


def _is_other_quantile(column: str) -> bool:
    return column.startswith("q") and not column.startswith("q50_")


def _boxes(analysis: Analysis, features: FeatureTable, rows: Sequence[Row], title: str) -> Figure | None:
    class_names = analysis.source.class_names
    if not rows:
        return None
    panels = [
        BoxPanel(
            readable(row["feature"]) + ("" if row["unit"] == "1" else f" ({readable_unit(row['unit'])})"),
            effect_words(row),
            samples_by_class(features.table, row["feature"], class_names),
        )
        for row in rows[: analysis.settings.top_features]
    ]
    groups = "" if rows[0]["level"] == FOV_LEVEL else "; tests of groups"
    return boxes_figure(panels, class_names, f"{title} (dots: FOVs{groups})", analysis.settings.style)


def _correlations(analysis: Analysis, features: FeatureTable) -> Figure | None:
    """Draw one statistic of each feature: that with the largest effect, or the first one."""
    chosen = [row["feature"] for row in analysis.ranked_features]
    if not chosen:
        first: dict[str, str] = {}
        for column in features.columns:
            first.setdefault(analysis.feature_of.get(column, column), column)
        chosen = list(first.values())
    result = correlations(features.select(chosen[:_MOST_CORRELATED]))
    if result.reason is not None or not result.columns:
        return None
    order = result.order
    names = [readable(result.columns[place]) for place in order]
    return correlation_figure(result.spearman[order][:, order], names, "Rank correlation of features")


def _maps(table: pl.DataFrame, key: str, kind: str, class_names: Sequence[str]) -> Figure | None:
    rows = table.filter(pl.col(FEATURES) == kind)
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
    what = "hand-made features" if kind == HAND_MADE else "learned vectors, test FOVs of each fold"
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


def _representatives(analysis: Analysis, role: str) -> Figure | None:
    """Draw those of hand-made features where there are any, else those of the vectors of the first fold."""
    table = analysis.tables["representatives"].filter(pl.col(ROLE) == role)
    first = table.head(1).select(FEATURES, schema.FOLD)
    chosen = table.join(first, on=[FEATURES, schema.FOLD], how="semi", nulls_equal=True)
    return _gallery(analysis, {row[schema.FOV_ID]: row["class"] for row in chosen.to_dicts()}, {})


def _misclassified(analysis: Analysis) -> Figure | None:
    """Draw the mistakes of each class with the highest confidence."""
    table = analysis.tables["misclassified"]
    labels, words = {}, {}
    for row in table.group_by(schema.TRUTH, maintain_order=True).head(_SHOWN_PER_CLASS).to_dicts():
        confidence = row[P_PREDICTION]
        labels[row[schema.FOV_ID]] = row[schema.TRUTH]
        words[row[schema.FOV_ID]] = row[schema.PREDICTION] + ("" if confidence is None else f" {confidence:.0%}")
    return _gallery(analysis, labels, words)


def _gallery(analysis: Analysis, labels: Mapping[str, str], words: Mapping[str, str]) -> Figure | None:
    known = set(analysis.source.manifest.table[schema.FOV_ID])
    fovs = whole_fovs(analysis.source.tables, [name for name in labels if name in known])
    tiles = [Tile(fov.locs, labels[fov.fov_id], words.get(fov.fov_id)) for fov in fovs]
    names = [name for name in analysis.source.class_names if name in {tile.truth for tile in tiles}]
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
