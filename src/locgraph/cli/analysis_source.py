"""What ``locgraph analyse`` starts from: the tables and folds of a run, of a sweep, or tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.runs import FoldResult, read_run
from locgraph.cli.prepared_tables import find_tables
from locgraph.cli.run_folder import FOLDS, METRICS, RUN
from locgraph.cli.summarise import families
from locgraph.data.folds import Split, read_plan
from locgraph.errors import ConfigError, DataError, LocgraphError
from locgraph.io.featextracted import CLUSTERS, LOCS
from locgraph.io.manifest import Manifest
from locgraph.preparation.featextracted import manifest_of

RUN_KIND: Final = "run"
SWEEP_KIND: Final = "sweep"
TABLES_KIND: Final = "tables"
PREDICTIONS: Final = "predictions.parquet"
FOV_VECTORS: Final = "fov_vectors.parquet"
MANIFEST: Final = "manifest.parquet"


@dataclass(frozen=True)
class Material:
    """All that is analysed together.

    Attributes:
        folder: The run, the sweep or the tables.
        kind: ``run``, ``sweep`` or ``tables``.
        tables: Folder of the tables.
        manifest: The FOVs with classes and groups.
        plan: Fold -> its FOVs, of all folds of the runs; empty for tables alone.
        results: Fold -> what the network and the controls reached, of completed runs.
        predictions: ``predictions.parquet`` of all completed runs; None where there is none.
        vectors: Fold -> ``fov_vectors.parquet``.
        warnings: What is missing, in words.
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
        there = set(self.manifest.table[schema.LABEL].drop_nulls())
        return tuple(name for name in self.manifest.class_names if name in there)


def read_material(folder: Path, tables: Path | None) -> list[Material]:
    """Finds out what a folder is and reads what is analysed.

    Args:
        folder: Of a run, a sweep, or prepared or featextracted tables.
        tables: Where the tables are, if they were moved; None looks where the runs left them.

    Returns:
        One for each set of runs that differ in the fold alone; one for tables.

    Raises:
        DataError: The folder holds neither, no run completed, or the tables are gone.
        ConfigError: ``tables`` is given for a folder of tables.
    """
    if not folder.is_dir():
        raise DataError(f"folder={folder}: no such folder; expected that of a run, of a sweep, or of prepared tables")
    if (folder / RUN).is_file():
        return [_of_runs(folder, RUN_KIND, [folder], None, tables)]
    if (folder / LOCS).is_dir() and (folder / CLUSTERS).is_dir():
        if tables is not None:
            raise ConfigError(
                f"tables={tables} has no effect: folder={folder} holds tables itself; leave one of them out"
            )
        return [_of_tables(folder)]
    found = families(folder)
    if not found:
        raise DataError(_nothing(folder))
    several = len(found) > 1
    return [
        _of_runs(folder / "summaries" / name if several else folder, SWEEP_KIND, runs, n_folds, tables)
        for name, (runs, n_folds) in found.items()
    ]


def _nothing(folder: Path) -> str:
    expected = (
        f"expected the folder of a run or sweep (with {RUN} in it or below), or of tables (with the folders {LOCS} and "
        f"{CLUSTERS})"
    )
    inside = sorted(path.name for path in folder.glob("tables-*") if path.is_dir())
    if inside:
        return f"folder={folder}: {expected}; did you mean {folder / inside[0]}?"
    if (folder / METRICS).is_file():
        return f"folder={folder}: {expected}; this looks like one of eval: analyse the run that it evaluates"
    return f"folder={folder}: {expected}, found neither"


def _of_tables(folder: Path) -> Material:
    path = folder / MANIFEST
    manifest = Manifest.read(path) if path.is_file() else manifest_of(folder)
    return Material(folder, TABLES_KIND, folder, manifest, warnings=tuple(_left_out(manifest)))


def _of_runs(target: Path, kind: str, folders: Sequence[Path], n_folds: int | None, tables: Path | None) -> Material:
    results: dict[int, FoldResult] = {}
    failures = []
    for folder in folders:
        found = read_run(folder)
        if not isinstance(found, FoldResult):
            failures.append(found)
        elif found.fold in results:
            raise DataError(
                f"expected one completed run of fold {found.fold}, found {results[found.fold].folder} and {folder}: "
                "omit one"
            )
        else:
            results[found.fold] = found
    if not results:
        reasons = "; ".join(f"{failure.folder}: {failure.reason}" for failure in failures[:3])
        raise DataError(f"folder={target}: expected at least one completed run, found none ({reasons})")
    results = dict(sorted(results.items()))
    warnings = [f"fold {failure.fold} is missing: {' '.join(failure.reason.split())}" for failure in failures]
    said = {failure.fold for failure in failures}
    absent = [fold for fold in range(n_folds or 0) if fold not in results and fold not in said]
    warnings += [f"fold {fold} is missing: no run of it was found" for fold in absent]
    place = find_tables([result.folder for result in results.values()], tables)
    manifest = Manifest.read(place / MANIFEST) if (place / MANIFEST).is_file() else manifest_of(place)
    plan, told = _plan(results, manifest)
    predictions, gaps = _read_all(results, PREDICTIONS)
    vectors, more = _read_all(results, FOV_VECTORS)
    return Material(
        folder=target,
        kind=kind,
        tables=place,
        manifest=manifest,
        plan=plan,
        results=results,
        predictions=pl.concat(list(predictions.values()), how="diagonal_relaxed") if predictions else None,
        vectors=vectors,
        warnings=(*warnings, *told, *gaps, *more, *_left_out(manifest)),
    )


def _left_out(manifest: Manifest) -> list[str]:
    failed = len(manifest.failures)
    return [f"{failed} FOVs failed in preparation and are not analysed"] if failed else []


def _plan(results: Mapping[int, FoldResult], manifest: Manifest) -> tuple[dict[int, Split], list[str]]:
    """Folds of the runs; all of them have to be the same, and about these tables."""
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
            "expected runs with the same folds, found different ones in their folds.json: analyse them apart, or give "
            "them the same fold.seed"
        )
    known = set(manifest.table[schema.FOV_ID])
    gone = sorted({name for split in first for name in (*split.train, *split.val, *split.test)} - known)
    if gone:
        warnings.append(f"{len(gone)} FOVs of the folds are not in the tables, such as {', '.join(gone[:3])}")
    return dict(enumerate(first)), warnings


def _read_all(results: Mapping[int, FoldResult], name: str) -> tuple[dict[int, pl.DataFrame], list[str]]:
    """Tables of the runs, and what is missing of them."""
    found, gaps = {}, []
    for fold, result in results.items():
        path = result.folder / name
        try:
            found[fold] = pl.read_parquet(path)
        except FileNotFoundError:
            gaps.append(f"fold {fold} has no {name}: {_remedy(name)}")
        except (OSError, pl.exceptions.PolarsError) as error:
            gaps.append(f"fold {fold}: {name} cannot be read ({str(error).splitlines()[0]})")
    return found, gaps


def _remedy(name: str) -> str:
    if name == PREDICTIONS:
        return "wrong FOVs of the network are not listed for it"
    return "there are no learned vectors of it; runs of this version write them"
