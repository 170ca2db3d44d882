"""Embeddings of data: vectors that a network learned of its units, or those of a baseline."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.analysis.representations.baselines import BASELINES
from locgraph.analysis.source import read_manifest
from locgraph.api.config import Settings
from locgraph.api.packs.cache import locate
from locgraph.api.studies.studied_runs import find_study_tables
from locgraph.errors import ConfigError, DataError
from locgraph.nn.representation import UNITS
from locgraph.provenance import write_json
from locgraph.run_folder import CLUSTERS, EMBEDDINGS, EMBEDDINGS_RECORD, LOCS, find_runs
from locgraph.settings import check_choice
from locgraph.storage import locked

log = logging.getLogger(__name__)

CLASSIFIER = "classifier"
"""Value of ``learned`` in the record where labels guided the vectors; else `UNSUPERVISED` or `BASELINE`."""
UNSUPERVISED, BASELINE = "unsupervised", "baseline"


def embed_settings(settings: Settings, folder: Path) -> dict[str, Any]:
    """Embed the units that settings name, and write ``embeddings.parquet`` and ``embeddings.json``.

    Args:
        settings: Settings of ``embed``.
        folder: Where to write.

    Returns:
        The record, as written.

    Raises:
        FolderInUseError: Another process writes to the folder.
        LocgraphError: The model or the data cannot be used.
    """
    with locked(folder, "paths.run_dir"):
        named, started = str(settings["ckpt_path"]), time.perf_counter()
        if named in BASELINES:
            table, record = embed_baseline(named, settings["folder"], settings["tables"], settings["unit"])
        else:
            table, record = embed_network(settings)
        record |= {"model": named, "seconds": round(time.perf_counter() - started, 3)}
        from locgraph.learn.tabulate import write_tables

        write_tables(folder, {EMBEDDINGS: table})
        write_json(folder / EMBEDDINGS_RECORD, record)
    return record


def embed_baseline(
    name: str, folder: str | Path | None, tables: str | Path | None = None, unit: str | None = None
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Compute the vectors of a baseline.

    Args:
        name: ``hand_made`` or ``pair_distances``; see `locgraph.analysis.representations.baselines`.
        folder: A run, a sweep, or prepared tables.
        tables: Folder of the prepared tables, where they were moved.
        unit: ``fov`` or ``cluster``; None takes FOVs.

    Returns:
        The embeddings and their record.

    Raises:
        ConfigError: There is no such unit, or no folder is given.
        DataError: The tables cannot be read.
    """
    unit = schema.FOV if unit is None else check_choice("unit", unit, UNITS)
    if folder is None:
        raise ConfigError(f"{name} needs data: a run, a sweep, or prepared tables; found null", setting="folder")
    place = _tables_of(Path(folder).resolve(), None if tables is None else Path(tables).resolve())
    manifest = read_manifest(place).table
    values, columns = BASELINES[name](place, manifest, unit)
    keys = [column for column in (schema.FOV_ID, schema.CLUSTER_ID) if column in values.columns]
    labelled = values.join(manifest.select(schema.FOV_ID, schema.LABEL), on=schema.FOV_ID, how="left")
    vectors = [pl.col(column).cast(pl.Float32).alias(f"{schema.VECTOR_PREFIX}{i}") for i, column in enumerate(columns)]
    record = {
        "unit": unit,
        "learned": BASELINE,
        "latent_channels": len(columns),
        "columns": columns,
        "units": values.height,
        "tables": str(place),
        "decodes": False,
        "parameters": 0,
    }
    return labelled.sort(keys).select(*keys, schema.LABEL, *vectors), record


def _tables_of(folder: Path, given: Path | None) -> Path:
    """Return the prepared tables of a folder: its own, or those of its runs."""
    if not folder.is_dir():
        raise DataError(f"no such folder: {folder}", setting="folder")
    if (folder / LOCS).is_dir() and (folder / CLUSTERS).is_dir():
        return folder
    runs = find_runs(folder)
    if not runs:
        raise DataError(
            f"{folder}: expected a run, a sweep, or prepared tables, as `locgraph prepare` makes them; found none",
            setting="folder",
        )
    return find_study_tables([run.path for run in runs], given)


def embed_network(settings: Mapping[str, Any]) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Compute the vectors of a trained network.

    Args:
        settings: Settings of ``embed``; without ``folder``, all FOVs of the data of the run.

    Returns:
        The embeddings and their record.

    Raises:
        ConfigError: Several networks are named, or a setting would have no effect.
        LocgraphError: The data cannot be used.
    """
    from locgraph.api.device import check_device
    from locgraph.api.models.evaluate import prepare_evaluated
    from locgraph.api.models.load import load
    from locgraph.api.models.model import NEW, Model

    for name in ("unit", "tables"):
        if settings[name] is not None:
            raise ConfigError("is known to a network; it is a setting of baselines", setting=name)
    path = locate(str(settings["ckpt_path"]), "ckpt_path")
    model = load(path, settings["trusted_packages"])
    if not isinstance(model, Model):
        raise ConfigError(
            f"{path} holds {len(model.members)} networks, whose vectors cannot be compared; give the checkpoint of one",
            setting="ckpt_path",
        )
    if settings["folder"] is None:
        model.check_has_data("folder")
    check_device(settings["trainer"])
    data = {"data": {"raw_dir": settings["folder"]}}
    prepared, _ = prepare_evaluated({**settings, **data}, model, path)
    table = model.embed_prepared(
        prepared, batch_size=settings["loader"]["batch_size"], accelerator=settings["trainer"]["accelerator"]
    )
    if settings["folder"] is None:
        sides = {name: side for side, names in model.record["split"].items() for name in names}
        known = [sides.get(name, NEW) for name in table[schema.FOV_ID]]
        table = table.with_columns(pl.Series(schema.SPLIT, known, dtype=pl.String))
    record = model.describe_embeddings(table, prepared.tables)
    return table, {"learned": UNSUPERVISED if model.task.embeds else CLASSIFIER} | record
