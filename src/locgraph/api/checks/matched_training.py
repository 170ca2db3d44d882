"""Networks trained on FOVs that are equal in one number: what is left to learn once it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import compose, schema, train
from locgraph.analysis.checks.matching import Matching
from locgraph.analysis.source import Source
from locgraph.api.sources import class_target, nanometres, write_table
from locgraph.build import TARGET
from locgraph.data.folds import TEST, FromFile, Split, write_plan
from locgraph.errors import DataError
from locgraph.io.groups import NoGroups, TableGroups
from locgraph.io.labels import TableLabels
from locgraph.run_folder import FOLDS, PREDICTIONS, RunFolder

_FILES, _CLASSES, _PREPARED = "files", "classes.csv", "prepared"


def train_matched(
    matching: Matching, source: Source, plan: Mapping[int, Split], fovs: pl.DataFrame, folder: Path
) -> pl.DataFrame:
    """Train a network for each fold on matched FOVs, with the settings of its run, and test it on matched ones.

    Runs that are complete are not trained again.

    Args:
        matching: The FOVs.
        source: The runs.
        plan: Their folds.
        fovs: ``fov_id``, ``label`` and ``group``.
        folder: Where files and runs are written.

    Returns:
        Predictions of the test FOVs: ``fold``, ``fov_id``, ``truth``, ``prediction``.

    Raises:
        DataError: A side of a fold has no matched FOV.
        LocgraphError: A network cannot be trained.
    """
    kept = {fold: _restrict(split, matching, fold) for fold, split in plan.items()}
    names = sorted(matching.fovs)
    write_localisations(matching.fovs, folder / _FILES)
    known = fovs.filter(pl.col(schema.FOV_ID).is_in(names)).select(schema.FOV_ID, schema.LABEL, schema.GROUP)
    known.write_csv(folder / _CLASSES)
    write_plan(folder / FOLDS, list(kept.values()))
    parts = []
    for place, fold in enumerate(kept):
        settings = _settings(source.results[fold].folder, folder, place, len(kept), known)
        run = train(settings, folder=folder / str(fold))
        tested = RunFolder(run.path).table(PREDICTIONS).filter(pl.col(schema.SPLIT) == TEST)
        parts.append(tested.with_columns(pl.lit(fold, pl.Int64).alias(schema.FOLD)))
    columns = [schema.FOLD, schema.FOV_ID, schema.TRUTH, schema.PREDICTION]
    return pl.concat(part.select(columns) for part in parts)


def write_localisations(fovs: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Write localisations in nm as raw files, one for each FOV; what clusterer and features added is left out."""
    known = nanometres()["names"]
    for fov_id, locs in fovs.items():
        columns = [name for name in locs.columns if name in known]
        write_table(locs.select(columns).with_columns(pl.lit(fov_id).alias(schema.FOV_ID)), folder)


def _restrict(split: Split, matching: Matching, fold: int) -> Split:
    sides = [tuple(fov for fov in side if fov in matching.fovs) for side in (split.train, split.val, split.test)]
    if not all(sides):
        raise DataError(f"fold {fold}: a side has no FOV that can be made equal in {matching.kind}")
    return Split(*sides)


def _settings(run: Path, folder: Path, place: int, n_folds: int, fovs: pl.DataFrame) -> dict[str, Any]:
    """Return the settings of a run with the data exchanged; groups that its version did not have are as by default."""
    settings = compose("train", "data.raw_dir=.") | RunFolder(run).read_settings()
    classes = str(folder / _CLASSES)
    grouped = fovs[schema.GROUP].null_count() == 0
    groups = {TARGET: class_target(TableGroups), "path": classes} if grouped else {TARGET: class_target(NoGroups)}
    data = settings["data"] | {"raw_dir": str(folder / _FILES)}
    paths = settings["paths"] | {"prepared_dir": str(folder / _PREPARED), "run_dir": str(folder / str(place))}
    fold = {TARGET: class_target(FromFile), "path": str(folder / FOLDS), "index": place, "n_folds": n_folds}
    exchanged = {"data": data, "columns": nanometres(), "preprocess": {}, "objects": None, "paths": paths, "fold": fold}
    labels = {TARGET: class_target(TableLabels), "path": classes}
    alone: dict[str, Any] = {"simulation": None, "logger": {}, "controls": False, "ckpt_path": None}
    return settings | exchanged | {"labels": labels, "groups": groups, "train": True, "test": True} | alone
