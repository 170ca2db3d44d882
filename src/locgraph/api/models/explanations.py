"""Explanations of predictions: scores, metrics and figures of some FOVs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from locgraph import schema
from locgraph.api.device import fixed_threads
from locgraph.api.prepare import progress
from locgraph.data.prepared import Prepared
from locgraph.errors import DataError, within
from locgraph.explain import run
from locgraph.explain.results import ExplanationResults
from locgraph.explain.run import Plan
from locgraph.learn.checkpoint import Checkpoint
from locgraph.run_folder import (
    EXPLANATION_METRICS,
    EXPLANATION_TABLES,
    EXPLANATIONS,
    EXPLANATIONS_RECORD,
    GALLERY_PICTURE,
    THREADS,
    read_record,
)
from locgraph.show.figures.explanations import SUFFIXES, ExplainedTile, draw_explanations, make_tiles
from locgraph.show.figures.scored_fov import explanation_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUP = "explain"
"""The config group of the settings."""


class Explanations:
    """Why FOVs were classified so: scores of their clusters, localisations, edges and features.

    Args:
        results: The explanations, at least one.
        keep: Whether to read now what figures show, since the prepared data will be removed.

    Attributes:
        results: The same.
        tables: All tables, by the names of their files.
    """

    def __init__(self, results: ExplanationResults, keep: bool = False) -> None:
        self.results = results
        self.tables = results.tables
        self._tiles = {fov_id: make_tiles(results, fov_id) for fov_id in results.explained} if keep else {}

    @property
    def scores(self) -> pl.DataFrame:
        """One row for each scored cluster, localisation, edge and feature, with `schema.ATTRIBUTION_COLUMNS`."""
        return self.results.attributions

    @property
    def metrics(self) -> pl.DataFrame:
        """One row for each FOV and explainer; `locgraph.explain.metrics.columns` defines the metrics."""
        return self.tables[EXPLANATION_METRICS]

    @property
    def failures(self) -> Mapping[str, Mapping[str, str]]:
        """Name of the explainer -> ``fov_id`` -> why it failed."""
        return self.results.failures

    @property
    def about(self) -> dict[str, Any]:
        """Numbers of FOVs and failures, explainers that were left out, and mean metrics of each explainer."""
        return self.results.summary()

    def plot(self, fov_id: str, explainer: str | None = None) -> Figure:
        """Draw one FOV in the colours of the scores of its clusters.

        Args:
            fov_id: The FOV.
            explainer: Name of an explainer; None takes the first.

        Raises:
            DataError: This FOV was not explained, or not by this explainer.
        """
        explained = self.results.explained
        if fov_id not in explained:
            raise DataError(f"expected one of {', '.join(explained)}, found {fov_id!r}", setting="fov_id")
        names = list(explained[fov_id])
        if explainer is not None and explainer not in names:
            raise DataError(f"expected one of {', '.join(names)}, found {explainer!r}", setting="explainer")
        tile = self._read_tiles(fov_id)[explainer or names[0]]
        return explanation_figure(tile.fov, tile.caption)

    def write(self, folder: str | Path) -> None:
        """Write all tables, figures of some FOVs of each class, and the record.

        Args:
            folder: Where to write.
        """
        folder, results = Path(folder), self.results
        started = time.perf_counter()
        results.write(folder)
        figures, not_drawn = draw_explanations(folder, self._read_tiles, results.drawn_fovs(), progress)
        results.record.update(metrics=self.about["metrics"], figures=figures, not_drawn=not_drawn)
        results.record["seconds"]["write"] = round(time.perf_counter() - started, 3)
        results.write_record(folder)

    def _read_tiles(self, fov_id: str) -> Mapping[str, ExplainedTile]:
        """Return what figures of a FOV show, by the name of the explainer."""
        return self._tiles.get(fov_id) or make_tiles(self.results, fov_id)

    def __repr__(self) -> str:
        failed = self.results.record["failed"]
        return (
            f"Explanations({len(self.results.explained)} FOVs by {', '.join(self.results.explainers)}; "
            f"{failed} failed; classes: {', '.join(self.metrics[schema.EXPLAINED_CLASS].unique().sort())})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.results.means._repr_html_()}"


def make_plan(group: Mapping[str, Any], checkpoint: Checkpoint) -> Plan:
    """Check settings and explainers against a model.

    Args:
        group: Settings of the group ``explain``, with at least one explainer.
        checkpoint: The checkpoint.

    Raises:
        ConfigError: A setting cannot work, or none of the explainers can explain the model.
        CheckpointError: The weights do not fit the model that the checkpoint describes.
    """
    with within(GROUP):
        return run.make_plan(group, checkpoint)


def explain_prepared(
    plan: Plan,
    prepared: Prepared,
    predictions: pl.DataFrame,
    training_data: Callable[[], Prepared],
    folder: str | Path | None = None,
) -> Explanations:
    """Explain the predictions of prepared FOVs.

    Args:
        plan: From `make_plan`.
        prepared: Manifest, tables and graphs.
        predictions: Predictions of the FOVs.
        training_data: Returns the data of the run; called where an explainer learns.
        folder: Where tables and figures are written; None writes none.

    Raises:
        LocgraphError: No explainer could be fitted, or no FOV could be explained.
    """
    with within(GROUP), fixed_threads(plan.record.get(THREADS, 1)):
        results = plan.explain(prepared, predictions, training_data, progress)
    if folder is not None:
        remove_earlier(Path(folder))
        # also where all FOVs failed
        results.write_record(Path(folder))
    results.check()
    explanations = Explanations(results, keep=folder is None)
    if folder is not None:
        explanations.write(folder)
    return explanations


def remove_earlier(folder: Path) -> None:
    """Remove the tables and figures that the record of earlier explanations in a folder names, and no other file."""
    record = read_record(folder / EXPLANATIONS_RECORD)
    if not record:
        return
    for name in EXPLANATION_TABLES:
        for suffix in (".parquet", ".csv"):
            (folder / name).with_suffix(suffix).unlink(missing_ok=True)
    figures = [folder / path for by_explainer in record.get("figures", {}).values() for path in by_explainer.values()]
    for figure in (*figures, folder / EXPLANATIONS / GALLERY_PICTURE):
        # a record may come from anyone
        if (folder / EXPLANATIONS).resolve() in figure.resolve().parents:
            for suffix in SUFFIXES:
                figure.with_suffix(suffix).unlink(missing_ok=True)
