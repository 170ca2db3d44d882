"""Sources of an analysis: the tables, folds and results of a run or sweep, or tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from locgraph import schema
from locgraph.analysis.sweeps.runs import Failure, FoldResult
from locgraph.data.folds import TEST, TRAIN, VALIDATION, Split, read_plan
from locgraph.errors import DataError, LocgraphError
from locgraph.io.manifest import Manifest
from locgraph.preparation.featextracted import manifest_of
from locgraph.run_folder import (
    CLUSTERS,
    EMBEDDINGS,
    EMBEDDINGS_RECORD,
    FOLDS,
    FOV_VECTORS,
    MANIFEST,
    PREDICTIONS,
    RunFolder,
    read_record,
)

RUN_KIND, SWEEP_KIND, TABLES_KIND, EMBEDDED_KIND = "run", "sweep", "tables", "embeddings"
"""Kinds of sources."""


@dataclass(frozen=True)
class Source:
    """Tables, folds and results that are analysed together.

    Attributes:
        folder: The run, the sweep or the tables.
        kind: ``run``, ``sweep``, ``tables`` or ``embeddings``.
        tables: Folder of the tables.
        manifest: The FOVs with classes and groups.
        plan: Fold -> its FOVs, of all folds of the runs; empty for tables alone.
        results: Fold -> result of its completed run.
        predictions: ``predictions.parquet`` of all completed runs; None where there is none.
        vectors: Fold -> ``fov_vectors.parquet``.
        warnings: What is missing.
    """

    folder: Path
    kind: str
    tables: Path
    manifest: Manifest
    plan: Mapping[int, Split] = field(default_factory=dict)
    results: Mapping[int, FoldResult] = field(default_factory=dict)
    predictions: pl.DataFrame | None = None
    vectors: Mapping[int, pl.DataFrame] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that FOVs have, in the order of the manifest."""
        present = set(self.manifest.table[schema.LABEL].drop_nulls())
        return tuple(name for name in self.manifest.class_names if name in present)


def tables_source(folder: Path) -> Source:
    """Return the source of a folder of prepared or featextracted tables."""
    manifest = read_manifest(folder)
    return Source(folder, TABLES_KIND, folder, manifest, warnings=tuple(_left_out(manifest)))


def embeddings_source(folder: Path, tables: Path | None = None) -> Source:
    """Return the source of vectors of FOVs that were learned without labels, with the sides of their fold.

    Args:
        folder: Run of a representation, or what ``locgraph embed`` wrote of the data of one.
        tables: Folder of the prepared tables, where they were moved.

    Raises:
        DataError: Vectors are those of clusters, or of new FOVs alone, or the tables are not there.
    """
    vectors = RunFolder(folder).table(EMBEDDINGS)
    if schema.CLUSTER_ID in vectors.columns:
        raise DataError(
            f"{folder}: expected vectors of FOVs, which have classes, found those of clusters: see `locgraph group`"
        )
    of_sides = {
        side: tuple(vectors.filter(pl.col(schema.SPLIT) == side)[schema.FOV_ID].sort())
        for side in (TRAIN, VALIDATION, TEST)
        if schema.SPLIT in vectors.columns
    }
    if not of_sides.get(TRAIN) or not of_sides.get(TEST):
        raise DataError(
            f"{folder}: expected vectors of FOVs that the network was trained on, and of its test FOVs, to train and "
            "test classifiers on; found none of one side. Give the run, or what `locgraph embed RUN` writes of its data"
        )
    place = tables or Path(str(read_record(folder / EMBEDDINGS_RECORD).get("tables")))
    if not (place / CLUSTERS).is_dir():
        raise DataError(
            f"expected prepared tables, with the folder {CLUSTERS}; found none in {place}", setting="tables"
        )
    manifest, fold = read_manifest(place), int(vectors[schema.FOLD][0])
    plan = {fold: Split(of_sides[TRAIN], of_sides[VALIDATION], of_sides[TEST])}
    left_out = tuple(_left_out(manifest))
    return Source(folder, EMBEDDED_KIND, place, manifest, plan, vectors={fold: vectors}, warnings=left_out)


def runs_source(
    folder: Path, kind: str, runs: Sequence[FoldResult | Failure], n_folds: int | None, tables: Path
) -> Source:
    """Return the source of runs that differ in the fold alone.

    Args:
        folder: Of the run or sweep.
        kind: ``run`` or ``sweep``.
        runs: The runs.
        n_folds: Number of folds of the split; None where one of them is enough.
        tables: Folder of their tables.

    Raises:
        DataError: No run completed, two are of the same fold, or their folds differ.
    """
    results: dict[int, FoldResult] = {}
    failures = [run for run in runs if isinstance(run, Failure)]
    for run in runs:
        if isinstance(run, Failure):
            continue
        if run.fold in results:
            raise DataError(
                f"expected one completed run of fold {run.fold}, found {results[run.fold].folder} and {run.folder}: "
                "omit one"
            )
        results[run.fold] = run
    check_completed(folder, runs)
    results = dict(sorted(results.items()))
    warnings = [f"fold {failure.fold} is missing: {' '.join(failure.reason.split())}" for failure in failures]
    failed = {failure.fold for failure in failures}
    absent = [fold for fold in range(n_folds or 0) if fold not in results and fold not in failed]
    warnings += [f"fold {fold} is missing: no run of it was found" for fold in absent]
    manifest = read_manifest(tables)
    plan, plan_warnings = _plan(results, manifest)
    predictions, no_predictions = _read_all(results, PREDICTIONS)
    vectors, no_vectors = _read_all(results, FOV_VECTORS)
    return Source(
        folder=folder,
        kind=kind,
        tables=tables,
        manifest=manifest,
        plan=plan,
        results=results,
        predictions=pl.concat(list(predictions.values()), how="diagonal_relaxed") if predictions else None,
        vectors=vectors,
        warnings=(*warnings, *plan_warnings, *no_predictions, *no_vectors, *_left_out(manifest)),
    )


def check_completed(folder: Path, runs: Sequence[FoldResult | Failure]) -> list[FoldResult]:
    """Return the completed ones of some runs.

    Raises:
        DataError: There is none.
    """
    completed = [run for run in runs if isinstance(run, FoldResult)]
    if not completed:
        reasons = "; ".join(f"{run.folder}: {run.reason}" for run in runs[:3] if isinstance(run, Failure))
        raise DataError(f"{folder}: expected at least one completed run, found none ({reasons})")
    return completed


def read_manifest(tables: Path) -> Manifest:
    """Return the manifest of a folder of tables, made from the tables where there is none."""
    path = tables / MANIFEST
    return Manifest.read(path) if path.is_file() else manifest_of(tables)


def _left_out(manifest: Manifest) -> list[str]:
    failed = len(manifest.failures)
    return [f"{failed} FOVs failed in preparation and are not analysed"] if failed else []


def _plan(results: Mapping[int, FoldResult], manifest: Manifest) -> tuple[dict[int, Split], list[str]]:
    """Return the folds of the runs, which have to be the same, and warnings."""
    plans: dict[int, list[Split]] = {}
    warnings = []
    for fold, result in results.items():
        try:
            plans[fold] = read_plan(result.folder / FOLDS)
        except LocgraphError as error:
            warnings.append(f"fold {fold}: its FOVs are not known ({error})")
    if not plans:
        return {}, warnings
    first = next(iter(plans.values()))
    if any(plan != first for plan in plans.values()):
        raise DataError(
            "expected runs with the same folds, found different ones in their folds.json: analyse them apart, or train "
            "them with the same seed of the folds"
        )
    known = set(manifest.table[schema.FOV_ID])
    gone = sorted({name for split in first for name in (*split.train, *split.val, *split.test)} - known)
    if gone:
        warnings.append(f"{len(gone)} FOVs of the folds are not in the tables, such as {', '.join(gone[:3])}")
    return dict(enumerate(first)), warnings


def _read_all(results: Mapping[int, FoldResult], name: str) -> tuple[dict[int, pl.DataFrame], list[str]]:
    """Return tables of the runs by fold, and warnings."""
    tables, warnings = {}, []
    for fold, result in results.items():
        if not (result.folder / name).is_file():
            warnings.append(f"fold {fold} has no {name}: {_consequence(name)}")
            continue
        try:
            tables[fold] = RunFolder(result.folder).table(name)
        except DataError as error:
            warnings.append(f"fold {fold}: {str(error).splitlines()[0]}")
    return tables, warnings


def _consequence(name: str) -> str:
    if name == PREDICTIONS:
        return "wrong FOVs of the network are not listed for it"
    return "there are no learned vectors of it; runs of this version write them"
