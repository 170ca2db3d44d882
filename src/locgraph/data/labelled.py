"""FOVs with their classes and groups, and the cuts of a training side into training and validation (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import FoldError
from locgraph.io.manifest import Manifest

_FEWEST_GROUPS: Final = 3


def only_localisations_have_classes(manifest: Manifest) -> bool:
    """Return whether the class names are those of localisations: there are some, and no FOV has a label."""
    return bool(manifest.class_names) and bool(manifest.table[schema.LABEL].is_null().all())


def with_classes(manifest: Manifest) -> pl.DataFrame:
    """Return the rows of FOVs that can be trained on: labelled ones; all where no FOV has a label."""
    if manifest.table[schema.LABEL].is_null().all():
        return manifest.table
    return manifest.table.filter(manifest.table[schema.LABEL].is_not_null())


def group_advice(manifest: pl.DataFrame) -> str:
    """Return what to think of where the groups of a manifest stand in the way of folds."""
    if manifest[schema.PARENT_FOV].is_null().all():
        return "choose another source of groups, or groups=none if these are no groups"
    return "take more FOVs: objects of one are a group, and stay on one side"


@dataclass(frozen=True)
class LabelledFovs:
    """The FOVs that have a label, in the order of their names; all where none has one.

    Attributes:
        fov_ids: Names (N,).
        labels: Class names (N,).
        groups: Groups (N,), None where unknown.
        advice: What to think of where there are too few groups.
    """

    fov_ids: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    advice: str = ""

    @classmethod
    def of(cls, manifest: Manifest) -> LabelledFovs:
        """Return the labelled FOVs of a manifest; where no FOV has a label all of them, as of a single class."""
        table = with_classes(manifest).sort(schema.FOV_ID).with_columns(pl.col(schema.LABEL).fill_null(""))
        columns = (schema.FOV_ID, schema.LABEL, schema.GROUP)
        fov_ids, labels, groups = (np.array(table[name].to_list(), dtype=object) for name in columns)
        return cls(fov_ids, labels, groups, group_advice(table))

    def names(self, rows: np.ndarray) -> tuple[str, ...]:
        """Return the names in some rows (M,) int64, sorted."""
        return tuple(sorted(self.fov_ids[rows].tolist()))

    def check_class_sizes(self, n_folds: int) -> None:
        """Refuse classes that cannot be in every fold.

        Raises:
            FoldError: A class has fewer FOVs than there are folds.
        """
        names, sizes = np.unique(self.labels.astype(str), return_counts=True)
        small = {str(name): int(size) for name, size in zip(names, sizes, strict=True) if size < n_folds}
        if small:
            smallest = min(small.values())
            remedy = f"set fold.n_folds={smallest}" if smallest > 1 else "leave out its FOVs, or record more of them"
            raise FoldError(
                f"{n_folds} folds need at least that many FOVs of each class, found {small}; {remedy}",
                setting="n_folds",
            )

    def check_groups(self, who: str) -> list[str]:
        """Return the groups, sorted.

        Args:
            who: Who needs them, for the message.

        Raises:
            FoldError: A FOV has no group, or there are fewer than three.
        """
        homeless = [str(name) for name, group in zip(self.fov_ids, self.groups, strict=True) if group is None]
        if homeless:
            raise FoldError(
                f"{who} needs a group for every FOV; {len(homeless)} have none, such as {homeless[:5]}; choose another "
                "source of groups"
            )
        present: list[str] = np.unique(self.groups.astype(str)).tolist()
        if len(present) < _FEWEST_GROUPS:
            raise FoldError(
                f"{who} needs at least {_FEWEST_GROUPS} groups, one each to train, to validate and to test, found "
                f"{present}; {self.advice}"
            )
        return present

    def inner(self, rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Cut a training side once more, stratified.

        Every class with two FOVs is on both sides: where the draw leaves one out of validation, or the fraction is too
        small for all classes, validation gets one more FOV of it. The single FOV of a class is trained on.

        Args:
            rows: The training side (M,) int64.
            fraction: Part of it that becomes validation.
            seed: Seed of the draw.

        Returns:
            Rows of training and of validation.

        Raises:
            FoldError: No class has two FOVs, or the fraction leaves nothing to train on.
        """
        from sklearn.model_selection import StratifiedShuffleSplit  # slow to import

        labels = self.labels[rows].astype(str)
        names, sizes = np.unique(labels, return_counts=True)
        single = np.isin(labels, names[sizes == 1])
        several, at_least = rows[~single], int((sizes > 1).sum())
        size = fraction if fraction * len(several) > at_least - 1 else at_least
        splitter = StratifiedShuffleSplit(n_splits=1, test_size=size, random_state=seed)
        try:
            train, val = next(splitter.split(several, labels[~single]))
        except ValueError as error:
            raise FoldError(
                f"{len(rows)} FOVs cannot be split into training and validation with "
                f"validation_fraction={fraction}: {error}"
            ) from error
        train, val = self.with_all_classes(several[train], several[val])
        return np.append(train, rows[single]), val

    def with_all_classes(self, rows: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Move one FOV of each class that a side lacks to it, if another one stays where it was.

        Args:
            rows: Rows (M,) int64 of the rest.
            side: Rows (N,) int64 of the side that should have every class.

        Returns:
            Both, changed.
        """
        names, sizes = np.unique(self.labels[rows].astype(str), return_counts=True)
        for name in np.setdiff1d(names[sizes > 1], self.labels[side].astype(str)):
            moved = rows[self.labels[rows] == name][:1]
            rows, side = rows[rows != moved], np.append(side, moved)
        return rows, side
