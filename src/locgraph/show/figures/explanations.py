"""Figures of an explanation: each field of view (FOV) alone for each explainer, and all in one gallery."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.featextracted import read_fov
from locgraph.preparation.executors import Outcome, Serial, attempt
from locgraph.run_folder import EXPLANATIONS, GALLERY_PICTURE
from locgraph.show.figures.fov import shared_spans
from locgraph.show.figures.scored_fov import (
    SCORE_COLOURS,
    Caption,
    ScoredFov,
    ScoredScene,
    draw_scored,
    explanation_figure,
    make_scored_scene,
    name_colours,
    score_norm,
    shortened,
)
from locgraph.show.figures.style import (
    PAGE_MM,
    SMALL_POINTS,
    blank,
    draw_scale_bar,
    house_style,
    new_figure,
    save_figure,
)

if TYPE_CHECKING:
    from locgraph.explain.results import ExplanationResults

log = logging.getLogger(__name__)

COLUMNS: Final = 5
"""FOVs beside each other in the gallery."""

SUFFIXES: Final = (".png", ".svg")

_MARGIN: Final = 1.06
_LABEL_MM: Final = 8.0
_BAR_MM: Final = 1.8
_NAME: Final = 24
_ABOVE: Final = 1.3
_BELOW: Final = 1.22
_FEWEST: Final = 3
_WORDS_MM: Final = 9.0


@dataclass(frozen=True)
class ExplainedTile:
    """One explained FOV with its words.

    Attributes:
        fov: Tables, scores and outlined clusters.
        caption: Words about it.
    """

    fov: ScoredFov
    caption: Caption


Track = Callable[[Iterable[Outcome], int, str], Iterable[Outcome]]
"""Passes outcomes on while it shows how many of a number are done: outcomes, number, description."""


def draw_explanations(
    folder: Path,
    read_tiles: Callable[[str], Mapping[str, ExplainedTile]],
    fov_ids: Sequence[str],
    track: Track = lambda outcomes, *_: outcomes,
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Draw explained FOVs, each for every explainer, and all of them in one gallery.

    Args:
        folder: The figures go into its folder ``explanations``: ``EXPLAINER/FOV.png`` and ``.svg``, and the gallery.
        read_tiles: Returns what is drawn of one FOV by the name of the explainer, as `make_tiles` reads it.
        fov_ids: FOVs that are drawn.
        track: Shows the progress.

    Returns:
        ``fov_id`` -> name of the explainer -> its PNG, below ``folder``; and ``fov_id`` -> why it could not be drawn.
    """

    def draw(fov_id: str) -> Mapping[str, ExplainedTile]:
        tiles = read_tiles(fov_id)
        for name, tile in tiles.items():
            figure = explanation_figure(tile.fov, tile.caption)
            for suffix in SUFFIXES:
                save_figure(figure, folder / EXPLANATIONS / name / f"{fov_id}{suffix}")
        return tiles

    figures: dict[str, dict[str, str]] = {}
    not_drawn: dict[str, str] = {}
    rows: dict[str, list[ExplainedTile]] = {}
    outcomes = Serial().run(draw, {fov_id: fov_id for fov_id in fov_ids})
    for outcome in track(outcomes, len(fov_ids), "figures"):
        if outcome.failure is not None:
            not_drawn[outcome.fov_id] = outcome.failure
            continue
        names = list(outcome.result)
        figures[outcome.fov_id] = {name: f"{EXPLANATIONS}/{name}/{outcome.fov_id}{SUFFIXES[0]}" for name in names}
        for name in names:
            rows.setdefault(name.replace("_", " "), []).append(outcome.result[name])
    if rows:
        path = folder / EXPLANATIONS / GALLERY_PICTURE
        gallery = attempt(lambda rows: save_figure(explanation_gallery(rows), path), path.name, rows)
        not_drawn |= {} if gallery.failure is None else {path.name: gallery.failure}
    for name, reason in not_drawn.items():
        log.warning("no figure of %s: %s", name, reason)
    return figures, not_drawn


def make_tiles(results: ExplanationResults, fov_id: str) -> dict[str, ExplainedTile]:
    """Read view 0 of an explained FOV; return name of the explainer -> what is drawn.

    Raises:
        LocgraphError: Its tables or its graph cannot be read.
    """
    # these load torch, which other figures do without
    from locgraph.explain.metrics.selection import SUBGRAPH
    from locgraph.graphs.store import GraphStore

    fov = read_fov(results.prepared.tables, fov_id)
    locs, clusters = (table.filter(pl.col(schema.VIEW) == 0) for table in (fov.locs, fov.clusters))
    edges = GraphStore(results.prepared.store).load(fov_id)[0][schema.CLUSTER_NEAR].edge_index.numpy()
    selection = results.settings.judging.selection
    row = results.rows[fov_id]
    prediction = row[schema.PREDICTION]
    tiles = {}
    for name, result in results.explained[fov_id].items():
        explanation = result.explanation
        scores, outlined = explanation.clusters.double().numpy(), selection(explanation).numpy()
        caption = Caption(
            name=fov_id,
            truth=row[schema.TRUTH],
            prediction=prediction,
            probability=row[schema.PROBABILITY_PREFIX + prediction],
            explained=results.explained_class(fov_id),
            explainer=name.replace("_", " "),
            named=selection.by == SUBGRAPH and explanation.subgraph is not None,
            unit=results.record["units"][name],
        )
        tiles[name] = ExplainedTile(ScoredFov(locs, clusters, scores, outlined, edges, fov.dimensions), caption)
    return tiles


@house_style()
def explanation_gallery(rows: Mapping[str, Sequence[ExplainedTile]]) -> Figure:
    """Draw FOVs beside each other, all at one scale, in colours that are the same scores in all FOVs of an explainer.

    As in a camera image, y points downwards; three-dimensional FOVs are seen from above. Where one FOV is far larger
    than the others, each has its own scale, and the figure says so.

    Args:
        rows: Name of the explainer -> its FOVs. Of several explainers each has a row of `COLUMNS` FOVs; of one all are
            drawn, in as many rows as they need.

    Returns:
        The figure, as wide as a page.

    Raises:
        DataError: There is no FOV, or one cannot be drawn.
    """
    if not any(rows.values()):
        raise DataError("expected explained FOVs to draw, found none")
    if len(rows) > 1:
        rows = {name: tiles[:COLUMNS] for name, tiles in rows.items()}
    scenes = {name: [make_scored_scene(tile.fov) for tile in tiles] for name, tiles in rows.items()}
    spans, words = shared_spans([scene.span_nm for line in scenes.values() for scene in line])
    n_columns = max(_FEWEST, *(min(len(tiles), COLUMNS) for tiles in rows.values()))
    width = (PAGE_MM - _LABEL_MM) / COLUMNS
    height = width * (_ABOVE + _BELOW) / 2
    n_lines = sum(_n_lines(tiles) for tiles in rows.values())
    ratios = [ratio for tiles in rows.values() for ratio in (*[height] * _n_lines(tiles), _BAR_MM)]
    below = _WORDS_MM * len(rows)
    figure = new_figure(_LABEL_MM + n_columns * width, sum(ratios) + n_lines + below + (4.0 if words else 0.0))
    grid = figure.add_gridspec(len(ratios), n_columns, height_ratios=ratios)
    halves = iter(np.array(spans) / 2 * _MARGIN)
    line = 0
    for name, tiles in rows.items():
        scores = np.concatenate([scene.scores for scene in scenes[name]])
        first = line
        for place, (tile, scene) in enumerate(zip(tiles, scenes[name], strict=True)):
            line = first + place // COLUMNS
            axes = figure.add_subplot(grid[line, place % COLUMNS])
            blank(axes)
            _draw_tile(axes, tile.caption, scene, next(halves), width / 42.0, score_norm(scores))
            if place == 0:
                _name_row(axes, name)
        line += 1
        _draw_colours(figure, figure.add_subplot(grid[line, 1:-1]), scores, tiles)
        line += 1
    if words:
        figure.supxlabel(words, fontsize=SMALL_POINTS)
    return figure


def _n_lines(tiles: Sequence[ExplainedTile]) -> int:
    return -(-len(tiles) // COLUMNS)


def _name_row(axes: Axes, explainer: str) -> None:
    axes.annotate(
        explainer, (-0.06, 0.5), xycoords="axes fraction", rotation=90, ha="right", va="center", fontweight="bold"
    )


def _draw_tile(
    axes: Axes, caption: Caption, scene: ScoredScene, half: float, magnification: float, norm: Normalize
) -> None:
    draw_scored(axes, scene, magnification=magnification, norm=norm)
    middle = (scene.low + scene.high) / 2
    axes.set_xlim(middle[0] - half, middle[0] + half)
    # room above for the words, below for the bar
    axes.set_ylim(middle[1] + half * _BELOW, middle[1] - half * _ABOVE)
    draw_scale_bar(axes, middle[0] + half, middle[1] + half * 1.03, 2 * half)
    verdict = (
        caption.verdict if caption.truth in (None, caption.prediction) else f"{caption.verdict}, is {caption.truth}"
    )
    settings: dict[str, Any] = {"fontsize": SMALL_POINTS, "ha": "left", "va": "top", "parse_math": False}
    top = axes.transAxes
    axes.text(0.0, 1.0, shortened(caption.name, _NAME), transform=top, fontweight="bold", **settings)
    axes.text(0.0, 1.0, f"\n{verdict}", transform=top, color=caption.colour, **settings)


def _draw_colours(figure: Figure, axes: Axes, scores: np.ndarray, tiles: Sequence[ExplainedTile]) -> None:
    if not tiles:
        axes.set_axis_off()
        return
    bar = figure.colorbar(ScalarMappable(score_norm(scores), SCORE_COLOURS), cax=axes, orientation="horizontal")
    name_colours(bar, scores, "the class; outlined: the clusters that explain", tiles[0].caption.unit)
