"""Figures of explained FOVs: each alone for each explainer, and all in one gallery."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.cli.explain_found import Found
from locgraph.cli.explained_fovs import spread
from locgraph.cli.prepare import progress
from locgraph.explain.metrics.selection import SUBGRAPH
from locgraph.graphs.store import GraphStore
from locgraph.io.featextracted import read_fov
from locgraph.preparation.executors import Serial, attempt
from locgraph.show.figures.explanation import Caption, explanation_figure
from locgraph.show.figures.explanation_gallery import ExplainedTile, explanation_gallery
from locgraph.show.figures.explanation_panel import ScoredFov
from locgraph.show.figures.save import save_figure

log = logging.getLogger(__name__)

FOLDER: Final = "explanations"
GALLERY: Final = "gallery.png"
SUFFIXES: Final = (".png", ".svg")


def draw(folder: Path, found: Found) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Draws some FOVs of each class.

    Args:
        folder: The figures go into its folder ``explanations``: ``EXPLAINER/FOV.png`` and ``.svg``, and the gallery.
        found: What explainers said.

    Returns:
        ``fov_id`` -> name of the explainer -> its PNG, below ``folder``; and ``fov_id`` -> why it could not be drawn.
    """
    rows = found.rows
    classes = {fov_id: rows[fov_id][schema.TRUTH] or rows[fov_id][schema.PREDICTION] for fov_id in found.explained}
    drawing = _Drawing(folder, found, rows)
    wanted = {fov_id: fov_id for fov_id in spread(list(found.explained), classes, found.settings.figures)}
    figures: dict[str, dict[str, str]] = {}
    not_drawn: dict[str, str] = {}
    tiles: dict[str, list[ExplainedTile]] = {}
    for outcome in progress(Serial().run(drawing, wanted), len(wanted), "figures"):
        if outcome.failure is not None:
            not_drawn[outcome.fov_id] = outcome.failure
            continue
        figures[outcome.fov_id] = {name: path for name, (path, _) in outcome.result.items()}
        for name, (_, tile) in outcome.result.items():
            tiles.setdefault(name.replace("_", " "), []).append(tile)
    if tiles:
        path = folder / FOLDER / GALLERY
        gallery = attempt(lambda rows: save_figure(explanation_gallery(rows), path), GALLERY, tiles)
        not_drawn |= {} if gallery.failure is None else {GALLERY: gallery.failure}
    for name, reason in not_drawn.items():
        log.warning("no figure of %s: %s", name, reason)
    return figures, not_drawn


@dataclass(frozen=True)
class _Drawing:
    """Draws one FOV for every explainer."""

    folder: Path
    found: Found
    rows: Mapping[str, Mapping[str, Any]]

    def __call__(self, fov_id: str) -> dict[str, tuple[str, ExplainedTile]]:
        """Name of the explainer -> PNG below the folder, and the tile of the gallery."""
        fov = read_fov(self.found.prepared.tables, fov_id)
        locs, clusters = (table.filter(pl.col(schema.VIEW) == 0) for table in (fov.locs, fov.clusters))
        edges = GraphStore(self.found.prepared.store).load(fov_id)[0][schema.CLUSTER_NEAR].edge_index.numpy()
        selection = self.found.settings.judging.selection
        drawn = {}
        for name, told in self.found.explained[fov_id].items():
            explanation = told.explanation
            selected = selection(explanation).numpy()
            scored = ScoredFov(locs, clusters, explanation.clusters.double().numpy(), selected, edges, fov.dimensions)
            named = selection.by == SUBGRAPH and explanation.subgraph is not None
            tile = ExplainedTile(scored, self._caption(fov_id, name, named))
            base = f"{FOLDER}/{name}/{fov_id}"
            figure = explanation_figure(scored, tile.caption)
            for suffix in SUFFIXES:
                save_figure(figure, self.folder / f"{base}{suffix}")
            drawn[name] = f"{base}{SUFFIXES[0]}", tile
        return drawn

    def _caption(self, fov_id: str, name: str, named: bool) -> Caption:
        row = self.rows[fov_id]
        prediction = row[schema.PREDICTION]
        return Caption(
            name=fov_id,
            truth=row[schema.TRUTH],
            prediction=prediction,
            probability=row[schema.PROBABILITY_PREFIX + prediction],
            explained=self.found.explained_class(fov_id),
            explainer=name.replace("_", " "),
            named=named,
        )
