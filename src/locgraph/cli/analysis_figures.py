"""Figures of an analysis, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.analysis.comparison import CONTROL, NETWORK
from locgraph.analysis.correlation import correlations
from locgraph.analysis.cross_validation import CLASSIFIER
from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.feature_tests import FOV_LEVEL, samples_by_class
from locgraph.analysis.importance import TOGETHER
from locgraph.analysis.representatives import FARTHEST, NEAREST, P_PREDICTION, ROLE
from locgraph.analysis.whole_fovs import whole_fovs
from locgraph.cli.analysis_classifiers import Classified
from locgraph.cli.analysis_features import FeatureSets
from locgraph.cli.analysis_findings import Findings
from locgraph.cli.analysis_settings import HAND_MADE, LEARNED, AnalysisSettings
from locgraph.cli.analysis_source import Material
from locgraph.cli.analysis_statistics import EXPLAINED, FEATURES, ranked
from locgraph.show.figures.boxes import BoxPanel, boxes_figure
from locgraph.show.figures.comparison import Method, comparison_figure
from locgraph.show.figures.gallery import Tile, gallery_figure
from locgraph.show.figures.heat_map import correlation_figure
from locgraph.show.figures.importance import Needed, importance_figure
from locgraph.show.figures.scatter import ScatterPanel, scatter_figure
from locgraph.show.figures.style import Figure
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
"""Every figure that an analysis may draw."""

_MOST_CORRELATED: Final = 40
_MOST_IMPORTANT: Final = 12
_SHOWN_PER_CLASS: Final = 3
_SYMBOLS: Final = {"cliffs_delta": "δ", "hedges_g": "g", "epsilon_squared": "ε²", "eta_squared": "η²"}
_STATISTICS: Final = {"sd": "s.d."}
_KINDS: Final = {NETWORK: "network", CONTROL: "control"}


def draw(
    material: Material,
    sets: FeatureSets,
    settings: AnalysisSettings,
    feature_of: Mapping[str, str],
    done: Classified,
    findings: Findings,
) -> None:
    """Draws what the tables allow."""
    names, tables = material.class_names, findings.tables
    for name, features, what in (
        ("features", sets.hand_made, "Features of FOVs"),
        ("localisations", sets.localisations, "Localisations of FOVs"),
    ):
        tests = tables.get("feature_tests" if name == "features" else "localisation_tests")
        if features is not None and tests is not None and len(names) > 1:
            findings.draw(
                name,
                lambda f=features, t=tests, w=what, own=name: _boxes(f, t, names, settings, feature_of, w, own),  # type: ignore[misc]
            )
    if sets.hand_made is not None:
        hand_made = sets.hand_made
        findings.draw("correlations", lambda: _correlations(hand_made, tables["feature_tests"], feature_of))
    for key in ("pca", "umap"):
        for kind in (HAND_MADE, LEARNED):
            if key in tables:
                findings.draw(f"{key}_{kind}", lambda k=key, own=kind: _maps(tables[k], k, own, names))  # type: ignore[misc]
    if "classifiers" in tables:
        findings.draw("classifiers", lambda: _comparison(tables["classifiers"], done))
    if "importance" in tables:
        findings.draw("importance", lambda: _importance(tables["importance"], done))
    for role in (NEAREST, FARTHEST):
        if "representatives" in tables:
            findings.draw(f"representatives_{role}", lambda own=role: _representatives(material, tables, own))  # type: ignore[misc]
    if "misclassified" in tables:
        findings.draw("misclassified", lambda: _misclassified(material, tables["misclassified"]))


def _boxes(
    features: FeatureTable,
    tests: pl.DataFrame,
    class_names: Sequence[str],
    settings: AnalysisSettings,
    feature_of: Mapping[str, str],
    what: str,
    name: str,
) -> Figure | None:
    rows = ranked(tests, feature_of)
    if name == "localisations":
        # the median of each FOV stands for its localisations
        rows = [
            row for row in ranked(tests, {}) if not row["feature"].startswith("q") or row["feature"].startswith("q50_")
        ]
    rows = rows[: settings.top_features]
    if not rows:
        return None
    panels = [
        BoxPanel(
            readable(row["feature"]) + ("" if row["unit"] == "1" else f" ({readable_unit(row['unit'])})"),
            effect_words(row),
            samples_by_class(features.table, row["feature"], class_names),
        )
        for row in rows
    ]
    by = "" if rows[0]["level"] == FOV_LEVEL else "; tests of groups"
    return boxes_figure(panels, class_names, f"{what} (dots: FOVs{by})", settings.style)


def readable(column: str) -> str:
    """A column in words: ``q50_area_hull`` is the median area hull."""
    if column.startswith("q50_"):
        return f"median {column.removeprefix('q50_').replace('_', ' ')}"
    first, _, rest = column.partition("_")
    if first == "n":
        return f"number of {rest.replace('_', ' ')}"
    if first.startswith("q") and first[1:].replace(".", "").isdigit():
        return f"{first[1:]} % quantile {rest.replace('_', ' ')}"
    return f"{_STATISTICS.get(first, first)} {rest.replace('_', ' ')}".strip()


def readable_unit(unit: str) -> str:
    """A unit with its powers set above the line."""
    return unit.replace("^2", "²").replace("^3", "³")


def effect_words(row: Mapping[str, Any]) -> str:
    """Effect with its interval, and the corrected p-value, of one row of tests."""
    low, high = row["low"], row["high"]
    interval = "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
    return f"{_SYMBOLS[row['effect']]} = {row['estimate']:.2f}{interval}, {q_words(row['q'])}"


def q_words(q: float | None) -> str:
    """A corrected p-value in words."""
    if q is None:
        return "no test"
    return "q < 0.001" if q < 0.001 else f"q = {q:.3f}"


def _correlations(features: FeatureTable, tests: pl.DataFrame, feature_of: Mapping[str, str]) -> Figure | None:
    """One statistic of each feature: that which tells the classes apart best, or the first one."""
    chosen = [row["feature"] for row in ranked(tests, feature_of)]
    if not chosen:
        seen: dict[str, str] = {}
        for column in features.columns:
            seen.setdefault(feature_of.get(column, column), column)
        chosen = list(seen.values())
    found = correlations(features.select(chosen[:_MOST_CORRELATED]))
    if found.reason is not None or not found.columns:
        return None
    order = found.order
    names = [readable(found.columns[place]) for place in order]
    return correlation_figure(found.spearman[order][:, order], names, "Rank correlation of features")


def _maps(table: pl.DataFrame, key: str, kind: str, class_names: Sequence[str]) -> Figure | None:
    rows = table.filter(pl.col(FEATURES) == kind)
    columns = ("pc_1", "pc_2") if key == "pca" else ("umap_1", "umap_2")
    if rows.is_empty() or any(name not in rows.columns for name in columns):
        return None
    panels = []
    for fold in rows[schema.FOLD].unique().sort():
        own = rows.filter(pl.col(schema.FOLD).eq_missing(pl.lit(fold, dtype=pl.Int64)))
        points = own.select(columns).to_numpy()
        axes = ("UMAP 1", "UMAP 2")
        if key == "pca":
            parts = [own[f"{EXPLAINED}{place}"][0] for place in (1, 2)]
            axes = tuple(f"PC {place} ({part:.0%})" for place, part in enumerate(parts, 1))  # type: ignore[assignment]
        title = "" if fold is None else f"fold {fold}"
        panels.append(ScatterPanel(title, points, own[schema.LABEL].to_list(), axes, key == "pca"))
    words = "Principal components" if key == "pca" else "UMAP"
    of = "hand-made features" if kind == HAND_MADE else "learned vectors, test FOVs of each fold"
    return scatter_figure(panels, class_names, f"{words} of {of}")


def _comparison(table: pl.DataFrame, done: Classified) -> Figure | None:
    rows = table.filter(pl.col("metric") == ACCURACY).to_dicts()
    folds = [name for name in table.columns if name.startswith("fold_")]
    kinds = {HAND_MADE: "classifier of hand-made features", LEARNED: "classifier of learned vectors"}
    methods = [
        Method(
            row["name"],
            _KINDS.get(row["kind"]) or kinds[row["features"]],
            row["mean"],
            *interval(row),
            tuple(row[fold] for fold in folds if row[fold] is not None),
            is_control=row["kind"] == CONTROL,
        )
        for row in rows
    ]
    if not methods:
        return None
    n_folds = max(row["n_folds"] for row in rows)
    title = f"Test accuracy, {n_folds} fold{'s' if n_folds > 1 else ''}"
    return comparison_figure(methods, "test accuracy", title, done.chance)


def interval(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Interval of the mean over folds; of a single fold that of its test FOVs, where it is known."""
    if row["interval_low"] is not None:
        return row["interval_low"], row["interval_high"]
    return row["pooled_low"], row["pooled_high"]


def _importance(table: pl.DataFrame, done: Classified) -> Figure | None:
    if table.is_empty():
        return None
    classifier = done.best or table[CLASSIFIER][0]
    folds = [name for name in table.columns if name.startswith("fold_")]
    rows = table.filter(pl.col(CLASSIFIER) == classifier, pl.col("level") == TOGETHER).head(_MOST_IMPORTANT).to_dicts()
    features = [
        Needed(
            readable(row["name"]),
            row["importance"],
            row["interval_low"],
            row["interval_high"],
            tuple(row[fold] for fold in folds if row[fold] is not None),
        )
        for row in rows
    ]
    return importance_figure(features, f"Features that the {classifier.replace('_', ' ')} needs")


def _representatives(material: Material, tables: Mapping[str, pl.DataFrame], role: str) -> Figure | None:
    """Of hand-made features where there are any, else of the vectors of the first fold."""
    table = tables["representatives"].filter(pl.col(ROLE) == role)
    first = table.head(1).select(FEATURES, schema.FOLD)
    chosen = table.join(first, on=[FEATURES, schema.FOLD], how="semi", nulls_equal=True)
    labels = {row[schema.FOV_ID]: row["class"] for row in chosen.to_dicts()}
    return _gallery(material, labels, {})


def _misclassified(material: Material, table: pl.DataFrame) -> Figure | None:
    """The surest mistakes of each class."""
    some = table.group_by(schema.TRUTH, maintain_order=True).head(_SHOWN_PER_CLASS).to_dicts()
    labels, words = {}, {}
    for row in some:
        sure = row[P_PREDICTION]
        labels[row[schema.FOV_ID]] = row[schema.TRUTH]
        words[row[schema.FOV_ID]] = row[schema.PREDICTION] + ("" if sure is None else f" {sure:.0%}")
    return _gallery(material, labels, words)


def _gallery(material: Material, labels: Mapping[str, str], words: Mapping[str, str]) -> Figure | None:
    there = set(material.manifest.table[schema.FOV_ID])
    fovs = whole_fovs(material.tables, [name for name in labels if name in there])
    tiles = [Tile(fov.locs, fov.clusters, None, labels[fov.fov_id], words.get(fov.fov_id)) for fov in fovs]
    names = [name for name in material.class_names if name in {tile.truth for tile in tiles}]
    return gallery_figure(tiles, names) if tiles else None
