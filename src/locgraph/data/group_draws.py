"""Draws of whole groups (patients, animals, coverslips) for folds and validation: of several the most complete."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Final

import numpy as np

from locgraph.data.labelled import LabelledFovs
from locgraph.errors import FoldError

DRAWS: Final = 30
"""Draws of the test sides that are compared where the first one leaves out a class."""
_INNER_DRAWS: Final = 5

Sides = tuple[np.ndarray, np.ndarray]
"""Rows of two sides, each (M,) int64."""


def draw_tests(fovs: LabelledFovs, n_folds: int, seed: int) -> list[Sides]:
    """Return the training and test side of each fold, with whole groups and classes in proportion.

    The first draw is that of scikit-learn's ``StratifiedGroupKFold`` with this seed. It is kept where every class is
    tested and trained on in as many folds as its groups allow. Otherwise the best of `DRAWS` is taken: fewest classes
    that training lacks, then that the test lacks, then that cannot be on both training and validation side, then
    classes nearest to their proportions.

    Args:
        fovs: FOVs with groups.
        n_folds: Number of folds.
        seed: Seed of the draws.
    """
    labels, groups = fovs.labels.astype(str), fovs.groups.astype(str)
    homes = {name: len(np.unique(groups[labels == name])) for name in np.unique(labels)}
    least = tuple(sum(column) for column in zip(*(_fewest_absent(n, n_folds) for n in homes.values()), strict=True))

    def absent(sides: list[Sides]) -> tuple[int, ...]:
        unseen = untested = narrow = 0
        for train, test in sides:
            unseen += sum(name not in labels[train] for name in homes)
            untested += sum(name not in labels[test] for name in homes)
            narrow += sum(len(np.unique(groups[train][labels[train] == name])) < 2 for name in homes)
        return unseen, untested, narrow

    draws = (_stratified(n_folds, draw_seed, labels, groups) for draw_seed in _seeds(seed, DRAWS))
    first = next(draws)
    if absent(first) == least:
        return first
    return min(
        [first, *draws],
        key=lambda sides: (*absent(sides), sum(_imbalance(labels, test) for _, test in sides)),
    )


def _fewest_absent(n_groups: int, n_folds: int) -> tuple[int, int, int]:
    """Return in how many folds a class of some groups is absent at least: from training, test, validation."""
    if n_groups == 1:
        return 1, n_folds - 1, n_folds
    return 0, max(n_folds - n_groups, 0), 2 if n_groups == 2 else 0


def draw_validation(fovs: LabelledFovs, rows: np.ndarray, fraction: float, seed: int) -> Sides:
    """Cut a training side into training and validation, in whole groups.

    Validation is one of 1 / ``fraction`` parts, rounded, at least two, and no more than there are groups. The first
    part of the first draw is kept where training has every class, and validation every one that has two groups.
    Otherwise other parts and draws are tried, then fewer parts, which are larger: the first that lacks no class is
    taken, else the one that lacks fewest.

    Args:
        fovs: FOVs with groups.
        rows: The training side (M,) int64.
        fraction: Part of it that becomes validation.
        seed: Seed of the draws.

    Returns:
        Rows of training and of validation.

    Raises:
        FoldError: The training side has a single group, or every class has a single FOV.
    """
    labels, groups = fovs.labels[rows].astype(str), fovs.groups[rows].astype(str)
    present, (names, sizes) = np.unique(groups).tolist(), np.unique(labels, return_counts=True)
    largest = min(max(2, round(1 / fraction)), len(present), int(sizes.max()))
    if largest < 2:
        raise FoldError(
            f"validation needs a group of its own, but the training side has {present} and {int(sizes.max())} FOVs of "
            "its largest class: use fewer folds, or more groups",
            setting="n_folds",
        )
    needed = [name for name in names if len(np.unique(groups[labels == name])) > 1]

    def absent(sides: Sides) -> tuple[int, int]:
        train, val = sides
        return sum(name not in labels[train] for name in names), sum(name not in labels[val] for name in needed)

    tried: list[Sides] = []
    for sides in _candidates(labels, groups, largest, seed):
        if absent(sides) == (0, 0):
            return rows[sides[0]], rows[sides[1]]
        tried.append(sides)
    train, val = min(tried, key=lambda sides: (*absent(sides), _imbalance(labels, sides[1])))
    return rows[train], rows[val]


def _candidates(labels: np.ndarray, groups: np.ndarray, largest: int, seed: int) -> Iterator[Sides]:
    for parts in range(largest, 1, -1):
        for draw_seed in _seeds(seed, _INNER_DRAWS):
            yield from _stratified(parts, draw_seed, labels, groups)


def _stratified(parts: int, seed: int, labels: np.ndarray, groups: np.ndarray) -> list[Sides]:
    from sklearn.model_selection import StratifiedGroupKFold  # slow to import

    with warnings.catch_warnings():
        # a class of few FOVs: which sides lack it is seen here, and is warned of by name
        warnings.filterwarnings("ignore", message="The least populated class in y has only")
        splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
        return list(splitter.split(labels, labels, groups))


def _seeds(seed: int, number: int) -> list[int]:
    """Return the seed itself, then others that follow from it."""
    return [seed, *np.random.default_rng(seed).integers(2**31, size=number - 1).tolist()]


def _imbalance(labels: np.ndarray, side: np.ndarray) -> float:
    """Return the sum over classes of how far their fraction on a side is from that of all FOVs."""
    return float(sum(abs((labels[side] == name).mean() - (labels == name).mean()) for name in np.unique(labels)))
