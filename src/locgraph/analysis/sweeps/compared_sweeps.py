"""Sweeps against each other, or one against its own controls: what is paired, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from locgraph.analysis.sweeps.comparison import Comparison, compare_methods
from locgraph.analysis.sweeps.outcomes import MODEL
from locgraph.analysis.sweeps.runs import FoldResult
from locgraph.analysis.sweeps.same_tests import share_folds
from locgraph.analysis.sweeps.summary import Summary, summarise
from locgraph.errors import DataError


@dataclass(frozen=True)
class Sweep:
    """Runs of one method.

    Attributes:
        folder: Where its summary is.
        completed: Its completed runs, of one or several seeds.
        n_folds: Number of folds of the split.
    """

    folder: Path
    completed: Sequence[FoldResult]
    n_folds: int


def compare_sweeps(sweeps: Sequence[Sweep], metric: str, rope: float) -> Comparison:
    """Compare the models of two or more sweeps, every pair, on the folds that all completed.

    Runs of several seeds on one fold test the same FOVs, and are averaged within the fold first.

    Raises:
        DataError: A sweep is there twice or has no completed run, or `share_folds` refuses them.
        ConfigError: A setting is out of range.
    """
    folders = [sweep.folder for sweep in sweeps]
    twice = sorted({str(folder) for folder in folders if folders.count(folder) > 1})
    if twice:
        raise DataError(f"expected different runs or sweeps, found {twice[0]} twice")
    for sweep in sweeps:
        if not sweep.completed:
            raise DataError(f"{sweep.folder}: expected at least one completed run, found none")
    shared = share_folds({sweep.folder: sweep.completed for sweep in sweeps})
    n_folds = max(sweep.n_folds for sweep in sweeps)
    summaries = [summarise(runs, range(n_folds)) for runs in shared.runs]
    names = distinct_names(folders)
    methods = [replace(own.method(MODEL), name=name) for own, name in zip(summaries, names, strict=True)]
    return compare_methods(methods, all_pairs=True, metric=metric, rope=rope, notes=shared.notes)


def compare_with_controls(summary: Summary, metric: str, rope: float) -> Comparison:
    """Compare the model of a sweep with each of its controls, and with classifiers of an analysis of its folds.

    Raises:
        DataError: There is no completed run, or none has a control.
        ConfigError: A setting is out of range.
    """
    sources = list(summary.folds(metric))
    if sources[:1] != [MODEL] or len(sources) < 2:
        raise DataError(
            "expected a second run or sweep to compare with, or runs with controls, found neither: name another one, "
            "or train with controls=true"
        )
    notes = [f"fold {fold} is missing: {' '.join(reason.split())}" for fold, reason in summary.reasons.items()]
    methods = [summary.method(source) for source in sources]
    return compare_methods(methods, all_pairs=False, metric=metric, rope=rope, notes=notes)


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of some different paths, in whole folders, that differ."""
    longest = max(len(folder.parts) for folder in folders)
    for length in range(1, longest + 1):
        names = ["/".join(folder.parts[-length:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]
