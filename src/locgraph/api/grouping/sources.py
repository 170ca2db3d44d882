"""Where units come from: prepared tables, a run or sweep, a folder of embeddings, or raw files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.fov_features import Aggregation
from locgraph.analysis.grouping.blocks import LEARNED
from locgraph.analysis.grouping.reading import join_vectors, read_units, units_of_vectors, vectors_of
from locgraph.analysis.grouping.units import Units
from locgraph.analysis.source import read_manifest
from locgraph.api.config import Settings
from locgraph.api.prepare import list_raw_files, make_tables
from locgraph.api.recipes import RAW, check_limits, table_recipe, table_settings
from locgraph.api.studies.studied_runs import find_study_tables
from locgraph.build import build_part
from locgraph.data.folds import TRAIN
from locgraph.errors import ConfigError, DataError, renamed
from locgraph.io.manifest import Manifest
from locgraph.preparation.executors import Executor
from locgraph.run_folder import (
    CLASSIFIER,
    CLUSTER_VECTORS,
    CLUSTERS,
    EMBEDDINGS,
    EMBEDDINGS_RECORD,
    FOV_VECTORS,
    HOW_LEARNED,
    LOCS,
    RUN,
    RunFolder,
    find_runs,
    read_record,
)

log = logging.getLogger(__name__)

AUTO: Final = "auto"
_TABLES_KEY: Final = "tables"
_SUPERVISED: Final = (
    "the learned vectors are those of a classifier, which has seen the classes of its training FOVs: agreement with "
    "classes is no result without labels"
)


@dataclass(frozen=True)
class GroupSource:
    """Units, and the tables that they are from.

    Attributes:
        units: The units.
        tables: Folder of the prepared tables; None where there are vectors alone.
        manifest: FOVs of the tables.
    """

    units: Units
    tables: Path | None
    manifest: Manifest | None


def read_source(folder: Path, settings: Settings, wants: Sequence[str] | None, aggregation: Aggregation) -> GroupSource:
    """Read the units of a folder.

    Args:
        folder: Prepared tables, a run or sweep, embeddings, or raw files.
        settings: Settings of ``group``.
        wants: Blocks that have a weight; None where none was given.
        aggregation: Statistics that aggregate the clusters of a FOV.

    Raises:
        ConfigError: Learned vectors are asked for where there are none, or a choice does not fit the folder.
        DataError: The folder does not hold any of these, or no unit.
    """
    if not folder.is_dir():
        raise DataError(f"no such folder: {folder}", setting="folder")
    given = None if settings["tables"] is None else Path(str(settings["tables"])).resolve()
    unit = settings["unit"]
    if (folder / EMBEDDINGS).is_file():
        return _embeddings(folder, given, unit, aggregation)
    if (folder / LOCS).is_dir() and (folder / CLUSTERS).is_dir():
        return _measured(folder, unit, aggregation)
    if (folder / RUN).is_file():
        return _run(folder, find_study_tables([folder], given), unit, wants, aggregation)
    runs = [run.path for run in find_runs(folder)]
    if runs:
        if wants is not None and LEARNED in wants:
            raise ConfigError(
                f"{folder} holds several runs, whose vectors cannot be compared; give one of them, such as {runs[0]}",
                setting=f"group.weights.{LEARNED}",
            )
        return _measured(find_study_tables(runs, given), unit, aggregation)
    return _measured(_prepare(folder, settings), unit, aggregation)


def _measured(tables: Path, unit: str, aggregation: Aggregation) -> GroupSource:
    manifest = read_manifest(tables)
    units = read_units(tables, manifest, schema.FOV if unit == AUTO else unit, aggregation)
    return GroupSource(units, tables, manifest)


def _run(folder: Path, tables: Path, unit: str, wants: Sequence[str] | None, aggregation: Aggregation) -> GroupSource:
    """Return the units of the tables of a run, with its vectors where they have a weight."""
    source = _measured(tables, unit, aggregation)
    if wants is None or LEARNED not in wants:
        return source
    name = FOV_VECTORS if source.units.unit == schema.FOV else CLUSTER_VECTORS
    vectors = vectors_of(RunFolder(folder).table(name), str(folder / name))
    units = join_vectors(source.units, vectors)
    trained_on = schema.SPLIT in vectors.columns and (vectors[schema.SPLIT] == TRAIN).any()
    notes = (*units.notes, _SUPERVISED + (", and these are among the units" if trained_on else ""))
    return replace(source, units=replace(units, notes=notes))


def _embeddings(folder: Path, given: Path | None, unit: str, aggregation: Aggregation) -> GroupSource:
    """Return units with their embedding, and with what was measured of them where their tables are there."""
    vectors = vectors_of(RunFolder(folder).table(EMBEDDINGS), str(folder / EMBEDDINGS))
    of_vectors = schema.CLUSTER if schema.CLUSTER_ID in vectors.columns else schema.FOV
    if unit not in (AUTO, of_vectors):
        raise ConfigError(f"expected {of_vectors}, which {folder / EMBEDDINGS} holds, found {unit}", setting="unit")
    tables = _tables_of_embeddings(folder, given)
    guided = (_SUPERVISED,) if read_record(folder / EMBEDDINGS_RECORD).get(HOW_LEARNED) == CLASSIFIER else ()
    if tables is None:
        alone = units_of_vectors(vectors)
        note = "the prepared tables of the embeddings are not there: no pictures, and no localisations with their group"
        return GroupSource(replace(alone, notes=(*alone.notes, *guided, note)), None, None)
    manifest = read_manifest(tables)
    embedded = vectors[schema.FOV_ID].unique()
    known = replace(manifest, table=manifest.table.filter(pl.col(schema.FOV_ID).is_in(embedded.implode())))
    units = join_vectors(read_units(tables, known, of_vectors, aggregation), vectors)
    absent = len(embedded) - known.table.height
    notes = (*guided, *((f"{absent} embedded FOVs are not in the tables and are left out",) if absent else ()))
    return GroupSource(replace(units, notes=(*units.notes, *notes)), tables, known)


def _tables_of_embeddings(folder: Path, given: Path | None) -> Path | None:
    """Return the folder of the tables that embeddings were computed from; None where it is not there any more."""
    if given is not None:
        return find_study_tables([folder], given)
    recorded = read_record(folder / EMBEDDINGS_RECORD).get(_TABLES_KEY)
    tables = Path(recorded) if isinstance(recorded, str) else None
    return tables if tables is not None and (tables / CLUSTERS).is_dir() else None


def _prepare(folder: Path, settings: Settings) -> Path:
    """Prepare the tables of raw files, as ``locgraph prepare`` does."""
    settings = settings | {"data": {"kind": RAW, "raw_dir": str(folder)}}
    check_limits(settings)
    table_recipe(table_settings(settings))
    build_part(Executor, settings["executor"], "executor")
    with renamed("data.raw_dir", "folder"):
        catalogue = list_raw_files(settings)
    made = make_tables(settings, catalogue)
    log.info("%d FOVs prepared in %s", made.manifest.table.height, made.folder)
    return made.folder
