"""Splits of the FOVs into training, validation and test: names in a file, stratified, grouped (no torch here)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from locgraph import schema
from locgraph.data.group_draws import draw_tests, draw_validation
from locgraph.data.labelled import LabelledFovs, group_advice, with_classes
from locgraph.errors import ConfigError, FoldError
from locgraph.io.manifest import Manifest
from locgraph.provenance import write_json

TRAIN, VALIDATION, TEST = "train", "val", "test"


@dataclass(frozen=True)
class Split:
    """FOV names of one fold."""

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]


class Splitter(Protocol):
    """Make all ``n_folds`` folds from the manifest, None where it decides how many; ``index`` is the one to train."""

    index: int
    n_folds: int | None

    def plan(self, manifest: Manifest) -> list[Split]:
        """Return all folds."""
        ...


def split_of(fovs: LabelledFovs, train: np.ndarray, val: np.ndarray, test: np.ndarray) -> Split:
    """Return the names of three sides, each rows (M,) int64."""
    return Split(fovs.names(train), fovs.names(val), fovs.names(test))


def check_fraction(name: str, value: float) -> None:
    """Refuse a number that is not between 0 and 1.

    Raises:
        ConfigError: It is not.
    """
    if not 0.0 < value < 1.0:
        raise ConfigError(f"expected a number between 0 and 1, found {value}", setting=name)


def check_index(index: int, n_folds: int) -> None:
    """Refuse a fold that does not exist.

    Raises:
        ConfigError: ``index`` is not in 0 ... ``n_folds`` - 1.
    """
    if not 0 <= index < n_folds:
        raise ConfigError(f"expected one of the {n_folds} folds, 0 to {n_folds - 1}, found {index}", setting="index")


class _KFold:
    def __init__(self, n_folds: int, index: int = 0, seed: int = 0, validation_fraction: float = 0.2) -> None:
        if n_folds < 2:
            raise ConfigError(f"expected at least 2, found {n_folds}", setting="n_folds")
        check_index(index, n_folds)
        check_fraction("validation_fraction", validation_fraction)
        self.n_folds, self.index, self.seed, self.validation_fraction = n_folds, index, seed, validation_fraction


class Stratified(_KFold):
    """Stratified k-fold: each fold holds the classes in the proportions of the whole.

    Args:
        n_folds: Number of folds.
        index: The fold to train, from 0.
        seed: Seed of the shuffle.
        validation_fraction: Part of the training side kept for choosing the best epoch, stratified too.

    Raises:
        ConfigError: A setting is out of range.
    """

    def plan(self, manifest: Manifest) -> list[Split]:
        """Return all folds.

        Raises:
            FoldError: A class has fewer FOVs than there are folds, or a group would be on two sides.
        """
        fovs = LabelledFovs.of(manifest)
        fovs.check_class_sizes(self.n_folds)
        from sklearn.model_selection import StratifiedKFold  # slow to import

        splitter = StratifiedKFold(self.n_folds, shuffle=True, random_state=self.seed)
        folds = [
            split_of(fovs, *fovs.inner(self._draw(fovs.labels, train), self.validation_fraction, self.seed), test)
            for train, test in splitter.split(fovs.fov_ids, fovs.labels.astype(str))
        ]
        check_plan(folds, manifest, "fold=stratified")
        return folds

    def _draw(self, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the rows (M,) of the training side that are used: all."""
        del labels
        return rows


class LearningCurve(Stratified):
    """The folds of `Stratified` with fewer FOVs on the training side: to see what more of them gain.

    The test side stays what it is, so that runs with other numbers are compared on the same FOVs. The draws are
    nested: those of a smaller number are among those of a larger one.

    Args:
        per_class: FOVs of each class on the training side, those that choose the best epoch counted; a class that has
            fewer brings all it has.
        n_folds: Number of folds.
        index: The fold to train, from 0.
        seed: Seed of the shuffle and of the draw.
        validation_fraction: Part of the training side kept for choosing the best epoch, stratified too.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(
        self, per_class: int, n_folds: int, index: int = 0, seed: int = 0, validation_fraction: float = 0.2
    ) -> None:
        super().__init__(n_folds, index, seed, validation_fraction)
        if per_class < 2:
            raise ConfigError(
                f"expected at least 2, one to train on and one to validate, found {per_class}", setting="per_class"
            )
        self.per_class = per_class

    def _draw(self, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
        shuffled = np.random.default_rng(self.seed).permutation(rows)
        chosen = [shuffled[labels[shuffled] == name][: self.per_class] for name in np.unique(labels.astype(str))]
        return np.sort(np.concatenate(chosen))


class StratifiedGroup(_KFold):
    """Stratified k-fold in which no group (patient, animal, coverslip) is ever on two sides.

    Of several draws one is chosen that has every class on every side, where there is one; see
    `locgraph.data.group_draws`.

    Args:
        n_folds: Number of folds.
        index: The fold to train, from 0.
        seed: Seed of the shuffle.
        validation_fraction: Part of the training side kept for choosing the best epoch, in whole groups.

    Raises:
        ConfigError: A setting is out of range.
    """

    def plan(self, manifest: Manifest) -> list[Split]:
        """Return all folds.

        Raises:
            FoldError: A FOV has no group, there are fewer groups than folds or than three, or a class has fewer FOVs
                than folds.
        """
        fovs = LabelledFovs.of(manifest)
        fovs.check_class_sizes(self.n_folds)
        present = fovs.check_groups("fold=stratified_group")
        if len(present) < self.n_folds:
            raise FoldError(
                f"{self.n_folds} folds need as many groups, found {present}; set fold.n_folds={len(present)}",
                setting="n_folds",
            )
        return [
            split_of(fovs, *draw_validation(fovs, train, self.validation_fraction, self.seed), test)
            for train, test in draw_tests(fovs, self.n_folds, self.seed)
        ]


class HoldOut:
    """One random stratified split, drawn anew for each index.

    Args:
        test_fraction: Part of the FOVs kept for the test.
        n_folds: Number of independent draws.
        index: The draw to train, from 0.
        seed: Seed of the draws.
        validation_fraction: Part of the training side kept for choosing the best epoch.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(
        self, test_fraction: float, n_folds: int = 1, index: int = 0, seed: int = 0, validation_fraction: float = 0.2
    ) -> None:
        if n_folds < 1:
            raise ConfigError(f"expected at least 1, found {n_folds}", setting="n_folds")
        check_index(index, n_folds)
        check_fraction("test_fraction", test_fraction)
        check_fraction("validation_fraction", validation_fraction)
        self.n_folds, self.index, self.seed = n_folds, index, seed
        self.test_fraction, self.validation_fraction = test_fraction, validation_fraction

    def plan(self, manifest: Manifest) -> list[Split]:
        """Return all draws.

        Raises:
            FoldError: A class has too few FOVs to be on every side, or a group would be on two sides.
        """
        fovs = LabelledFovs.of(manifest)
        from sklearn.model_selection import StratifiedShuffleSplit  # slow to import

        splitter = StratifiedShuffleSplit(n_splits=self.n_folds, test_size=self.test_fraction, random_state=self.seed)
        try:
            sides = list(splitter.split(fovs.fov_ids, fovs.labels.astype(str)))
        except ValueError as error:
            raise FoldError(
                f"{self.test_fraction} does not fit these FOVs: {error}", setting="test_fraction"
            ) from error
        sides = [fovs.with_all_classes(train, test) for train, test in sides]
        folds = [split_of(fovs, *fovs.inner(train, self.validation_fraction, self.seed), test) for train, test in sides]
        check_plan(folds, manifest, "fold=hold_out")
        return folds


class FromFile:
    """Folds read from a ``folds.json`` that an earlier run or the user wrote.

    Args:
        path: The file: ``{"folds": [{"train": [...], "val": [...], "test": [...]}, ...]}``.
        index: The fold to train, from 0.
        n_folds: Number of folds that the file is expected to hold; None does not check it.

    Raises:
        FoldError: The file is absent or not such a file.
        ConfigError: The file has no fold ``index``, or holds another number of folds.
    """

    def __init__(self, path: str, index: int = 0, n_folds: int | None = None) -> None:
        self.path, self.index = Path(path), index
        self.folds = read_plan(self.path)
        if n_folds not in (None, len(self.folds)):
            raise ConfigError(f"{path} holds {len(self.folds)} folds, found {n_folds}", setting="n_folds")
        check_index(index, len(self.folds))
        self.n_folds = len(self.folds)

    def plan(self, manifest: Manifest) -> list[Split]:
        """Return the folds of the file, if it fits the manifest.

        Raises:
            FoldError: The file names FOVs that the manifest does not hold, or one on two sides.
        """
        check_plan(self.folds, manifest, str(self.path))
        return self.folds


def write_plan(path: Path, folds: Sequence[Split]) -> None:
    """Write all folds as ``folds.json``."""
    write_json(path, {"folds": [asdict(split) for split in folds]})


def read_plan(path: Path) -> list[Split]:
    """Read a ``folds.json``.

    Raises:
        FoldError: The file is absent or not such a file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        folds = [
            Split(*(tuple(map(str, fold[side])) for side in (TRAIN, VALIDATION, TEST))) for fold in content["folds"]
        ]
        if not folds:
            raise ValueError("no folds")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FoldError(
            f'{path}: expected {{"folds": [{{"train": [names], "val": [names], "test": [names]}}, ...]}}, '
            f"found {type(error).__name__}: {error}; change path"
        ) from error
    return folds


def check_plan(folds: Sequence[Split], manifest: Manifest, where: str) -> None:
    """Check folds against the manifest.

    Raises:
        FoldError: A FOV is unknown, unlabelled, named twice or on two sides; a side is empty; a group is on two sides.
    """
    labelled = with_classes(manifest)
    known = dict(zip(labelled[schema.FOV_ID], labelled[schema.GROUP], strict=True))
    for index, split in enumerate(folds):
        sides = {TRAIN: split.train, VALIDATION: split.val, TEST: split.test}
        for side, names in sides.items():
            _check_side(names, known, f"{where}: fold {index}", side)
        for one, other in ((TRAIN, VALIDATION), (TRAIN, TEST), (VALIDATION, TEST)):
            both = sorted(set(sides[one]) & set(sides[other]))
            if both:
                raise FoldError(f"{where}: fold {index} has {both[:5]} in {one} and in {other}; change path")
            shared = {known[name] for name in sides[one]} & {known[name] for name in sides[other]} - {None}
            if shared:
                raise FoldError(
                    f"{where}: fold {index} has the groups {sorted(shared)[:5]} in {one} and in {other}; "
                    f"use fold=stratified_group, or {group_advice(manifest.table)}"
                )


def _check_side(names: Sequence[str], known: Mapping[str, str | None], where: str, side: str) -> None:
    strange = [name for name in names if name not in known]
    if strange:
        raise FoldError(
            f"{where} names {len(strange)} FOVs for {side} that the manifest does not hold with a label, such as "
            f"{strange[:5]}; they failed, or path belongs to other data"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise FoldError(f"{where} names {twice[:5]} more than once for {side}; change path")
    if not names:
        raise FoldError(f"{where} has no FOV for {side}; change path")
