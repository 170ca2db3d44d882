"""From raw files to graphs: all that training, prediction and analysis start from."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from locgraph import schema
from locgraph.api.config import Settings, compose
from locgraph.api.recipes import (
    RAW,
    build_recipe_parts,
    check_limits,
    graph_recipe,
    graph_settings,
    prepared_folder,
    simulated_sample,
    table_recipe,
    table_settings,
    tables_folder,
)
from locgraph.build import build, build_part
from locgraph.data.prepared import Prepared
from locgraph.errors import DataError, renamed, within
from locgraph.io import locpix
from locgraph.io.catalogue import Catalogue, scan
from locgraph.io.columns import ColumnSource
from locgraph.io.featextracted import feature_columns, read_fov
from locgraph.io.groups import GroupSource
from locgraph.io.labels import LabelSource
from locgraph.io.manifest import Manifest
from locgraph.preparation.classes import check_class_failures, describe_failures, describe_imbalance
from locgraph.preparation.executors import Outcome
from locgraph.preparation.featextracted import convert_locpix, manifest_of
from locgraph.preparation.objects.base import ObjectFinder
from locgraph.preparation.outliers import describe_outliers
from locgraph.preparation.prepare import prepare as prepare_tables
from locgraph.provenance import fingerprint, write_json
from locgraph.run_folder import CLUSTERS, METRICS, RECIPE, RunFolder, read_record
from locgraph.simulate.dataset import simulate_dataset
from locgraph.storage import locked

log = logging.getLogger(__name__)

_SHOWN_FAILURES = 10


def prepare(source: str | Path | None = None, *config: str | Mapping[str, Any]) -> Prepared:
    """Cluster, measure and build graphs of all FOVs in a folder; what is up to date is not done again.

    Args:
        source: Folder of raw files, one for each FOV; None takes the one that the settings name.
        *config: The recipe: overrides such as ``"clustering=kmeans"``, or a mapping with all settings.

    Returns:
        Manifest, tables and graphs.

    Raises:
        LocgraphError: The data or the settings cannot be used.
    """
    if source is None:
        return prepare_settings(compose("prepare", *config))
    mapping = len(config) == 1 and isinstance(config[0], Mapping)
    settings = compose("prepare", *config, *(() if mapping else ("data.raw_dir=null",)))
    return prepare_settings(settings | {"simulation": None, "data": settings["data"] | {"raw_dir": str(source)}})


def prepare_settings(settings: Settings) -> Prepared:
    """Prepare the data that settings name, simulating them first where the settings say so."""
    from locgraph.api.training.network import make_probe  # torch

    check_limits(settings)
    build_recipe_parts(settings)
    make_probe(settings)
    prepared = make_graphs(settings, make_tables(settings, read_catalogue(settings)))
    for warning in describe_imbalance(prepared.manifest):
        log.warning(warning)
    return prepared


def read_catalogue(settings: Settings) -> Catalogue | None:
    """List the raw files with labels and groups; None where the data are featextracted tables."""
    if settings["data"]["kind"] != RAW:
        return None
    if settings.get("simulation"):
        simulate(settings["simulation"])
    return list_raw_files(settings)


def list_raw_files(settings: Settings) -> Catalogue:
    """List the raw files that are there, with labels and groups."""
    columns, labels, groups = (build(settings[name], name) for name in ("columns", "labels", "groups"))
    return scan_folder(settings["data"]["raw_dir"], columns, labels, groups, object_tables(settings.get("objects")))


def object_tables(settings: Settings | None) -> tuple[Path, ...]:
    """Return the files that objects are read from, which are no FOVs where they lie among them."""
    return build_part(ObjectFinder, settings, "objects").tables if settings else ()


def scan_folder(
    raw_dir: str | Path,
    columns: ColumnSource,
    labels: LabelSource,
    groups: GroupSource,
    leave_out: Iterable[Path] = (),
) -> Catalogue:
    """List the raw files below ``data.raw_dir``; see `locgraph.io.catalogue.scan`."""
    with renamed("raw_dir", "data.raw_dir"):
        return scan(Path(raw_dir).resolve(), columns, labels, groups, leave_out)


def simulate(settings: Mapping[str, Any]) -> list[Path]:
    """Write the simulated raw files that are not there yet, and return all of them.

    Args:
        settings: The group ``simulation``.
    """
    name, sample = simulated_sample(settings)
    folder = Path(settings["folder"])
    with within("simulation"), locked(folder, "folder", wait=True):
        paths = simulate_dataset(
            folder, build(sample, name), settings["fovs_per_class"], settings["seed"], settings["format"]
        )
    log.info("%d simulated FOVs in %s", len(paths), folder)
    return paths


@dataclass(frozen=True)
class Tables:
    """Featextracted tables that are up to date.

    Attributes:
        folder: Where they are.
        manifest: The good FOVs, and the failed ones with reasons.
    """

    folder: Path
    manifest: Manifest

    @property
    def dimensions(self) -> int:
        """2 or 3, the same for all FOVs.

        Raises:
            DataError: No FOV is left, or FOVs in two and in three dimensions are mixed.
        """
        dimensions = sorted(self.manifest.table[schema.DIMENSIONS].unique())
        if not dimensions:
            raise DataError(f"no FOV is left to work with: {dict(list(self.manifest.failures.items())[:5])}")
        if len(dimensions) > 1:
            raise DataError(
                f"FOVs in {dimensions} dimensions are mixed; expected all in 2D or all in 3D: leave z out of "
                "columns.names, or keep them in separate folders"
            )
        return int(dimensions[0])

    def of(self, dimensions: int) -> Tables:
        """Return the tables of the FOVs in 2D or in 3D, the others among the failures; all where there is none of it.

        Args:
            dimensions: 2 or 3.
        """
        table, made = self.manifest.table, self.manifest
        others = table.filter(pl.col(schema.DIMENSIONS) != dimensions)
        if others.height in (0, table.height):
            return self
        reason = f"expected positions in {dimensions}D as in the training, found {5 - dimensions}D"
        known = others.drop_nulls(schema.LABEL).select(schema.FOV_ID, schema.LABEL)
        manifest = Manifest(
            table.filter(pl.col(schema.DIMENSIONS) == dimensions),
            made.class_names,
            made.failures | dict.fromkeys(others[schema.FOV_ID], reason),
            made.refused,
            made.failed_labels | dict(known.iter_rows()),
        )
        return Tables(self.folder, manifest)


def make_tables(settings: Settings, catalogue: Catalogue | None) -> Tables:
    """Make the featextracted tables that are missing.

    Args:
        settings: All settings.
        catalogue: The raw files; None takes the tables of ``data.featextracted_dir``.

    Raises:
        TooManyFailuresError: A larger fraction of FOVs failed than ``limits.max_failed_fraction``.
    """
    if catalogue is None:
        return _given_tables(settings)
    recipe_settings = table_settings(settings)
    folder = tables_folder(settings)
    limit, executor = settings["limits"]["max_failed_fraction"], build(settings["executor"], "executor")
    recipe = table_recipe(recipe_settings)
    with locked(folder, wait=True), within("limits"):
        write_json(folder / RECIPE, recipe_settings)
        return Tables(folder, prepare_tables(catalogue, recipe, folder, executor, limit, progress))


def _given_tables(settings: Settings) -> Tables:
    """Return the tables of ``data=featextracted``: locgraph's own as they are, those of locpix-points converted."""
    data = settings["data"]
    folder = Path(data["featextracted_dir"]).resolve()
    if locpix.is_locpix(folder):
        name = f"tables-locpix-{fingerprint(str(folder), data['unit'], data['pixel_size_nm'])}"
        source, folder = folder, prepared_folder(settings) / name
        with locked(folder, wait=True), within("data"):
            manifest = convert_locpix(source, folder, data["unit"], data["pixel_size_nm"])
    else:
        with within("data"):
            manifest = manifest_of(folder)
    with within("limits"):
        manifest.check_failures(settings["limits"]["max_failed_fraction"])
    return Tables(folder, manifest)


def make_graphs(settings: Settings, tables: Tables) -> Prepared:
    """Build the graphs that are missing; FOVs that fail here leave the manifest.

    Args:
        settings: All settings.
        tables: Their tables.

    Raises:
        DataError: No FOV is left, or FOVs in two and in three dimensions are mixed.
        TooManyFailuresError: A larger fraction of FOVs failed than ``limits.max_failed_fraction``.
    """
    from locgraph.api.training.network import make_probe  # torch
    from locgraph.graphs.store import build_store

    log.info("positions in %dD", tables.dimensions)
    fov_ids = list(tables.manifest.table[schema.FOV_ID])
    first = read_fov(tables.folder, fov_ids[0])
    columns = feature_columns(first.clusters)
    open_choice = settings["graph"]["localisations"] is None
    recipe_settings = graph_settings(settings, columns, open_choice and make_probe(settings).uses_localisations)
    store = prepared_folder(settings) / f"graphs-{fingerprint(recipe_settings, str(tables.folder))}"
    executor = build(settings["executor"], "executor")
    with locked(store, wait=True):
        write_json(store / RECIPE, recipe_settings)
        failures = build_store(fov_ids, tables.folder, graph_recipe(recipe_settings), store, executor, progress)
    made, has_failed = tables.manifest, pl.col(schema.FOV_ID).is_in(list(failures))
    failed = made.table.filter(has_failed, pl.col(schema.LABEL).is_not_null()).select(schema.FOV_ID, schema.LABEL)
    failed_labels = made.failed_labels | dict(failed.iter_rows())
    good = made.table.filter(~has_failed)
    manifest = Manifest(good, made.class_names, made.failures | failures, made.refused, failed_labels)
    with within("limits"):
        check_class_failures(manifest, settings["limits"]["max_failed_fraction"])
        manifest.check_failures(settings["limits"]["max_failed_fraction"])
    _log_failures(manifest)
    warnings = describe_outliers(manifest.table)
    for warning in warnings:
        log.warning(warning)
    return Prepared(manifest, tables.folder, store, first.units, recipe_settings, first.scales, warnings)


def find_tables(runs: Sequence[Path], given: Path | None = None) -> Path:
    """Return the folder of the tables that runs were trained on.

    Args:
        runs: Folders of runs that share their tables.
        given: Their folder, if the user named it; None looks where the runs left them.

    Raises:
        DataError: They are not there.
    """
    if given is not None:
        if not (given / CLUSTERS).is_dir():
            raise DataError(
                f"expected prepared tables, with the folder {CLUSTERS}; found none in {given}", setting="tables"
            )
        return given
    tried: list[Path] = []
    for run in runs:
        recorded = read_record(run / METRICS).get("tables")
        folders = ([Path(recorded)] if isinstance(recorded, str) else []) + _computed_tables(run)
        for folder in folders:
            if (folder / CLUSTERS).is_dir():
                return folder
            tried.append(folder)
    where = f" (looked in {', '.join(map(str, dict.fromkeys(tried)))})" if tried else ""
    raise DataError(
        f"{runs[0]}: expected the prepared tables of this run; found none{where}. Give their folder with "
        "tables=FOLDER, or prepare them again: locgraph prepare with the settings of the run"
    )


def _computed_tables(run: Path) -> list[Path]:
    """Return the folder that follows from the settings of a run, if these can be read."""
    try:
        settings = RunFolder(run).read_settings()
        if settings["data"]["kind"] != RAW:
            return [Path(str(settings["data"]["featextracted_dir"])).resolve()]
        return [tables_folder(settings)]
    except (DataError, KeyError, TypeError):
        return []


def _log_failures(manifest: Manifest) -> None:
    log.info("%d FOVs ready, %d failed", manifest.table.height, len(manifest.failures))
    for fov_id, reason in list(manifest.failures.items())[:_SHOWN_FAILURES]:
        log.warning("left out %s: %s", fov_id, reason)
    if len(manifest.failures) > _SHOWN_FAILURES:
        log.warning("... and %d more; all are in the manifest", len(manifest.failures) - _SHOWN_FAILURES)
    log_losses(manifest)


def log_losses(manifest: Manifest) -> None:
    """Log how many FOVs of each class failed, and how many rows of the raw files were refused and why."""
    by_class = describe_failures(manifest)
    if by_class:
        log.warning(by_class)
    if manifest.refused.by_fov:
        log.warning(manifest.refused.describe())


def progress(outcomes: Iterable[Outcome], total: int, description: str) -> Iterator[Outcome]:
    """Show a progress bar while outcomes arrive; nothing where there is nothing to do."""
    if total == 0:
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        yield from bar.track(outcomes, total=total, description=description)
