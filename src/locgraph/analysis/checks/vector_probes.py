"""What learned vectors hold beyond the class: the batch, and how a field of view (FOV) was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from sklearn.model_selection import StratifiedKFold

from locgraph import schema
from locgraph.analysis.checks.acquisition import COUNT, DENSITY, PRECISION
from locgraph.data.folds import TEST
from locgraph.stats.intervals import LEVEL
from locgraph.stats.metrics import BALANCED_ACCURACY, balanced_accuracy

VECTOR: Final = "vector"
GROUP: Final = "group"
R2: Final = "r2"
NUMBERS: Final = (COUNT, DENSITY, PRECISION)
"""Numbers whose logarithm is asked of the vectors."""

_FOLDS: Final = 5
_PERMUTATIONS: Final = 99
_PENALTIES: Final = (0.1, 1.0, 10.0, 100.0, 1000.0)
_BOOTSTRAPS: Final = 1000
_FEWEST: Final = 8
"""With fewer test FOVs in a fold nothing is fitted."""


@dataclass(frozen=True)
class _Ridge:
    """Ridge regression on the training rows of one split, for any targets (kernel form).

    The penalty is that of `_PENALTIES` times the mean eigenvalue of the kernel with the least leave-one-out error on
    the training rows, which the eigenvectors give without refitting (Golub, Heath and Wahba 1979,
    10.1080/00401706.1979.10489751). Splits and kernels do not depend on the targets, so that permutations are cheap.

    Attributes:
        train: Training rows (T,).
        test: Test rows (S,).
        vectors: Eigenvectors (T, T) of the kernel.
        values: Eigenvalues (T,).
        cross: Kernel between test and training rows (S, T).
    """

    train: np.ndarray
    test: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    cross: np.ndarray

    def predict(self, targets: np.ndarray) -> np.ndarray:
        """Return predictions (S, M) from centred targets (T, M) of the training rows."""
        turned = self.vectors.T @ targets
        mean = float(self.values.mean()) or 1.0  # constant vectors say nothing
        errors = [self._left_out_error(targets, turned, penalty * mean) for penalty in _PENALTIES]
        penalty = _PENALTIES[int(np.argmin(errors))] * mean
        weights = self.vectors @ (turned / (self.values + penalty)[:, None])
        predictions: np.ndarray = self.cross @ weights
        return predictions

    def _left_out_error(self, targets: np.ndarray, turned: np.ndarray, penalty: float) -> float:
        shrinkage = self.values / (self.values + penalty)
        fitted = self.vectors @ (shrinkage[:, None] * turned)
        leverage = (self.vectors**2) @ shrinkage
        return float((((targets - fitted) / (1 - leverage)[:, None]) ** 2).sum())


@dataclass(frozen=True)
class WithinClasses:
    """Cross-validated ridge regression on vectors from which the means of the classes are taken.

    Vectors and targets are centred by the means of each class among the training rows of a split, so that what the
    class tells is in the baseline alone.

    Attributes:
        labels: Classes (N,).
        splits: The regression of each split.
    """

    labels: np.ndarray
    splits: tuple[_Ridge, ...]

    @classmethod
    def of(cls, vectors: np.ndarray, labels: np.ndarray) -> WithinClasses:
        """Prepare the splits of vectors (N, D) float64 with classes (N,); rows of classes with one FOV take no part."""
        names, owners, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        rows = np.flatnonzero(sizes[owners] > 1)
        n_folds = min(_FOLDS, int(sizes[sizes > 1].min()))
        splits = []
        for inside, outside in StratifiedKFold(n_folds, shuffle=True, random_state=0).split(rows, labels[rows]):
            train, test = rows[inside], rows[outside]
            means = _class_means(vectors[train], labels[train], names)
            known, new = vectors[train] - means[owners[train]], vectors[test] - means[owners[test]]
            deviation = known.std(axis=0)
            scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1.0), 0.0)
            known, new = known * scale, new * scale
            values, turn = np.linalg.eigh(known @ known.T)
            splits.append(_Ridge(train, test, turn, np.maximum(values, 0.0), new @ known.T))
        return cls(labels, tuple(splits))

    def predict(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict targets (N, M) float64 of each row from the others.

        Returns:
            Predictions by class alone, and by class and vector, each (N, M); NaN in rows that take no part.
        """
        names, owners = np.unique(self.labels, return_inverse=True)
        alone, together = np.full_like(targets, np.nan), np.full_like(targets, np.nan)
        for split in self.splits:
            means = _class_means(targets[split.train], self.labels[split.train], names)
            alone[split.test] = means[owners[split.test]]
            centred = targets[split.train] - means[owners[split.train]]
            together[split.test] = alone[split.test] + split.predict(centred)
        return alone, together


def _class_means(values: np.ndarray, labels: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return the mean (K, M) of each class; that of all rows for one without any."""
    return np.stack([values[labels == name].mean(axis=0) if name in labels else values.mean(axis=0) for name in names])


@dataclass(frozen=True)
class _Side:
    """The test side of one fold: its FOVs, and the regression on their vectors."""

    fovs: pl.DataFrame
    regression: WithinClasses


def probe_vectors(
    fovs: pl.DataFrame, vectors: Mapping[int, pl.DataFrame]
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Ask of the vectors of test FOVs, within classes, which group they are of, and how they were taken.

    Vectors of different networks cannot be compared, so that each fold is asked by itself.

    Args:
        fovs: ``fov_id``, ``label``, ``group`` and the numbers, of all FOVs.
        vectors: Fold -> ``fov_vectors.parquet``.

    Returns:
        Rows of the table of probes, and what could not be asked.
    """
    if not vectors:
        return [], ("learned vectors: the runs have none",)
    sides = [side for table in vectors.values() if (side := _side(fovs, table)) is not None]
    if not sides:
        return [], ("learned vectors: no fold tests two FOVs of a class, so that nothing can be asked within classes",)
    rows = [row for name in NUMBERS if (row := _probe_number(sides, name)) is not None]
    of_group, reason = _probe_group(sides)
    return rows + of_group, (reason,) if reason else ()


def _side(fovs: pl.DataFrame, vectors: pl.DataFrame) -> _Side | None:
    columns = [name for name in vectors.columns if name.startswith(schema.VECTOR_PREFIX)]
    tested = vectors.filter(pl.col(schema.SPLIT) == TEST).select(schema.FOV_ID, *columns)
    table = tested.join(fovs, on=schema.FOV_ID, how="inner").sort(schema.FOV_ID)
    labels = table[schema.LABEL].to_numpy().astype(str)
    repeated = table.filter(pl.col(schema.LABEL).is_duplicated()).height
    if repeated < _FEWEST:
        return None
    return _Side(table, WithinClasses.of(table.select(columns).cast(pl.Float64).to_numpy(), labels))


def _probe_number(sides: list[_Side], name: str) -> dict[str, Any] | None:
    parts = []
    for side in sides:
        values = side.fovs[name].to_numpy().astype(np.float64)
        if np.isnan(values).any() or (values <= 0).any():
            return None
        target = np.log(values)[:, None]
        alone, together = side.regression.predict(target)
        parts.append(np.concatenate([(target - alone) ** 2, (target - together) ** 2], axis=1))
    errors = np.concatenate(parts)
    errors = errors[~np.isnan(errors).any(axis=1)]
    if errors[:, 0].sum() <= 0:
        return None
    draws = np.random.default_rng(0).integers(len(errors), size=(_BOOTSTRAPS, len(errors)))
    sums = errors[draws].sum(axis=1)
    ends = np.quantile(
        1 - sums[:, 1] / np.maximum(sums[:, 0], np.finfo(np.float64).tiny), [0.5 - LEVEL / 2, 0.5 + LEVEL / 2]
    )
    return {
        "known": VECTOR,
        "asked": name,
        "metric": R2,
        "value": 1 - float(errors[:, 1].sum() / errors[:, 0].sum()),
        "interval_low": float(ends[0]),
        "interval_high": float(ends[1]),
        "chance": 0.0,
        "n_fovs": len(errors),
    }


def _probe_group(sides: list[_Side]) -> tuple[list[dict[str, Any]], str]:
    """Return how well vectors name the group within classes, with a permutation test, or why that is not known."""
    asked = [side for side in sides if _has_groups(side)]
    if not asked:
        if all(side.fovs[schema.GROUP].is_null().all() for side in sides):
            return [], ""  # said of the groups themselves already
        return [], "learned vectors: no test side has a class with FOVs of two groups, which they could tell apart"
    rng = np.random.default_rng(0)
    groups = [side.fovs[schema.GROUP].to_numpy().astype(str) for side in asked]
    alone, value = _name_groups(asked, groups)
    permuted = [
        _name_groups(
            asked, [_permute(own, side.regression.labels, rng) for own, side in zip(groups, asked, strict=True)]
        )[1]
        for _ in range(_PERMUTATIONS)
    ]
    row = {
        "known": VECTOR,
        "asked": GROUP,
        "metric": BALANCED_ACCURACY,
        "value": value,
        "interval_low": None,
        "interval_high": None,
        "chance": max(alone, float(np.mean(permuted))),
        "p": (1 + sum(other >= value for other in permuted)) / (1 + _PERMUTATIONS),
        "n_fovs": sum(map(len, groups)),
    }
    return [row], ""


def _has_groups(side: _Side) -> bool:
    """Return whether all FOVs have a group and some class has FOVs of two, at least one of them with two FOVs."""
    if side.fovs[schema.GROUP].is_null().any():
        return False
    sizes = side.fovs.group_by(schema.LABEL, schema.GROUP).len()
    of_class = sizes.group_by(schema.LABEL).agg(pl.len().alias("groups"), pl.col("len").max())
    return not of_class.filter(pl.col("groups") > 1, pl.col("len") > 1).is_empty()


def _permute(groups: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the groups shuffled within each class: what the class tells of them stays."""
    shuffled = groups.copy()
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        shuffled[rows] = groups[rng.permutation(rows)]
    return shuffled


def _name_groups(sides: list[_Side], groups: list[np.ndarray]) -> tuple[float, float]:
    """Return the balanced accuracy by class alone, and by class and vector, of all sides together."""
    truth, by_class, by_vector = [], [], []
    for side, own in zip(sides, groups, strict=True):
        names, codes, sizes = np.unique(own, return_inverse=True, return_counts=True)
        # each group counts alike
        targets = np.eye(len(names))[codes] / sizes
        alone, together = side.regression.predict(targets)
        rows = np.flatnonzero(~np.isnan(together).any(axis=1))
        truth.append(own[rows])
        by_class.append(names[alone[rows].argmax(axis=1)])
        by_vector.append(names[together[rows].argmax(axis=1)])
    expected = np.concatenate(truth)
    return balanced_accuracy(expected, np.concatenate(by_class)), balanced_accuracy(expected, np.concatenate(by_vector))
