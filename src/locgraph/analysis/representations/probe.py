"""The probe that no benchmark goes without: how units were taken, and where, as far as their vectors tell it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from locgraph.analysis.representations.classification import accuracy, class_ranks, classify
from locgraph.analysis.representations.regression import cross_validated_r2
from locgraph.analysis.representations.scores import (
    BALANCED_ACCURACY,
    PROBE_GROUP,
    PROBE_R2,
    TOP,
    Score,
    absent,
    scored,
)
from locgraph.analysis.representations.unit_folds import class_folds
from locgraph.errors import DataError

COUNT, DENSITY, PRECISION, SIZE = "count", "density", "precision", "size"
COVARIATES: Final = (COUNT, DENSITY, PRECISION, SIZE)
"""Numbers that are asked of the vectors, as their logarithm."""
COUNT_ALONE, COVARIATES_ALONE = "count alone", "all four alone"
"""Names of the controls: classifiers that see the count, or all of `COVARIATES`, in place of a vector."""


def probe_vectors(
    vectors: np.ndarray,
    covariates: Mapping[str, np.ndarray],
    groups: np.ndarray | None,
    owners: np.ndarray,
    fovs: np.ndarray,
    n_folds: int,
    repeats: int,
    seed: int,
) -> list[Score]:
    """Ask of the vectors how units were taken, and in which experiment.

    Args:
        vectors: (N, L) float64.
        covariates: Names of `COVARIATES` -> (N,) float64, NaN where it is not known.
        groups: (N,) experiment of each unit: patient, coverslip; None where there are none.
        owners: (N,) what units belong to in all other tests: the group where there are groups.
        fovs: (N,) FOV of each unit, never on both sides where the group is asked for.
        n_folds: Upper limit of the number of folds.
        repeats: How often units are divided anew.
        seed: Of folds and bootstrap.

    Returns:
        R2 of the logarithm of each number, and the balanced accuracy of the group beside that of chance; a reason in
        place of what cannot be asked.
    """
    scores: list[Score] = []
    for name in COVARIATES:
        try:
            values = log_values(covariates.get(name))
            rows = np.flatnonzero(~np.isnan(values))
            interval = cross_validated_r2(vectors[rows], values[rows], owners[rows], n_folds, repeats, seed)
        except DataError as error:
            scores += absent([PROBE_R2], str(error), name)
        else:
            note = f"logarithm, {n_folds} folds, {repeats} times"
            scores.append(scored(PROBE_R2, interval, len(rows), about=name, chance=0.0, note=note))
    return [*scores, _probe_group(vectors, groups, fovs, n_folds, seed)]


def _probe_group(vectors: np.ndarray, groups: np.ndarray | None, fovs: np.ndarray, n_folds: int, seed: int) -> Score:
    if groups is None:
        return Score(PROBE_GROUP, None, reason="the units have no groups (experiments, patients, coverslips)")
    try:
        folds = class_folds(groups, fovs, n_folds, seed)
    except DataError as error:
        return Score(PROBE_GROUP, None, reason=f"groups: {error}")
    ranks = class_ranks(vectors, groups, folds)
    tested = ~np.isnan(ranks)
    interval = accuracy((ranks <= 1)[tested], groups[tested], fovs[tested], balanced=True)
    chance = 1 / len(np.unique(groups))
    return scored(PROBE_GROUP, interval, int(tested.sum()), chance=chance, note=f"{len(folds)} folds")


def classify_by_covariates(
    covariates: Mapping[str, np.ndarray], labels: np.ndarray, owners: np.ndarray, n_folds: int, seed: int
) -> dict[str, list[Score]]:
    """Classify units by how they were taken, with the classifier and the folds of the vectors.

    Args:
        covariates: Names of `COVARIATES` -> (N,) float64, NaN where it is not known.
        labels: (N,) classes.
        owners: (N,) what units belong to.
        n_folds: Upper limit of the number of folds.
        seed: Of the folds.

    Returns:
        `COUNT_ALONE` and `COVARIATES_ALONE` -> scores.
    """
    columns = {}
    for name in COVARIATES:
        try:
            columns[name] = log_values(covariates.get(name))  # gaps count as the mean of the training side
        except DataError:
            continue
    inputs = {COUNT_ALONE: [COUNT], COVARIATES_ALONE: list(columns)}
    scores = {}
    for control, names in inputs.items():
        if not names or any(name not in columns for name in names):
            scores[control] = absent([TOP[1], BALANCED_ACCURACY], "the tables do not hold it")
            continue
        values = np.stack([columns[name] for name in names], axis=1)
        scores[control] = classify(values, labels, owners, n_folds, seed)
    return scores


def log_values(values: np.ndarray | None) -> np.ndarray:
    """Return the logarithm of a covariate (N,), NaN where it is not known or 0.

    Raises:
        DataError: It is known of no unit.
    """
    usable = np.zeros(0, bool) if values is None else np.isfinite(values) & (values > 0)
    if values is None or not usable.any():
        raise DataError("the tables do not hold it")
    return np.log(values, out=np.full(len(values), np.nan), where=usable)
