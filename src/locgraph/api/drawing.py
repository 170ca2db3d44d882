"""Figures that studies leave in their folders: of a summary, and of an analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from locgraph.analysis.results import Analysis
from locgraph.analysis.statistics import ranked
from locgraph.analysis.summary import Summary
from locgraph.run_folder import CONFUSION_PICTURE, SUMMARY_PICTURE
from locgraph.show.figures.analysis import FIGURES, AnalysisContent, analysis_figures
from locgraph.show.figures.bars import sweep_figure
from locgraph.show.figures.run import confusion_figure
from locgraph.show.figures.style import save_figure

_PICTURE_SUFFIXES: Final = (".png", ".svg")


def draw_summary(folder: Path, summary: Summary) -> None:
    """Draw the accuracy of every fold beside the controls, and the pooled confusion matrix."""
    title = f"{summary.experiment}: {len(summary.expected_folds) - len(summary.missing)} folds"
    bars = sweep_figure(summary.folds(), summary.intervals(), "test accuracy", title)
    save_figure(bars, folder / SUMMARY_PICTURE)
    pooled = confusion_figure(summary.confusion, summary.class_names, f"{title}, pooled")
    save_figure(pooled, folder / CONFUSION_PICTURE)


def draw_analysis(analysis: Analysis, folder: Path) -> list[str]:
    """Draw the figures of an analysis as PNG and SVG, and remove those that an earlier analysis left.

    Returns:
        Names of the figures.
    """
    drawn = []
    for name, draw in analysis_figures(_content(analysis)).items():
        figure = analysis.attempt(f"figure {name}", draw)
        if figure is not None:
            for suffix in _PICTURE_SUFFIXES:
                save_figure(figure, folder / f"{name}{suffix}")
            drawn.append(name)
    for name in FIGURES:
        if name not in drawn:
            for suffix in _PICTURE_SUFFIXES:
                (folder / f"{name}{suffix}").unlink(missing_ok=True)
    return drawn


def _content(analysis: Analysis) -> AnalysisContent:
    """Return the results that figures are drawn from."""
    tables, settings = analysis.tables, analysis.settings
    localisation_tests = tables.get("localisation_tests")
    return AnalysisContent(
        tables=tables,
        class_names=analysis.source.class_names,
        manifest=analysis.source.manifest.table,
        prepared=analysis.source.tables,
        hand_made=analysis.hand_made,
        localisations=analysis.localisations,
        top_features=analysis.ranked_features,
        top_localisations=() if localisation_tests is None else ranked(localisation_tests, {}),
        feature_of=analysis.feature_of,
        n_features=settings.top_features,
        style=settings.style,
        best_classifier=analysis.best_classifier,
        chance=analysis.chance,
    )
