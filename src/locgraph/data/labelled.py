"""FOVs with their classes and groups, and the cuts of a training side into training and validation (no torch here)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import FoldError
from locgraph.io.manifest import Manifest


def only_localisations_have_classes(manifest: Manifest) -> bool:
    """Return whether the class names are those of localisations: there are some, and no FOV has a label."""
    return bool(manifest.class_names) and bool(manifest.table[schema.LABEL].is_null().all())


def with_classes(manifest: Manifest) -> pl.DataFrame:
    """Return the rows of FOVs that can be trained on: labelled ones; all where only localisations have classes."""
    if only_localisations_have_classes(manifest):
        return manifest.table
    return manifest.table.filter(manifest.table[schema.LABEL].is_not_null())


@dataclass(frozen=True)
class LabelledFovs:
    """The FOVs that have a label, in the order of their names.

    Attributes:
        fov_ids: Names (N,).
        labels: Class names (N,).
        groups: Groups (N,), None where unknown.
    """

    fov_ids: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, manifest: Manifest) -> LabelledFovs:
        """Return the labelled FOVs of a manifest; where only localisations have classes all FOVs, as of a single class.

        Raises:
            FoldError: No FOV has a label, and localisations have no classes either.
        """
        table = with_classes(manifest).sort(schema.FOV_ID).with_columns(pl.col(schema.LABEL).fill_null(""))
        if table.is_empty():
            raise FoldError("no FOV has a label; choose another source of labels")
        columns = (schema.FOV_ID, schema.LABEL, schema.GROUP)
        return cls(*(np.array(table[name].to_list(), dtype=object) for name in columns))

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
            raise FoldError(
                f"{n_folds} folds need at least that many FOVs of each class, found {small}", setting="n_folds"
            )

    def inner(self, rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Cut a training side once more, stratified.

        Args:
            rows: The training side (M,) int64.
            fraction: Part of it that becomes validation.
            seed: Seed of the draw.

        Returns:
            Rows of training and of validation.

        Raises:
            FoldError: A class is too small to be on both.
        """
        from sklearn.model_selection import StratifiedShuffleSplit  # slow to import

        splitter = StratifiedShuffleSplit(n_splits=1, test_size=fraction, random_state=seed)
        try:
            train, val = next(splitter.split(rows, self.labels[rows].astype(str)))
        except ValueError as error:
            raise FoldError(
                f"{len(rows)} FOVs cannot be split into training and validation with "
                f"validation_fraction={fraction}: {error}"
            ) from error
        return rows[train], rows[val]

    def inner_grouped(self, rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Cut a training side in whole groups: validation is one of 1 / ``fraction`` parts, rounded, at least two.

        Raises:
            FoldError: There are too few groups, or every class is too small.
        """
        labels, groups = self.labels[rows].astype(str), self.groups[rows].astype(str)
        parts = max(2, round(1 / fraction))
        present = np.unique(groups).tolist()
        if len(present) < parts:
            raise FoldError(
                f"validation_fraction={fraction} needs {parts} groups on the training side, found "
                f"{present}; raise the fraction, or lower n_folds"
            )
        from sklearn.model_selection import StratifiedGroupKFold  # slow to import

        splitter = StratifiedGroupKFold(n_splits=parts, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            # a small class may be absent from validation, which only chooses the epoch
            warnings.filterwarnings("ignore", message="The least populated class in y has only")
            try:
                train, val = next(splitter.split(rows, labels, groups))
            except ValueError as error:
                raise FoldError(
                    f"{len(rows)} FOVs cannot be split into training and validation with "
                    f"validation_fraction={fraction}: {error}; raise the fraction"
                ) from error
        return rows[train], rows[val]
