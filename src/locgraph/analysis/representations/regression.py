"""How much of a number is in the vectors: linear regression, tested on units that it was not fitted to."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline

from locgraph.analysis.classifiers import Standardiser
from locgraph.analysis.representations.unit_folds import out_of_fold, owner_folds
from locgraph.errors import DataError
from locgraph.stats.bootstrap import ratio_interval
from locgraph.stats.intervals import Interval

_PENALTIES: Final = (1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4)
FEWEST_UNITS: Final = 10
"""Of fewer units nothing is regressed."""


def cross_validated_r2(
    vectors: np.ndarray, targets: np.ndarray, owners: np.ndarray, n_folds: int, repeats: int, seed: int
) -> Interval:
    """Return the coefficient of determination of a linear regression on units of other owners.

    R2 is 1 - sum of squared errors / sum of squared distances from the mean of the training side: 0 for vectors that
    hold nothing of the target, and below 0 for a regression that is worse than the mean. The penalty of the ridge is
    chosen within each training side by leave-one-out error; the smallest is that of least squares, whose errors know no
    limit where vectors have more values than there are units.

    Args:
        vectors: (N, L) float64.
        targets: (N,) float64, finite.
        owners: (N,) what units belong to; an owner is never on both sides.
        n_folds: Upper limit of the number of folds.
        repeats: How often units are divided anew.
        seed: Of folds and bootstrap.

    Returns:
        R2 over all repeats, with the interval of the bootstrap over owners.

    Raises:
        DataError: There are too few units or owners, or the target is the same for all.
    """
    if len(targets) < FEWEST_UNITS:
        raise DataError(f"a regression needs at least {FEWEST_UNITS} units, found {len(targets)}")
    if np.ptp(targets) <= 1e-12 * np.abs(targets).max():
        raise DataError("it is the same for every unit")

    def predict(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        fitted = Pipeline([("standardise", Standardiser()), ("regress", RidgeCV(_PENALTIES))])
        predicted = fitted.fit(vectors[train], targets[train]).predict(vectors[test])
        mean = targets[train].mean()
        return np.stack([(targets[test] - predicted) ** 2, (targets[test] - mean) ** 2], axis=1)

    squares = np.zeros((len(targets), 2))
    for repeat in range(repeats):
        squares += out_of_fold(owner_folds(owners, n_folds, seed + repeat), predict, len(targets))
    ratio = ratio_interval(squares[:, 0], squares[:, 1], owners, seed)
    low = None if ratio.high is None else 1 - ratio.high
    high = None if ratio.low is None else 1 - ratio.low
    return Interval(1 - ratio.estimate, low, high, ratio.reason)
