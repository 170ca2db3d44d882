"""Figures of an analysis from its tables, and their words."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.results import Analysis
from locgraph.analysis.source import tables_source
from locgraph.analysis.statistics import feature_tests
from locgraph.errors import DataError
from locgraph.show.figures import analysis as module
from locgraph.show.figures.analysis import (
    FIGURES,
    analysis_figures,
    draw_analysis,
    effect_words,
    interval_of,
    q_words,
    readable,
    readable_unit,
)
from locgraph.show.figures.bars import Bar

NAMES = [f"{label}_{index}" for index, label in enumerate("TLTLTL")]
BAR = Bar("area", 0.2, 0.1, 0.3, [0.2])
UNITS = {"mean_area": "nm^2", "sd_area": "nm^2", "n_clusters": "1"}


@cache
def features(*columns):
    """Numbers of six FOVs, of which the classes differ in the mean."""
    rng = np.random.default_rng(0)
    about = {"fov_id": NAMES, "group": [None] * 6, "label": [name[0] for name in NAMES]}
    values = {column: rng.normal(size=6) + 5 * np.tile([0, 1], 3) for column in columns}
    return FeatureTable(pl.DataFrame(about | values), {column: UNITS.get(column, "1") for column in columns})


def method(kind, name, features, **changes):
    numbers = {"mean": 0.75, "interval_low": 0.5, "interval_high": 1.0, "pooled_low": 0.6, "pooled_high": 0.8}
    about = {"kind": kind, "name": name, "features": features, "metric": "accuracy", "n_folds": 2}
    return about | numbers | {"fold_0": 0.7, "fold_1": 0.8} | changes


def maps(kind, fold, first, second, explained=True):
    about = {"features": kind, "fold": fold, "fov_id": NAMES, "label": [name[0] for name in NAMES]}
    numbers = {first: np.arange(6.0), second: np.arange(6.0) ** 2}
    parts = {"explained_1": 0.5, "explained_2": 0.25} if explained else {}
    return pl.DataFrame(about | numbers | parts, schema_overrides={"fold": pl.Int64})


@pytest.fixture
def analysis(prepared):
    """Every table that is drawn, of two classes."""
    hand_made, localisations = features(*UNITS), features("q10_photons", "q50_photons", "n_localisations")
    pca = [maps("hand_made", None, "pc_1", "pc_2"), maps("learned", 0, "pc_1", "pc_2")]
    umap = [
        maps("hand_made", None, "umap_1", "umap_2", explained=False),
        *(maps("learned", fold, "umap_1", "umap_2", explained=False) for fold in (0, 1)),
    ]
    importance = {"classifier": ["forest"], "level": ["feature"], "name": ["mean_area"], "importance": [0.2]}
    representatives = {"features": ["hand_made"] * 4, "fold": [None] * 4, "fov_id": ["T_0", "L_1", "T_2", "gone"]}
    roles = {"role": ["nearest", "nearest", "farthest", "farthest"], "class": ["T", "L", "T", "L"]}
    wrong = {"fov_id": ["T_0", "L_1"], "truth": ["T", "L"], "prediction": ["L", "T"], "p_of_prediction": [0.9, None]}
    tables = {
        "feature_tests": feature_tests(hand_made),
        "localisation_tests": feature_tests(localisations),
        "pca": pl.concat(pca),
        "umap": pl.concat(umap),
        "classifiers": pl.DataFrame(
            [
                method("network", "network", "graph"),
                method("classifier", "forest", "hand_made", interval_low=None, interval_high=None, fold_1=None),
                method("control", "count_alone", "localisations"),
            ]
        ),
        "importance": pl.DataFrame(importance | {"interval_low": [0.1], "interval_high": [0.3], "fold_0": [0.2]}),
        "representatives": pl.DataFrame(representatives | roles, schema_overrides={"fold": pl.Int64}),
        "misclassified": pl.DataFrame(wrong),
    }
    aggregation = SimpleNamespace(prefixes=("mean", "sd"))
    return Analysis(
        source=tables_source(prepared),
        settings=SimpleNamespace(top_features=6, style="box", aggregation=aggregation),
        hand_made=hand_made,
        localisations=localisations,
        chance=0.5,
        tables=tables,
    )


def drawn(analysis, name):
    return analysis_figures(analysis)[name]()


def titles(figure):
    return [axes.get_title(loc="left").replace("\n", " ").strip() for axes in figure.axes if axes.has_data()]


def test_every_figure_is_drawn_where_all_tables_are_there(analysis):
    figures = analysis_figures(analysis)

    assert list(figures) == list(FIGURES)
    assert all(make() is not None for make in figures.values())


def test_nothing_is_drawn_without_tables(analysis):
    assert analysis_figures(Analysis(analysis.source, analysis.settings)) == {}


def test_classes_are_compared_where_there_are_several(analysis):
    table = analysis.source.manifest.table
    analysis.source.manifest.table = table.filter(pl.col("label") == "T")

    assert not {"features", "localisations"} & set(analysis_figures(analysis))


def test_figures_are_files_and_those_of_an_earlier_analysis_are_removed(analysis, tmp_path, monkeypatch):
    for name in ("umap_learned.png", "own.png"):
        (tmp_path / name).touch()

    def fail():
        raise DataError("no map")

    own = {"importance": lambda: module.importance_figure([BAR], "t"), "pca_learned": fail, "features": lambda: None}
    monkeypatch.setattr(module, "analysis_figures", lambda analysis: own)

    assert draw_analysis(analysis, tmp_path) == ["importance"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["importance.png", "importance.svg", "own.png"]
    assert analysis.warnings == ["figure pca_learned: no map"]


def test_boxes_show_one_statistic_of_each_feature_with_its_effect(analysis):
    figure = drawn(analysis, "features")

    assert titles(figure) == ["mean area (nm²)", "number of clusters"]
    assert figure.axes[0].texts[0].get_text().startswith("δ = ")
    analysis.settings.top_features = 1
    assert len(titles(drawn(analysis, "features"))) == 1
    analysis.tables["feature_tests"] = analysis.tables["feature_tests"].clear()
    assert drawn(analysis, "features") is None


def test_the_median_stands_for_the_localisations_of_a_fov(analysis):
    assert set(titles(drawn(analysis, "localisations"))) == {"median photons", "number of localisations"}


def test_correlations_are_those_of_one_statistic_of_each_feature(analysis):
    def names():
        return sorted(label.get_text() for label in drawn(analysis, "correlations").axes[0].get_yticklabels())

    assert names() == ["mean area", "number of clusters"]
    analysis.tables["feature_tests"] = analysis.tables["feature_tests"].clear()
    assert names() == ["mean area", "number of clusters"], "the first statistic of each"
    analysis.hand_made = FeatureTable(analysis.hand_made.table.head(2), analysis.hand_made.units)
    assert drawn(analysis, "correlations") is None


def test_learned_vectors_have_a_map_for_each_fold(analysis):
    assert titles(drawn(analysis, "umap_learned")) == ["fold 0", "fold 1"]
    assert drawn(analysis, "pca_hand_made").axes[0].get_xlabel() == "PC 1 (50%)"
    analysis.tables["pca"] = analysis.tables["pca"].drop("pc_2")
    assert drawn(analysis, "pca_learned") is None


def test_kinds_of_methods_are_named(analysis):
    legend = drawn(analysis, "classifiers").legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [
        "network",
        "classifier of hand-made features",
        "control",
    ]


@pytest.mark.parametrize("name", ["classifiers", "importance", "misclassified"])
def test_empty_tables_have_no_figure(analysis, name):
    analysis.tables[name] = analysis.tables[name].clear()
    assert drawn(analysis, name) is None


def test_galleries_leave_out_fovs_without_tables_and_give_the_confidence(analysis):
    assert [axes.get_title(loc="center") for axes in drawn(analysis, "representatives_farthest").axes] == ["T"]
    words = [text.get_text() for axes in drawn(analysis, "misclassified").axes for text in axes.texts]
    assert {"✗ L 90%", "✗ T"} <= set(words)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("q50_area_hull", "median area hull"),
        ("q10_length_pca", "10 % quantile length pca"),
        ("q2.5_count", "2.5 % quantile count"),
        ("sd_count", "s.d. count"),
        ("mean_count", "mean count"),
        ("n_clusters", "number of clusters"),
        ("quality", "quality"),
    ],
)
def test_columns_are_words(column, expected):
    assert readable(column) == expected


def test_units_have_their_powers_above_the_line():
    assert [readable_unit(unit) for unit in ("nm^2", "1/nm^3", "nm")] == ["nm²", "1/nm³", "nm"]


def test_effects_are_written_with_interval_and_corrected_p():
    pair = {"effect": "cliffs_delta", "estimate": -0.5, "low": -0.81, "high": 0.02, "q": 0.0123}
    assert effect_words(pair) == "δ = -0.50 [-0.81, 0.02], q = 0.012"
    several = {"effect": "epsilon_squared", "estimate": 0.91, "low": None, "high": None, "q": 1e-9}
    assert effect_words(several) == "ε² = 0.91, q < 0.001"
    assert q_words(None) == "no test"


def test_a_single_fold_has_the_interval_of_its_fovs():
    row = {"interval_low": None, "interval_high": None, "pooled_low": 0.4, "pooled_high": 0.6}
    assert interval_of(row) == (0.4, 0.6)
    assert interval_of(row | {"interval_low": 0.1, "interval_high": 0.2}) == (0.1, 0.2)
