"""Checks that several sweeps test the same FOVs of the same data in the same folds, so that they may be paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.sweeps.runs import FoldResult
from locgraph.data.folds import TEST, Split, read_plan
from locgraph.errors import DataError
from locgraph.run_folder import FOLDS, PREDICTIONS, RAW_FILES, RunFolder, read_record

_NAMED: Final = 3

Key = tuple[int, int]
"""Seed of the folds and index of the fold."""


@dataclass(frozen=True)
class SharedFolds:
    """Runs of the folds that several sweeps share.

    Attributes:
        runs: The runs of each sweep.
        notes: What is left out, or differs without harm, as plain sentences.
    """

    runs: tuple[tuple[FoldResult, ...], ...]
    notes: tuple[str, ...]


def share_folds(sweeps: Mapping[Path, Sequence[FoldResult]]) -> SharedFolds:
    """Return the completed runs of the folds that all of several sweeps completed.

    Args:
        sweeps: Folder of each sweep -> its completed runs, of one or several seeds.

    Raises:
        DataError: They share no fold; or classes, number of folds, test FOVs of a fold, true classes or raw files
            differ.
    """
    folders = list(sweeps)
    keys = [{_key(run) for run in runs} for runs in sweeps.values()]
    shared = set.intersection(*keys)
    if not shared:
        seeds = {seed for own in keys for seed, _ in own}
        words = " and ".join(
            f"{_fold_words(own, len(seeds) > 1)} in {folder}" for own, folder in zip(keys, folders, strict=True)
        )
        raise DataError(f"expected completed runs of the same folds, found {words}")
    runs = tuple(tuple(run for run in own if _key(run) in shared) for own in sweeps.values())
    first = {_key(run): run for run in runs[0]}
    notes = [
        f"{folder}: {_fold_words(own - shared, len({seed for seed, _ in own}) > 1)} left out, which the others lack"
        for folder, own in zip(folders, keys, strict=True)
        if own - shared
    ]
    notes += [
        f"classes stand in another order in {folder} than in {folders[0]}: they are matched by name"
        for folder, own in zip(folders[1:], runs[1:], strict=True)
        if own[0].class_names != runs[0][0].class_names
    ]
    for own in runs[1:]:
        for run in own:
            check_same_test(first[_key(run)], run)
    notes += _training_notes(first, dict(zip(folders, runs, strict=True)))
    return SharedFolds(runs, tuple(notes))


def check_same_test(first: FoldResult, second: FoldResult) -> None:
    """Check that two runs of a fold classify the same test FOVs of the same data into the same classes.

    Raises:
        DataError: They do not.
    """
    where = f"{first.folder} and {second.folder}"
    if set(first.class_names) != set(second.class_names):
        raise DataError(
            f"expected the same classes, found {first.class_names} in {first.folder} and {second.class_names} in "
            f"{second.folder}"
        )
    if first.of_localisations != second.of_localisations:
        raise DataError(f"expected two models of FOVs or two of localisations, found one of each: {where}")
    if None not in (first.n_folds, second.n_folds) and first.n_folds != second.n_folds:
        raise DataError(
            f"expected the same folds, found {first.n_folds} folds in {first.folder} and {second.n_folds} in "
            f"{second.folder}"
        )
    tests = [set(_split(run).test) for run in (first, second)]
    if tests[0] != tests[1]:
        only = sorted(tests[0] ^ tests[1])
        raise DataError(
            f"expected the same test FOVs of fold {first.fold}, found {len(only)} in one of {where} alone, such as "
            f"{', '.join(only[:_NAMED])}: compare runs of the same data and folds"
        )
    _check_same_values(_truths(first), _truths(second), f"true classes of the test FOVs of fold {first.fold}", where)
    # a copy has another time, but not another size
    _check_same_values(_sizes(first, tests[0]), _sizes(second, tests[0]), "raw files, by their size,", where)


def _check_same_values(first: Mapping[str, object], second: Mapping[str, object], what: str, where: str) -> None:
    different = sorted(name for name in first.keys() & second.keys() if first[name] != second[name])
    if different:
        name = different[0]
        raise DataError(
            f"expected the same data, found other {what} of {len(different)} FOVs in {where}, such as {name}: "
            f"{first[name]} and {second[name]}"
        )


def _truths(run: FoldResult) -> dict[str, object]:
    if not (run.folder / PREDICTIONS).is_file():
        return {}
    table = RunFolder(run.folder).table(PREDICTIONS).filter(pl.col(schema.SPLIT) == TEST)
    return dict(table.select(schema.FOV_ID, schema.TRUTH).iter_rows()) if schema.TRUTH in table.columns else {}


def _sizes(run: FoldResult, names: set[str]) -> dict[str, object]:
    """Return the size in bytes of the raw file of each FOV; empty where the run does not record them."""
    fovs = read_record(run.folder / RAW_FILES).get("fovs") or {}
    return {name: about["state"][0] for name, about in fovs.items() if name in names and about.get("state")}


def _training_notes(first: Mapping[Key, FoldResult], sweeps: Mapping[Path, Sequence[FoldResult]]) -> list[str]:
    """Return one note for each sweep that was trained on other FOVs than the first, which may be what is compared."""
    notes = []
    for folder, runs in list(sweeps.items())[1:]:
        pairs = [(_trained_on(first[_key(run)]), _trained_on(run)) for run in runs]
        if any(one != other for one, other in pairs):
            sizes = [f"{min(map(len, sides))} to {max(map(len, sides))}" for sides in zip(*pairs, strict=True)]
            notes.append(
                f"{folder} was trained on other FOVs than {next(iter(sweeps))} ({sizes[1]} in a fold, validation "
                f"included, for {sizes[0]}): the difference is that of methods and training FOVs together"
            )
    return notes


def _trained_on(run: FoldResult) -> frozenset[str]:
    split = _split(run)
    return frozenset((*split.train, *split.val))


def _split(run: FoldResult) -> Split:
    return read_plan(run.folder / FOLDS)[run.fold]


def _key(run: FoldResult) -> Key:
    return run.fold_seed, run.fold


def _fold_words(keys: set[Key], with_seeds: bool) -> str:
    """Return folds in words: ``folds [0, 1]``, or ``folds [0, 1] of fold.seed=0``."""
    parts = []
    for seed in sorted({seed for seed, _ in keys}):
        folds = sorted(fold for own, fold in keys if own == seed)
        parts.append(f"folds {folds} of fold.seed={seed}" if with_seeds else f"folds {folds}")
    return ", ".join(parts)
