"""Folds of units that share owners: clusters of one field of view (FOV), objects of one FOV, FOVs of one patient."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from locgraph.errors import DataError

Fold = tuple[np.ndarray, np.ndarray]
"""Rows of the training and of the test side, (T,) and (S,) int64."""


def class_folds(labels: np.ndarray, owners: np.ndarray, n_folds: int, seed: int) -> list[Fold]:
    """Return stratified folds in which no owner is on both sides.

    Args:
        labels: (N,) classes.
        owners: (N,) what each unit belongs to; units without company have a name of their own.
        n_folds: Upper limit; a class with fewer owners lowers it.
        seed: Of the shuffle.

    Returns:
        The folds; those whose training side lacks a class are left out.

    Raises:
        DataError: There are fewer than two classes, or a class has one owner alone, so that none is left to test it.
    """
    classes = np.unique(labels)
    if len(classes) < 2:
        raise DataError(f"expected units of at least two classes, found {classes.tolist()}")
    sizes = {str(name): len(np.unique(owners[labels == name])) for name in classes}
    if min(sizes.values()) < 2:
        alone = sorted(name for name, size in sizes.items() if size < 2)
        raise DataError(
            f"expected at least two units of each class that share no group or FOV; {', '.join(alone[:5])} "
            f"{'has' if len(alone) == 1 else 'have'} one"
        )
    number = min(n_folds, *sizes.values())
    single = len(np.unique(owners)) == len(owners)
    splitter = (StratifiedKFold if single else StratifiedGroupKFold)(number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class in y has only")
        folds = list(splitter.split(labels, labels, None if single else owners))
    kept = [(train, test) for train, test in folds if len(test) and len(np.unique(labels[train])) == len(classes)]
    if not kept:
        raise DataError("no fold has units of every class in training: too few groups or FOVs have several classes")
    return kept


def owner_folds(owners: np.ndarray, n_folds: int, seed: int) -> list[Fold]:
    """Return folds of about equal size in which no owner is on both sides, whatever the classes.

    Raises:
        DataError: There is a single owner.
    """
    names, places, sizes = np.unique(owners, return_inverse=True, return_counts=True)
    number = min(n_folds, len(names))
    if number < 2:
        raise DataError("expected units of at least two groups or FOVs, of which some are left out in turn; found one")
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, fold_of = np.zeros(number), np.empty(len(names), dtype=np.int64)
    for owner in order:
        fold_of[owner] = int(filled.argmin())
        filled[fold_of[owner]] += sizes[owner]
    folds = fold_of[places]
    return [(np.flatnonzero(folds != index), np.flatnonzero(folds == index)) for index in range(number)]


def out_of_fold(folds: list[Fold], predict: Callable[[np.ndarray, np.ndarray], np.ndarray], n: int) -> np.ndarray:
    """Return what each unit is predicted by the fold that tests it; NaN for units that none tests.

    Args:
        folds: The folds.
        predict: Takes rows of the training and of the test side, gives (S, ...) float64.
        n: Number of units N.

    Returns:
        (N, ...) float64.
    """
    results: np.ndarray | None = None
    for train, test in folds:
        values = predict(train, test)
        if results is None:
            results = np.full((n, *values.shape[1:]), np.nan)
        results[test] = values
    if results is None:
        raise DataError("expected at least one fold, found none")
    return results
