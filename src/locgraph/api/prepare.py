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
from locgraph.build import TARGET, build
from locgraph.errors import ConfigError, DataError, LocgraphError, within
from locgraph.io import locpix
from locgraph.io.catalogue import Catalogue, scan
from locgraph.io.columns import ColumnSource
from locgraph.io.featextracted import read_fov
from locgraph.io.groups import GroupSource
from locgraph.io.labels import LabelSource
from locgraph.io.manifest import Manifest
from locgraph.preparation.executors import Outcome
from locgraph.preparation.extract import ExtractRecipe
from locgraph.preparation.featextracted import convert_locpix, manifest_of
from locgraph.preparation.prepare import prepare as prepare_tables
from locgraph.provenance import fingerprint, write_json
from locgraph.run_folder import CLUSTERS, CONFIG, METRICS, RECIPE, read_record
from locgraph.settings import check_flag, check_number, check_whole
from locgraph.simulate.dataset import simulate_dataset

log = logging.getLogger(__name__)

RAW = "raw"
_DECIDE_TABLES = ("min_localisations", "min_clusters", "max_refused_fraction", "keep_unclustered")
_SHOWN_FAILURES = 10


@dataclass(frozen=True)
class Prepared:
    """Prepared data.

    Attributes:
        manifest: The good FOVs, and the failed ones with reasons.
        tables: Folder of the featextracted tables.
        store: Folder of the graph store.
        units: Unit of each column of the tables.
        graph_settings: Settings of the graphs, complete.
    """

    manifest: Manifest
    tables: Path
    store: Path
    units: dict[str, str]
    graph_settings: dict[str, Any]

    def __repr__(self) -> str:
        table = self.manifest.table
        return (
            f"Prepared({table.height} FOVs of {len(self.manifest.class_names)} classes, "
            f"{table[schema.N_LOCALISATIONS].sum()} localisations in {table[schema.N_CLUSTERS].sum()} clusters, "
            f"{len(self.manifest.failures)} failed; tables: {self.tables})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.manifest.table._repr_html_()}"

    def clusters(self, fov_id: str) -> pl.DataFrame:
        """Return the features of the clusters of one FOV, all views."""
        return read_fov(self.tables, fov_id).clusters

    def localisations(self, fov_id: str) -> pl.DataFrame:
        """Return the clustered localisations of one FOV, all views."""
        return read_fov(self.tables, fov_id).locs

    @property
    def labels(self) -> dict[str, str | None]:
        """Class of each FOV; None where it has none."""
        table = self.manifest.table
        return dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True))


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
    from locgraph.api.parts import make_probe  # torch

    check_limits(settings)
    build_recipe_parts(settings)
    make_probe(settings)
    return make_graphs(settings, make_tables(settings, read_catalogue(settings)))


def check_limits(settings: Settings) -> None:
    """Refuse limits out of range.

    Raises:
        ConfigError: A limit cannot work.
    """
    with within("limits"):
        limits = settings["limits"]
        for name in ("min_localisations", "min_clusters"):
            check_whole(name, limits[name], at_least=1)
        for name in ("max_refused_fraction", "max_failed_fraction"):
            check_number(name, limits[name], at_least=0, at_most=1)
        check_flag("keep_unclustered", limits["keep_unclustered"])


def check_overrides(settings: Settings, overrides: Sequence[str]) -> None:
    """Refuse overrides that the source of the data ignores.

    Raises:
        ConfigError: The data are featextracted tables, and settings of clustering and the like are given.
    """
    if settings["data"]["kind"] == RAW:
        return
    ignored = ("columns", "labels", "groups", "preprocess", "clustering", "features", "views", "simulation")
    named = [text for text in overrides if text.lstrip("+~").split("=")[0].split(".")[0] in ignored]
    if named:
        raise ConfigError(
            f"data=featextracted takes tables as they are, so {named} would have no effect; leave them out, or use "
            "data=raw"
        )


def build_recipe_parts(settings: Settings) -> None:
    """Build every part of the preparation once, so that a wrong setting is refused before any work.

    Raises:
        LocgraphError: A setting cannot work.
    """
    if settings["data"]["kind"] == RAW:
        table_recipe(table_settings(settings))
        for name in ("labels", "groups"):
            build(settings[name], name)
        if settings.get("simulation"):
            build(_sample(settings["simulation"])[1], "simulation")
    build(settings["executor"], "executor")
    graph_recipe(graph_settings(settings, (), uses_localisations=True))


def read_catalogue(settings: Settings) -> Catalogue | None:
    """List the raw files with labels and groups; None where the data are featextracted tables."""
    if settings["data"]["kind"] != RAW:
        return None
    if settings.get("simulation"):
        simulate(settings["simulation"])
    columns, labels, groups = (build(settings[name], name) for name in ("columns", "labels", "groups"))
    return scan_folder(settings["data"]["raw_dir"], columns, labels, groups)


def scan_folder(raw_dir: str | Path, columns: ColumnSource, labels: LabelSource, groups: GroupSource) -> Catalogue:
    """List the raw files below ``data.raw_dir``; see `locgraph.io.catalogue.scan`."""
    try:
        return scan(Path(raw_dir).resolve(), columns, labels, groups)
    except LocgraphError as error:
        # errors of columns, labels and groups have their group already
        if error.setting == "raw_dir":
            error.within("data")
        raise


def simulate(settings: Mapping[str, Any]) -> list[Path]:
    """Write the simulated raw files that are not there yet, and return all of them.

    Args:
        settings: The group ``simulation``.
    """
    name, sample = _sample(settings)
    folder = Path(settings["folder"])
    with within("simulation"):
        paths = simulate_dataset(
            folder, build(sample, name), settings["fovs_per_class"], settings["seed"], settings["format"]
        )
    log.info("%d simulated FOVs in %s", len(paths), folder)
    return paths


def _sample(settings: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the part that describes what is drawn: the one with a target, named differently in each file."""
    return next((name, part) for name, part in settings.items() if isinstance(part, dict) and TARGET in part)


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
    write_json(folder / RECIPE, recipe_settings)
    limit, executor = settings["limits"]["max_failed_fraction"], build(settings["executor"], "executor")
    recipe = table_recipe(recipe_settings)
    with within("limits"):
        return Tables(folder, prepare_tables(catalogue, recipe, folder, executor, limit, progress))


def table_settings(settings: Mapping[str, Any]) -> Settings:
    """Return the settings that decide tables."""
    filters = settings["preprocess"] or {}
    return {
        "limits": {name: settings["limits"][name] for name in _DECIDE_TABLES},
        # a list, since a fingerprint does not depend on the order of keys, but the order of filters counts
        "preprocess": [{name: leaf} for name, leaf in filters.items()],
        **{name: settings[name] for name in ("columns", "clustering", "features", "views")},
    }


def table_recipe(settings: Mapping[str, Any]) -> ExtractRecipe:
    """Build the recipe of tables from `table_settings`."""
    filters = {name: leaf for step in settings["preprocess"] for name, leaf in step.items()}
    return ExtractRecipe(
        columns=build(settings["columns"], "columns"),
        clusterer=build(settings["clustering"], "clustering"),
        features=build(settings["features"], "features"),
        views=build(settings["views"], "views"),
        settings=dict(settings),
        preprocess={name: build(leaf, f"preprocess.{name}") for name, leaf in filters.items()},
        **settings["limits"],
    )


def prepared_folder(settings: Mapping[str, Any]) -> Path:
    """Return where tables and graphs lie; absolute, since worker processes may have been started elsewhere."""
    return (Path(settings["paths"]["prepared_dir"]) / settings["name"]).resolve()


def tables_folder(settings: Mapping[str, Any]) -> Path:
    """Return where the tables of settings lie."""
    source = str(Path(settings["data"]["raw_dir"]).resolve())
    return prepared_folder(settings) / f"tables-{fingerprint(table_settings(settings), source)}"


def _given_tables(settings: Settings) -> Tables:
    """Return the tables of ``data=featextracted``: locgraph's own as they are, those of locpix-points converted."""
    data = settings["data"]
    folder = Path(data["featextracted_dir"]).resolve()
    if locpix.is_locpix(folder):
        name = f"tables-locpix-{fingerprint(str(folder), data['unit'], data['pixel_size_nm'])}"
        source, folder = folder, prepared_folder(settings) / name
        with within("data"):
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
    from locgraph.api.parts import make_probe  # torch
    from locgraph.graphs.store import build_store

    log.info("positions in %dD", tables.dimensions)
    fov_ids = list(tables.manifest.table[schema.FOV_ID])
    first = read_fov(tables.folder, fov_ids[0])
    columns = feature_columns(first.clusters)
    open_choice = settings["graph"]["localisations"] is None
    recipe_settings = graph_settings(settings, columns, open_choice and make_probe(settings).uses_localisations)
    store = prepared_folder(settings) / f"graphs-{fingerprint(recipe_settings, str(tables.folder))}"
    write_json(store / RECIPE, recipe_settings)
    executor = build(settings["executor"], "executor")
    failures = build_store(fov_ids, tables.folder, graph_recipe(recipe_settings), store, executor, progress)
    good = tables.manifest.table.filter(~pl.col(schema.FOV_ID).is_in(list(failures)))
    manifest = Manifest(good, tables.manifest.class_names, tables.manifest.failures | failures)
    with within("limits"):
        manifest.check_failures(settings["limits"]["max_failed_fraction"])
    _log_failures(manifest)
    return Prepared(manifest, tables.folder, store, first.units, recipe_settings)


def graph_settings(
    settings: Mapping[str, Any], cluster_features: Sequence[str], uses_localisations: bool
) -> dict[str, Any]:
    """Return the settings that decide graphs, with what was left open filled in.

    Args:
        settings: All settings.
        cluster_features: Feature columns of the tables.
        uses_localisations: Whether the model reads localisations.
    """
    graph = dict(settings["graph"])
    if graph["cluster_features"] is None:
        graph["cluster_features"] = list(cluster_features)
    if graph["localisations"] is None:
        graph["localisations"] = uses_localisations
    return graph


def graph_recipe(settings: Mapping[str, Any]) -> Any:
    """Build the recipe of graphs from `graph_settings`."""
    from locgraph.graphs.build import GraphRecipe  # torch

    return GraphRecipe(
        cluster_features=tuple(settings["cluster_features"]),
        localisation_features=tuple(settings["localisation_features"]),
        cluster_edges=build(settings["cluster_edges"], "graph.cluster_edges"),
        localisations=settings["localisations"],
        localisation_k=settings["localisation_k"],
        ratios=tuple(settings["ratios"]),
        settings=settings,
        superclusters=build(settings["superclusters"], "graph.superclusters") if settings["superclusters"] else None,
        descriptors=build(settings["descriptors"] or {}, "graph.descriptors"),
    )


def feature_columns(clusters: pl.DataFrame) -> list[str]:
    """Return the columns of a cluster table that describe the cluster itself, not where it lies or its name."""
    places = {schema.VIEW, schema.CLUSTER_ID, *schema.centre_columns(3)}
    return [name for name, dtype in clusters.schema.items() if name not in places and dtype.is_numeric()]


def find_tables(runs: Sequence[Path], given: Path | None = None) -> Path:
    """Return the folder of the tables that runs were trained on.

    Args:
        runs: Folders of runs that share their tables.
        given: Where the user says they are; None looks where the runs left them.

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
    import yaml

    try:
        settings = yaml.safe_load((run / CONFIG).read_text(encoding="utf-8"))
        if settings["data"]["kind"] != RAW:
            return [Path(str(settings["data"]["featextracted_dir"])).resolve()]
        return [tables_folder(settings)]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return []


def _log_failures(manifest: Manifest) -> None:
    log.info("%d FOVs ready, %d failed", manifest.table.height, len(manifest.failures))
    for fov_id, reason in list(manifest.failures.items())[:_SHOWN_FAILURES]:
        log.warning("left out %s: %s", fov_id, reason)
    if len(manifest.failures) > _SHOWN_FAILURES:
        log.warning("... and %d more; all are in the manifest", len(manifest.failures) - _SHOWN_FAILURES)


def progress(outcomes: Iterable[Outcome], total: int, description: str) -> Iterator[Outcome]:
    """Show a progress bar while outcomes arrive; nothing where there is nothing to do."""
    if total == 0:
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        yield from bar.track(outcomes, total=total, description=description)
