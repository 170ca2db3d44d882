"""``locgraph prepare``: from raw files (or featextracted tables) to the graph store and the manifest."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from locgraph import schema
from locgraph.cli import assemble, checks, simulate
from locgraph.errors import DataError
from locgraph.io.catalogue import Catalogue, scan
from locgraph.io.featextracted import ExtractedFov, read_fov
from locgraph.io.manifest import Manifest
from locgraph.preparation.executors import Outcome
from locgraph.preparation.prepare import prepare
from locgraph.provenance import fingerprint, write_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """What training starts from.

    Attributes:
        manifest: The good FOVs, and the bad ones with reasons.
        tables: Featextracted folder.
        store: Folder of the graph store.
        units: Unit of each column of the tables.
        graph_settings: Plain graph settings, complete.
    """

    manifest: Manifest
    tables: Path
    store: Path
    units: dict[str, str]
    graph_settings: dict[str, Any]


def run(cfg: DictConfig) -> Prepared:
    """Prepares all that training with this configuration needs.

    Raises:
        LocgraphError: The data or the settings cannot be used.
    """
    checks.check_source(cfg, list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else [])
    checks.check_values(cfg)
    return make_graphs(cfg, make_tables(cfg, read_catalogue(cfg) if cfg.data.kind == "raw" else None))


def read_catalogue(cfg: DictConfig) -> Catalogue:
    """Lists the raw files with labels and groups, simulating them first where the configuration says so."""
    if cfg.get("simulation") is not None:
        simulate.run(cfg)
    return scan(
        Path(cfg.data.raw_dir).resolve(),
        assemble.build(cfg.columns),
        assemble.build(cfg.labels),
        assemble.build(cfg.groups),
    )


@dataclass(frozen=True)
class Tables:
    """Featextracted tables that are up to date.

    Attributes:
        folder: Where they are.
        manifest: The good FOVs, and the bad ones with reasons.
    """

    folder: Path
    manifest: Manifest

    @property
    def dimensions(self) -> int:
        """2 or 3, the same for all FOVs.

        Raises:
            DataError: No FOV is left, or FOVs in two and in three dimensions are mixed.
        """
        found = sorted(self.manifest.table[schema.DIMENSIONS].unique())
        if not found:
            raise DataError(f"no FOV is left to work with: {dict(list(self.manifest.failures.items())[:5])}")
        if len(found) > 1:
            raise DataError(
                f"FOVs in {found} dimensions are mixed; expected all in 2D or all in 3D: leave z out of columns.names, "
                "or keep them in separate folders"
            )
        return int(found[0])


def make_tables(cfg: DictConfig, catalogue: Catalogue | None) -> Tables:
    """Makes what is missing of the featextracted tables.

    Args:
        cfg: The whole configuration.
        catalogue: The raw files; None with ``data=featextracted``.

    Raises:
        TooManyFailuresError: More FOVs failed than ``data.max_failed_fraction`` allows.
    """
    if catalogue is None:
        return featextracted_tables(cfg)
    settings = assemble.extract_settings(cfg)
    source = str(Path(cfg.data.raw_dir).resolve())
    folder = prepared_folder(cfg) / f"tables-{fingerprint(settings, source)}"
    write_json(folder / "recipe.json", settings)
    limit, executor = cfg.data.max_failed_fraction, assemble.build(cfg.executor)
    return Tables(folder, prepare(catalogue, assemble.extract_recipe(settings), folder, executor, limit, progress))


def prepared_folder(cfg: DictConfig) -> Path:
    """Where tables and graphs of this name lie; absolute, since worker processes may have been started elsewhere."""
    return (Path(cfg.paths.prepared_dir) / cfg.name).resolve()


def featextracted_tables(cfg: DictConfig) -> Tables:
    """The tables of ``data=featextracted``: locgraph's own as they are, those of locpix-points converted."""
    from locgraph.io import locpix
    from locgraph.preparation.featextracted import convert_locpix, manifest_of

    folder = Path(cfg.data.featextracted_dir).resolve()
    if locpix.is_locpix(folder):
        source, folder = (
            folder,
            prepared_folder(cfg) / (f"tables-locpix-{fingerprint(str(folder), cfg.data.unit, cfg.data.pixel_size_nm)}"),
        )
        manifest = convert_locpix(source, folder, cfg.data.unit, cfg.data.pixel_size_nm)
    else:
        manifest = manifest_of(folder)
    manifest.check_failures(cfg.data.max_failed_fraction)
    return Tables(folder, manifest)


def make_graphs(cfg: DictConfig, tables: Tables) -> Prepared:
    """Builds what is missing of the graph store, and leaves FOVs that fail here out of the manifest.

    Raises:
        DataError: No FOV is left, or FOVs in two and in three dimensions are mixed.
        TooManyFailuresError: More FOVs failed than ``data.max_failed_fraction`` allows.
    """
    from locgraph.graphs.store import build_store

    log.info("positions in %dD", tables.dimensions)
    fov_ids = list(tables.manifest.table[schema.FOV_ID])
    columns, units = describe(read_fov(tables.folder, fov_ids[0]))
    settings = assemble.graph_settings(cfg, columns)
    store = prepared_folder(cfg) / f"graphs-{fingerprint(settings, str(tables.folder))}"
    write_json(store / "recipe.json", settings)
    executor = assemble.build(cfg.executor)
    failures = build_store(fov_ids, tables.folder, assemble.graph_recipe(settings), store, executor, progress)
    good = tables.manifest.table.filter(~pl.col(schema.FOV_ID).is_in(list(failures)))
    manifest = Manifest(good, tables.manifest.class_names, tables.manifest.failures | failures)
    manifest.check_failures(cfg.data.max_failed_fraction)
    report(manifest)
    return Prepared(manifest, tables.folder, store, units, settings)


def describe(fov: ExtractedFov) -> tuple[list[str], dict[str, str]]:
    """Columns that describe clusters, and the unit of each column; the tables themselves are left behind."""
    return feature_columns(fov.clusters), fov.units


def feature_columns(clusters: pl.DataFrame) -> list[str]:
    """Columns of a cluster table that describe the cluster itself, not where it lies or what it is called."""
    places = {schema.VIEW, schema.CLUSTER_ID, *schema.centre_columns(3)}
    return [name for name, dtype in clusters.schema.items() if name not in places and dtype.is_numeric()]


def report(manifest: Manifest) -> None:
    """Tells how many FOVs there are, and which failed."""
    table = manifest.table
    log.info("%d FOVs ready, %d failed", table.height, len(manifest.failures))
    for fov_id, reason in list(manifest.failures.items())[:10]:
        log.warning("left out %s: %s", fov_id, reason)
    if len(manifest.failures) > 10:
        log.warning("... and %d more; all are in the manifest", len(manifest.failures) - 10)


def progress(outcomes: Iterable[Outcome], total: int, description: str) -> Iterator[Outcome]:
    """Shows a progress bar while outcomes come in; nothing where there is nothing to do."""
    if total == 0:
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        yield from bar.track(outcomes, total=total, description=description)
