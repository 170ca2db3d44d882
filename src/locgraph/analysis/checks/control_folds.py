"""What the controls see of all FOVs, computed once, with the folds of a study: for many quick fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph import schema
from locgraph.analysis.control_inputs import read_inputs
from locgraph.analysis.controls import SHUFFLED_POSITIONS, control_features
from locgraph.analysis.source import Source
from locgraph.data.folds import Split, Stratified, StratifiedGroup
from locgraph.data.labelled import LabelledFovs, only_localisations_have_classes
from locgraph.errors import DataError

N_FOLDS: Final = 5
"""Folds that are made where only tables are given; fewer where a class is smaller."""


@dataclass(frozen=True)
class ControlFolds:
    """Features of the controls, labels and folds.

    Attributes:
        fov_ids: Names (N,), sorted.
        labels: (N,) classes, of type str.
        groups: (N,) groups, None where a FOV has none; None where no FOV has one.
        features: Control -> (N, F) float64, NaN where a number is missing. Ends of histograms are those of all FOVs:
            they do not depend on labels.
        folds: Fold -> rows of its training side, validation included, and of its test side.
    """

    fov_ids: tuple[str, ...]
    labels: np.ndarray
    groups: np.ndarray | None
    features: Mapping[str, np.ndarray]
    folds: Mapping[int, tuple[np.ndarray, np.ndarray]]

    @property
    def tests(self) -> np.ndarray | None:
        """(N,) int64, the fold in which each FOV is tested, -1 for none; None where one is tested in several."""
        tests = np.full(len(self.labels), -1, dtype=np.int64)
        for fold, (_, test) in self.folds.items():
            if (tests[test] >= 0).any():
                return None
            tests[test] = fold
        return tests


def read_control_folds(source: Source, seed: int) -> ControlFolds:
    """Read the tables of a study and compute the features of its controls.

    The folds are those of the runs that completed; stratified ones are made where there are tables alone.

    Args:
        source: The study.
        seed: Of random thinning, and of the folds where they are made.

    Raises:
        DataError: FOVs have no classes or one, or a file is absent or damaged.
    """
    manifest = source.manifest
    if only_localisations_have_classes(manifest):
        raise DataError(f"{source.folder}: expected FOVs with classes, found classes of localisations alone")
    plan = {fold: source.plan[fold] for fold in source.results if fold in source.plan} or _make_plan(source, seed)
    table = manifest.table.filter(manifest.table[schema.LABEL].is_not_null()).sort(schema.FOV_ID)
    used = {name for split in plan.values() for name in (*split.train, *split.val, *split.test)}
    table = table.filter(table[schema.FOV_ID].is_in(list(used)))
    names = table[schema.FOV_ID].to_list()
    row = {name: place for place, name in enumerate(names)}
    groups = np.array(table[schema.GROUP].to_list(), dtype=object)
    features = control_features(read_inputs(source.tables, names, manifest.table), names, names, seed)
    return ControlFolds(
        fov_ids=tuple(names),
        labels=np.array(table[schema.LABEL].to_list(), dtype=str),
        groups=None if all(group is None for group in groups) else groups,
        features={name: values for name, values in features.items() if name != SHUFFLED_POSITIONS},
        folds={fold: (_rows(row, (*split.train, *split.val)), _rows(row, split.test)) for fold, split in plan.items()},
    )


def _make_plan(source: Source, seed: int) -> dict[int, Split]:
    fovs = LabelledFovs.of(source.manifest)
    grouped = all(group is not None for group in fovs.groups)
    cases = {
        str(name): len(set(fovs.groups[fovs.labels == name])) if grouped else int((fovs.labels == name).sum())
        for name in np.unique(fovs.labels.astype(str))
    }
    if len(cases) < 2 or min(cases.values()) < 2:
        raise DataError(
            f"folds need at least two classes with two {'groups' if grouped else 'FOVs'} each, found {cases}"
        )
    splitter = (StratifiedGroup if grouped else Stratified)(min(N_FOLDS, *cases.values()), seed=seed)
    return dict(enumerate(splitter.plan(source.manifest)))


def _rows(row: Mapping[str, int], names: Sequence[str]) -> np.ndarray:
    """Return the rows (M,) int64 of some FOVs; those that are no longer in the tables are left out."""
    return np.array(sorted(row[name] for name in names if name in row), dtype=np.int64)
