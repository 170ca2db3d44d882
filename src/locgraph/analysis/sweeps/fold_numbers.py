"""Numbers of folds where several seeds of the folds are summarised, and which runs of them are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locgraph.analysis.sweeps.runs import Failure, FoldResult


@dataclass(frozen=True)
class FoldNumbers:
    """Numbers of folds: those of the first ``fold.seed`` are their indices, those of the next follow.

    Attributes:
        folds: Indices of the folds of one split.
        seeds: Seed of the folds -> seeds of the training, of the runs that there are.
    """

    folds: tuple[int, ...]
    seeds: Mapping[int, tuple[int, ...]]

    @classmethod
    def of(
        cls, completed: Sequence[FoldResult], failures: Sequence[Failure], expected_folds: Sequence[int]
    ) -> FoldNumbers:
        """Return the numbers for some runs."""
        pairs = {(run.fold_seed, run.seed) for run in completed}
        pairs |= {(run.fold_seed, run.seed) for run in failures if run.fold_seed is not None and run.seed is not None}
        by_fold: dict[int, tuple[int, ...]] = {}
        for fold_seed, seed in sorted(pairs or {(0, 0)}):
            by_fold[fold_seed] = (*by_fold.get(fold_seed, ()), seed)
        return cls(tuple(sorted(expected_folds)), by_fold)

    @property
    def fold_seeds(self) -> tuple[int, ...]:
        """Seeds of the folds."""
        return tuple(self.seeds)

    @property
    def all(self) -> tuple[int, ...]:
        """The number of each expected fold."""
        return tuple(self._number(fold_seed, fold) for fold_seed in self.seeds for fold in self.folds)

    def of_run(self, run: FoldResult) -> int:
        """Return the number of the fold of a run."""
        return self._number(run.fold_seed, run.fold)

    def missing(self, by_fold: Mapping[int, Sequence[FoldResult]], failures: Sequence[Failure]) -> dict[int, str]:
        """Return the number of each fold that lacks the run of a seed, and why.

        Args:
            by_fold: Number of a fold -> its completed runs.
            failures: The other runs.
        """
        reasons = {}
        for fold_seed, seeds in self.seeds.items():
            for fold in self.folds:
                done = {run.seed for run in by_fold.get(self._number(fold_seed, fold), ())}
                words = {seed: _reason(fold, fold_seed, seed, failures) for seed in seeds if seed not in done}
                if words:
                    several = len(seeds) > 1
                    lines = [f"seed {seed}: {text}" if several else text for seed, text in words.items()]
                    reasons[self._number(fold_seed, fold)] = "; ".join(lines)
        return reasons

    def _number(self, fold_seed: int, fold: int) -> int:
        return list(self.seeds).index(fold_seed) * (max(self.folds) + 1) + fold


def _reason(fold: int, fold_seed: int, seed: int, failures: Sequence[Failure]) -> str:
    own = [run for run in failures if run.fold_seed in (None, fold_seed) and run.seed in (None, seed)]
    known = [f"{failure.reason} ({failure.folder})" for failure in own if failure.fold == fold]
    if known:
        return "; ".join(known)
    nameless = [str(failure.folder) for failure in own if failure.fold is None]
    return f"perhaps one of the runs without a fold: {', '.join(nameless)}" if nameless else "no run of it was found"
