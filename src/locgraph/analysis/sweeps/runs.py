"""Results of runs, read from their folders, and the sets of runs that make one sweep."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from locgraph.errors import DataError
from locgraph.provenance import fingerprint
from locgraph.run_folder import COMPLETED, METRICS, RELEASE, REPRESENTATION, RUN, RUNNING, RunFolder, find_runs

LOCALISATIONS: Final = "localisations"
"""Value of ``scored`` of a model that classifies localisations."""
WITHOUT_PREDICTIONS: Final = (
    "learned without labels: it has embeddings and no predictions, see `locgraph benchmark`, `group` and `analyse`"
)
FAMILY, REPEATS, SEED, FOLD_SEED = "family", "repeats", "seed", "fold_seed"
"""Entries of ``run.json``: fingerprints of the settings without the fold, and without fold and seeds; the seeds."""
_LONGEST_NAME: Final = 80


@dataclass(frozen=True)
class FoldResult:
    """The test result of one completed run.

    Attributes:
        fold: Index of the fold.
        folder: The run's folder.
        metrics: Test metrics by name; one that could not be computed is absent.
        confusion: (K, K) int64, rows are true classes, columns predicted ones.
        class_names: The K classes in the order of ``confusion``.
        controls: Accuracy of each control on the same fold.
        controls_balanced: Balanced accuracy of each control on the same fold.
        experiment: Name of the experiment; empty where unknown.
        n_folds: How many folds the split has; None where unknown.
        of_localisations: Whether ``confusion`` counts localisations, of which a FOV has many, and not FOVs.
        n_train: FOVs on the training side, validation included; None where unknown.
        n_test: FOVs on the test side; None where unknown.
        seed: Seed of the training; 0 where unknown.
        fold_seed: Seed of the folds; 0 where unknown.
    """

    fold: int
    folder: Path
    metrics: dict[str, float]
    confusion: np.ndarray
    class_names: tuple[str, ...]
    controls: dict[str, float]
    controls_balanced: dict[str, float] = field(default_factory=dict)
    experiment: str = ""
    n_folds: int | None = None
    of_localisations: bool = False
    n_train: int | None = None
    n_test: int | None = None
    seed: int = 0
    fold_seed: int = 0


@dataclass(frozen=True)
class Failure:
    """A run without a result.

    Attributes:
        folder: The run's folder.
        reason: Why there is no result.
        fold: Index of the fold; None where unknown.
        seed: Seed of the training; None where unknown.
        fold_seed: Seed of the folds; None where unknown.
    """

    folder: Path
    reason: str
    fold: int | None = None
    seed: int | None = None
    fold_seed: int | None = None


def read_run(folder: Path) -> FoldResult | Failure:
    """Read the folder of one run.

    It never raises for the content of the folder: a sweep is summarised from its completed runs, and lists the others.

    Args:
        folder: Folder with a ``metrics.json``.

    Returns:
        The result; or a failure where the file is absent, cannot be parsed, or records a failure.
    """
    read, record = _read(folder), RunFolder(folder).record()
    seeds = {name: record[name] for name in (SEED, FOLD_SEED) if isinstance(record.get(name), int)}
    return replace(read, **seeds)


def _read(folder: Path) -> FoldResult | Failure:
    path = folder / METRICS
    if not path.is_file():
        state = RunFolder(folder).state()
        if state.state == RUNNING:
            return Failure(folder, "is still running")
        return Failure(folder, f"no {METRICS}: the run stopped before its end; look at its log and start it again")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Failure(folder, f"{METRICS} cannot be read ({error}): repeat the run")
    if not isinstance(content, dict):
        return Failure(folder, f"{METRICS} should be a mapping, found {type(content).__name__}: repeat the run")
    fold = content.get("fold") if isinstance(content.get("fold"), int) else None
    if content.get("status") != COMPLETED:
        reason = content.get("reason") or f"{METRICS} gives no reason"
        return Failure(folder, f"status {content.get('status')!r}: {reason}", fold)
    if content.get("scored") == REPRESENTATION:
        return Failure(folder, WITHOUT_PREDICTIONS, fold)
    if "test" not in content:
        return Failure(folder, "trained with test=false, so it has no test result", fold)
    try:
        return _result(folder, content)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{METRICS} is not as expected ({type(error).__name__}: {error}): repeat the run"
        return Failure(folder, reason, fold)


def _result(folder: Path, content: Mapping[str, Any]) -> FoldResult:
    class_names = tuple(str(name) for name in content["class_names"])
    confusion = np.asarray(content["confusion_matrix"], dtype=np.int64)
    if confusion.shape != (len(class_names), len(class_names)):
        raise ValueError(f"confusion_matrix has shape {confusion.shape}, class_names has {len(class_names)} entries")
    if confusion.sum() == 0 or (confusion < 0).any():
        raise ValueError("confusion_matrix should count at least one FOV or localisation, and none negatively")
    controls = content.get("controls") or []
    sizes = content.get("fovs") or {}
    return FoldResult(
        fold=int(content["fold"]),
        folder=folder,
        metrics=_numbers(dict(content["test"])),
        confusion=confusion,
        class_names=class_names,
        controls=_numbers({row["control"]: row["accuracy"] for row in controls}),
        controls_balanced=_numbers({row["control"]: row.get("balanced_accuracy") for row in controls}),
        experiment=str(content.get("experiment") or ""),
        n_folds=None if content.get("n_folds") is None else int(content["n_folds"]),
        of_localisations=content.get("scored") == LOCALISATIONS,
        n_train=int(sizes["train"]) + int(sizes["val"]) if sizes else None,
        n_test=int(sizes["test"]) if sizes else None,
    )


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the entries that are finite numbers; null and NaN stand for a metric that could not be computed."""
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(float(value))}


@dataclass(frozen=True)
class Family:
    """Runs of the same settings: those that differ in the fold alone, or in the fold and the seeds.

    Attributes:
        name: The settings of the command line that distinguish it from other families.
        folders: Folders of the runs.
        n_folds: Number of folds of the split.
    """

    name: str
    folders: tuple[Path, ...]
    n_folds: int


_Records = list[tuple[RunFolder, Mapping[str, Any]]]


def find_families(folder: Path) -> list[Family]:
    """Return the families of all runs below a folder, the folder itself included: runs that differ in the fold alone.

    Raises:
        DataError: The record of a run is damaged.
    """
    return _families(_grouped(folder, FAMILY), ("fold.index=",))


def find_repeats(folder: Path) -> list[Family]:
    """Return the families of all runs below a folder that differ in the fold, ``seed`` and ``fold.seed`` alone.

    Families of a single set of seeds are left out: `find_families` has them.

    Raises:
        DataError: The record of a run is damaged.
    """
    groups = _grouped(folder, REPEATS)
    several = {key for key, members in groups.items() if len({record[FAMILY] for _, record in members}) > 1}
    families = _families(groups, ("fold.index=", "fold.seed=", "seed="))
    return [family for key, family in zip(groups, families, strict=True) if key in several]


def _grouped(folder: Path, key: str) -> dict[str, _Records]:
    runs: dict[str, _Records] = defaultdict(list)
    for run in find_runs(folder):
        record = run.record()
        if not {FAMILY, "overrides", "n_folds"} <= record.keys():
            raise DataError(f"{run.path / RUN}: expected family, overrides and n_folds; it may be damaged")
        if record.get(RELEASE):
            continue  # it tests nothing
        runs[record.get(key, record[FAMILY])].append((run, record))
    return runs


def _families(runs: Mapping[str, _Records], left_out: tuple[str, ...]) -> list[Family]:
    overrides = {family: set(members[0][1]["overrides"]) for family, members in runs.items()}
    shared = set.intersection(*overrides.values()) if overrides else set()
    names = {family: family_name(own - shared, left_out) for family, own in overrides.items()}
    # settings can also differ in files that no override mentions
    counts = Counter(names.values())
    names = {family: name if counts[name] == 1 else f"{name}-{family}" for family, name in names.items()}
    return [
        Family(names[family], tuple(run.path for run, _ in members), _n_folds([record for _, record in members]))
        for family, members in runs.items()
    ]


def _n_folds(records: Sequence[Mapping[str, Any]]) -> int:
    """Return the number of folds; those of runs that failed before they had a plan are unknown."""
    return max((int(record["n_folds"]) for record in records if record["n_folds"] is not None), default=len(records))


def family_name(overrides: Collection[str], left_out: tuple[str, ...] = ("fold.index=",)) -> str:
    """Return overrides, without those that begin with ``left_out``, as the name of a folder."""
    kept = ",".join(sorted(text for text in overrides if not text.startswith(left_out)))
    name = re.sub(r"[^\w.=,+-]", "_", kept) or "all"
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}-{fingerprint(kept)}"
