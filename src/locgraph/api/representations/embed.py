"""Embeddings of data: vectors that a network learned of its units, or those of a baseline."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.representations.baselines import BASELINES
from locgraph.analysis.representations.classification import classify
from locgraph.analysis.representations.cloud_distance import align
from locgraph.analysis.representations.embeddings import Embeddings, embeddings_of, read_embeddings
from locgraph.analysis.representations.units import read_clouds, read_units
from locgraph.analysis.source import read_manifest
from locgraph.api.config import Settings, compose, override
from locgraph.api.packs.cache import locate
from locgraph.api.studies.studied_runs import find_study_tables
from locgraph.errors import ConfigError, DataError
from locgraph.provenance import write_json
from locgraph.run_folder import (
    BASELINE,
    CLUSTERS,
    EMBEDDINGS,
    EMBEDDINGS_RECORD,
    HOW_LEARNED,
    LOCS,
    RECONSTRUCTIONS_PICTURE,
    find_runs,
)
from locgraph.settings import check_choice, check_whole
from locgraph.show.figures.representations.reconstructions import Reconstruction, reconstructions_figure
from locgraph.show.figures.style import save_figure
from locgraph.storage import locked

log = logging.getLogger(__name__)

_FOLDS: Final = 5


def embed(
    model: str | Path,
    source: str | Path | None = None,
    *config: str | Mapping[str, Any],
    folder: str | Path | None = None,
) -> Embeddings:
    """Embed the units of data, as ``locgraph embed`` does.

    Args:
        model: A checkpoint, a packed model, or a baseline: ``hand_made`` or ``pair_distances``.
        source: Of a network a folder of raw files, None for all FOVs of the data of its run; of a baseline a run, a
            sweep or prepared tables.
        *config: Overrides such as ``"unit=cluster"``.
        folder: Where the files are written; None takes ``paths.run_dir``.

    Returns:
        The vectors with the names of their units, sorted by these.

    Raises:
        LocgraphError: The model or the data cannot be used.
    """
    given = {"ckpt_path": str(model)} | ({} if source is None else {"folder": str(source)})
    given |= {} if folder is None else {"paths.run_dir": str(folder)}
    settings = compose("embed", *(override(name, value) for name, value in given.items()), *config)
    path = Path(settings["paths"]["run_dir"])
    embed_settings(settings, path)
    return read_embeddings(path, str(model))


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
        record["notes"] = probe_classes(table, Path(record["tables"]))
        write_json(folder / EMBEDDINGS_RECORD, record)
        if record["decodes"] and settings["pictures"]:
            draw_reconstructions(table, record, settings, folder)
    return record


def probe_classes(table: pl.DataFrame, tables: Path) -> list[str]:
    """Fit a linear classifier to embeddings whose classes are known, and test it on units that it was not fitted to.

    Args:
        table: The embeddings.
        tables: Folder of the prepared tables, which name groups and FOVs of objects.

    Returns:
        A sentence with its accuracy, or with the reason why there is none.
    """
    labelled = table.filter(pl.col(schema.LABEL).is_not_null())
    if labelled[schema.LABEL].n_unique() < 2:
        return ["no linear probe: fewer than two classes are known"]
    known = embeddings_of(labelled, "", tables, {})
    units = read_units(known, tables, None)
    try:
        scores = classify(known.vectors, known.labels.astype(str), units.owners, _FOLDS, 0)
    except DataError as error:
        return [f"no linear probe: {error}"]
    accuracy = scores[0].value
    return [
        f"linear probe: {accuracy:.3f} of {len(known.labels)} units get their class from a logistic regression of the "
        f"vectors, in {_FOLDS} folds (chance {1 / len(set(known.labels)):.3f}); `locgraph benchmark` says more"
    ]


def draw_reconstructions(
    table: pl.DataFrame, record: Mapping[str, Any], settings: Mapping[str, Any], folder: Path
) -> None:
    """Draw units beside what their vectors are decoded to, turned upon them: from the least to the largest error.

    Args:
        table: The embeddings.
        record: Their record.
        settings: Settings of ``embed``.
        folder: Where ``reconstructions.png`` is written.
    """
    from locgraph.api.models.load import load_model

    number = min(check_whole("pictures", settings["pictures"], at_least=0), table.height)
    rows = np.unique(np.linspace(0, table.height - 1, number).round().astype(np.int64))
    names = [column for column in (schema.FOV_ID, schema.CLUSTER_ID) if column in table.columns]
    chosen = table.sort(schema.ERROR)[rows].sort(names)
    keys = chosen.select(names)
    model = load_model(str(settings["ckpt_path"]), settings["trusted_packages"])
    decoded = model.decode(chosen.select(f"^{schema.VECTOR_PREFIX}.*$").to_numpy())
    clouds, _ = read_clouds(keys, Path(record["tables"]))
    drawn = []
    for name, measured, points in zip(keys.iter_rows(), clouds, decoded, strict=True):
        distance, rotation = align(points, measured)
        drawn.append(Reconstruction("/".join(map(str, name)), measured, points @ rotation.T, distance))
    save_figure(reconstructions_figure(drawn), folder / RECONSTRUCTIONS_PICTURE)


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
    unit = schema.FOV if unit is None else check_choice("unit", unit, schema.UNITS)
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
        HOW_LEARNED: BASELINE,
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
    return table, model.describe_embeddings(table, prepared.tables)
