"""Runs and sweeps as sources: FOVs with predictions, maps, scores and explanations beside their localisations."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError, LocgraphError
from locgraph.graphs.layout import SUFFIX
from locgraph.io.manifest import Manifest
from locgraph.run_folder import CLUSTERS, LEVELS
from locgraph.run_folder import RUN as RUN_RECORD
from locgraph.show.report.folder import recorded_tables, tables_record
from locgraph.show.report.source import Absent
from locgraph.viewer.graph_folders import find_graphs
from locgraph.viewer.levels.cache import LevelCache
from locgraph.viewer.live import Live
from locgraph.viewer.opened import (
    CONFUSION,
    EMBEDDED,
    EXPLANATIONS,
    LIVE,
    MAPS,
    METRICS,
    PROBLEM,
    RUN,
    SWEEP,
    Opened,
    OpeningSettings,
    pick,
)
from locgraph.viewer.reading import table_scene
from locgraph.viewer.results import scores
from locgraph.viewer.results.explanations import Explanations, find_tables
from locgraph.viewer.results.files import Group, Results, find_groups, read_results, watched
from locgraph.viewer.results.fovs import fov_table, read_manifest
from locgraph.viewer.results.maps import MapFile, Maps, Points, find_maps
from locgraph.viewer.scene import Scene

EXPLAINED: Final = "explained"
"""Column of FOVs that have explanations, where any has."""

_LOOKS_S: Final = 1.0
"""Files are looked at for changes no more often than this."""


@dataclass(frozen=True)
class _Content:
    """What is known at one time."""

    state: tuple[Any, ...]
    results: Results
    tables: Path | Absent
    manifest: Manifest | Absent
    fovs: pl.DataFrame
    maps: tuple[MapFile, ...]
    explanations: Explanations
    problems: tuple[str, ...]


class OpenedRuns(Opened):
    """A run, or the runs of a sweep that differ in the fold alone.

    What is not there, or damaged, is left out, and `notes` holds why. Files that change are read again: a run that is
    being written gets its predictions when it ends. Each FOV keeps its row.

    Args:
        folder: The run or the sweep.
        group: Its runs.
        settings: Where tables and explanations are, if not where the runs left them, and what is computed once.
    """

    def __init__(self, folder: Path, group: Group, settings: OpeningSettings) -> None:
        self.folder, self._settings = folder, settings
        self._cache = LevelCache(settings.cache / LEVELS)
        single = group.folders == (folder,)
        self.kind = SWEEP if not single else RUN if (folder / RUN_RECORD).is_file() else EMBEDDED
        self.title = f"{folder.name}: {group.name}" if group.name else folder.name
        self._group, self._maps = group, Maps()
        self.live = Live(folder) if any((run / RUN_RECORD).is_file() for run in group.folders) else None
        self._lock = threading.Lock()
        self._content: _Content | None = None
        self._looked = 0.0

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        """What could not be read, in sentences."""
        return self._current().problems

    @property
    def offers(self) -> frozenset[str]:
        """What there is beside FOVs."""
        content = self._current()
        classified = content.results.predictions() is not None or bool(self.confusion()["classes"])
        there = {
            MAPS: content.maps,
            CONFUSION: classified,
            METRICS: self.kind != EMBEDDED,
            EXPLANATIONS: content.explanations,
            LIVE: self.live,
        }
        return frozenset(name for name, has in there.items() if has)

    def fovs(self) -> pl.DataFrame:
        """Return one row for each FOV; see `locgraph.viewer.results.fovs.fov_table`."""
        return self._current().fovs

    @property
    def results(self) -> Results:
        """The runs as they are now."""
        return self._current().results

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order in which they have colours."""
        content = self._current()
        known = content.manifest.class_names if isinstance(content.manifest, Manifest) else ()
        known_labels = (
            content.fovs[schema.LABEL] if schema.LABEL in content.fovs.columns else pl.Series(dtype=pl.String)
        )
        labels = known_labels.drop_nulls().unique().sort().to_list()
        return tuple(dict.fromkeys((*content.results.class_names, *known, *labels)))

    def scene(self, index: int) -> Scene:
        """Return the localisations of one FOV, with the edges of its graph where there are graphs.

        Raises:
            DataError: The prepared tables are gone, or this FOV cannot be read.
        """
        content = self._current()
        pick(range(content.fovs.height), index, "FOV")
        row = content.fovs.row(index, named=True)
        if isinstance(content.tables, Absent):
            raise DataError(f"{row[schema.FOV_ID]} cannot be drawn. {content.tables.reason}", setting="tables")
        if row.get(PROBLEM):
            raise DataError(f"{row[schema.FOV_ID]} cannot be drawn. {row[PROBLEM]}")
        name = row[schema.FOV_ID]
        graphs = [] if self._graphs is None else [self._graphs / f"{name}{SUFFIX}"]
        return table_scene(content.tables, name, self._cache, graphs)

    def metrics(self) -> dict[str, Any]:
        """Return scores, controls, calibration and settings; see `locgraph.viewer.results.scores.metrics`."""
        return scores.metrics(self.results)

    def confusion(self) -> dict[str, Any]:
        """Return counts of true against predicted classes; see `locgraph.viewer.results.scores.confusion`."""
        return scores.confusion(self.results)

    @property
    def maps(self) -> tuple[MapFile, ...]:
        """The maps that can be made."""
        return self._current().maps

    def map(self, index: int, method: str) -> Points | None:
        """Return a map; None while it is being computed.

        Args:
            index: Place among `maps`.
            method: ``pca`` or ``umap``.

        Raises:
            NotThereError: There is no such map.
            DataError: Its vectors cannot be read, or are too few.
            ConfigError: There is no such method.
        """
        content = self._current()
        names = content.fovs[schema.FOV_ID].to_list()
        rows = {name: row for row, name in enumerate(names)}
        return self._maps.points(pick(content.maps, index, "map"), method, rows)

    def explanations(self, index: int) -> list[dict[str, Any]]:
        """Return the explanations of one FOV that there are.

        Args:
            index: Row of `fovs`.
        """
        content = self._current()
        return content.explanations.described(self._name(content, index))

    def explanation(self, index: int, place: int) -> dict[str, Any]:
        """Return the scores of one explanation; see `locgraph.viewer.results.explanations.Explanations.read`.

        Args:
            index: Row of `fovs`.
            place: Place among `explanations`.

        Raises:
            NotThereError: There is no such FOV or explanation.
            DataError: Its table cannot be read.
        """
        content = self._current()
        return content.explanations.read(self._name(content, index), place, content.tables)

    @staticmethod
    def _name(content: _Content, index: int) -> str:
        return str(content.fovs[schema.FOV_ID][pick(range(content.fovs.height), index, "FOV")])

    @cached_property
    def _graphs(self) -> Path | None:
        tables = self._current().tables
        return None if isinstance(tables, Absent) else find_graphs(self._group.folders[0], tables)

    def _current(self) -> _Content:
        """Return what is known, read again where files have changed."""
        with self._lock:
            if self._content is not None and time.monotonic() - self._looked < _LOOKS_S:
                return self._content
            group = self._group_now()
            state = (group, watched(group))
            if self._content is None or self._content.state != state:
                self._content = self._read(group, state)
            self._looked = time.monotonic()
            return self._content

    def _group_now(self) -> Group:
        """Return the runs, with those that a sweep has begun since it was opened."""
        if self.kind != SWEEP or self._group.name:
            return self._group
        groups = find_groups(self.folder)
        return groups[0] if len(groups) == 1 else self._group

    def _read(self, group: Group, state: tuple[Any, ...]) -> _Content:
        results = read_results(self.folder, group)
        tables = self._tables(results)
        manifest = read_manifest(tables)
        order = [] if self._content is None else self._content.fovs[schema.FOV_ID].to_list()
        explanations = Explanations(find_tables(self._settings.explanations or group.folders))
        fovs = fov_table(results, tables, manifest, order)
        if explanations:
            fovs = fovs.with_columns(pl.col(schema.FOV_ID).is_in(explanations.fov_ids).alias(EXPLAINED))
        problems = [*results.problems, *explanations.problems]
        if isinstance(tables, Absent):
            problems.append(tables.reason)
        elif isinstance(manifest, Absent):
            problems.append(manifest.reason)
        return _Content(
            state, results, tables, manifest, fovs, tuple(find_maps(results)), explanations, tuple(problems)
        )

    def _tables(self, results: Results) -> Path | Absent:
        """Return the folder of the prepared tables, or in one sentence why there is none."""
        if self._settings.tables is not None:
            return self._settings.tables
        try:
            return recorded_tables([run.folder for run in results.runs])
        except LocgraphError:
            recorded = next((tables for run in results.runs if (tables := tables_record(run.folder))), None)
            where = (
                f"the prepared tables are not at {recorded} any more" if recorded else "no prepared tables are recorded"
            )
            return Absent(f"Localisations cannot be drawn: {where}; give their folder with tables=FOLDER.")


def open_runs(path: Path, settings: OpeningSettings) -> list[OpenedRuns]:
    """Open the folder of a run or sweep; none where it holds no run.

    Args:
        path: The folder.
        settings: See `OpenedRuns`.

    Returns:
        Of a sweep over several settings one for each, which differ in the fold alone.

    Raises:
        DataError: ``tables`` is no folder of prepared tables, or ``explanations`` no folder.
    """
    groups = find_groups(path) if path.is_dir() else []
    tables = settings.tables
    if groups and tables is not None and not (tables / CLUSTERS).is_dir():
        raise DataError(
            f"expected prepared tables, with the folder {CLUSTERS}; found none in {tables}", setting="tables"
        )
    for folder in settings.explanations if groups else ():
        if not folder.is_dir():
            raise DataError(f"expected a folder; found none at {folder}", setting="explanations")
    return [OpenedRuns(path, group, settings) for group in groups]
