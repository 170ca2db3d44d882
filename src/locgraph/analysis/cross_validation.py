"""Cross-validation: classifiers are fitted to the training FOVs of each fold and tested on its test FOVs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from locgraph import schema
from locgraph.analysis.classifiers import FittedClassifier, TunedClassifier, certainty_of
from locgraph.analysis.feature_table import FeatureTable
from locgraph.errors import DataError, LocgraphError
from locgraph.stats.metrics import METRICS, class_scores
from locgraph.stats.standardise import varies

CLASSIFIER: Final = "classifier"
N_TRAIN: Final = "n_train"
N_TEST: Final = "n_test"
INNER_SCORE: Final = "inner_score"
SETTINGS: Final = "settings"
_SHOWN: Final = 5


@dataclass(frozen=True)
class Samples:
    """Labelled FOVs and their features, both sorted by name: the order of a table changes no result.

    Attributes:
        fov_ids: Names (N,).
        columns: Names of the features (F,).
        values: (N, F) float64; NaN where a FOV has no value.
        labels: Class names (N,) of type str.
        groups: Groups (N,) of type str; None where FOVs have none.
    """

    fov_ids: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None

    @classmethod
    def of(cls, features: FeatureTable) -> Samples:
        """Return the FOVs whose class is known.

        Args:
            features: Features of FOVs, one row for each; groups count only where every FOV has one.

        Raises:
            DataError: A FOV is named twice, there is no feature, or no FOV has a class.
        """
        known = features.labelled().table.sort(schema.FOV_ID)
        if not features.columns or known.is_empty():
            raise DataError(
                f"expected FOVs with classes and features, found {known.height} FOVs with a class and "
                f"{len(features.columns)} features: see labels and features"
            )
        twice = known.filter(pl.col(schema.FOV_ID).is_duplicated())[schema.FOV_ID].unique().sort()
        if len(twice):
            raise DataError(f"expected one row for each FOV, found several of {', '.join(twice.head(_SHOWN))}")
        columns = tuple(sorted(features.columns))
        values = known.select(pl.col(name).cast(pl.Float64) for name in columns).to_numpy().astype(np.float64)
        grouped = schema.GROUP in known.columns and known[schema.GROUP].null_count() == 0
        return cls(
            fov_ids=tuple(known[schema.FOV_ID].to_list()),
            columns=columns,
            values=np.where(np.isfinite(values), values, np.nan),
            labels=np.array(known[schema.LABEL].to_list(), dtype=str),
            groups=np.array(known[schema.GROUP].to_list(), dtype=str) if grouped else None,
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, sorted."""
        return tuple(np.unique(self.labels).tolist())

    def rows(self, fov_ids: Sequence[str]) -> np.ndarray:
        """Return the rows (M,) int64 of some FOVs, sorted; unknown FOVs are left out."""
        place = {name: row for row, name in enumerate(self.fov_ids)}
        return np.array(sorted(place[name] for name in fov_ids if name in place), dtype=np.int64)

    def gaps(self) -> dict[str, int]:
        """Return the number of FOVs without a value by column, of columns with gaps."""
        counts = np.isnan(self.values).sum(axis=0)
        return {name: int(count) for name, count in zip(self.columns, counts, strict=True) if count}

    def constant(self) -> tuple[str, ...]:
        """Return the columns without information: the same number for every FOV, or none."""
        return tuple(name for name, same in zip(self.columns, ~varies(self.values), strict=True) if same)


@dataclass(frozen=True)
class Fold:
    """FOVs of one fold and their features.

    Attributes:
        index: The fold.
        samples: Features of the FOVs; learned vectors differ from fold to fold.
        train: Names of the FOVs that classifiers are fitted to; validation FOVs are among them, as for the controls.
        test: Names of the FOVs for the test.
    """

    index: int
    samples: Samples
    train: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def train_rows(self) -> np.ndarray:
        """Rows of the training FOVs in the samples."""
        return self.samples.rows(self.train)

    @property
    def test_rows(self) -> np.ndarray:
        """Rows of the test FOVs in the samples."""
        return self.samples.rows(self.test)


@dataclass(frozen=True)
class CrossValidation:
    """Results of cross-validation.

    Attributes:
        scores: One row for each classifier and fold: ``classifier``, ``fold``, ``n_train``, ``n_test``, the metrics,
            ``inner_score`` (balanced accuracy within the training FOVs of the settings that were chosen) and
            ``settings`` (JSON).
        predictions: One row for each classifier and test FOV: ``classifier``, ``fold``, ``fov_id``, ``truth``,
            ``prediction``.
        fits: (classifier, fold) -> fitted classifier.
        notes: Classifiers that were left out, and warnings.
    """

    scores: pl.DataFrame
    predictions: pl.DataFrame
    fits: Mapping[tuple[str, int], FittedClassifier]
    notes: tuple[str, ...]


def overlap_of_folds(folds: Sequence[Fold]) -> float:
    """Return n_test / n_train, the mean over folds; 0 without folds."""
    known = [len(fold.test_rows) / len(fold.train_rows) for fold in folds if len(fold.train_rows)]
    return float(np.mean(known)) if known else 0.0


def make_folds(samples: Samples, n_folds: int, seed: int) -> tuple[list[Fold], tuple[str, ...]]:
    """Make stratified folds, of whole groups where every FOV has one.

    Without groups the test sides are those of ``fold=stratified`` with the same seed.

    Args:
        samples: The FOVs.
        n_folds: Number of folds; fewer where a class has fewer FOVs (or groups).
        seed: Of the shuffle.

    Returns:
        The folds, and notes on classes and folds that were left out.

    Raises:
        DataError: Fewer than two classes have two FOVs (or groups).
    """
    sizes = {name: _cases(samples, samples.labels == name) for name in samples.class_names}
    small = sorted(name for name, size in sizes.items() if size < 2)
    what = "FOVs" if samples.groups is None else "groups"
    if len(sizes) - len(small) < 2:
        raise DataError(f"folds need two classes with at least two {what} each, found {sizes}")
    notes = [f"the classes {', '.join(small)} have fewer than two {what} and are not classified"] if small else []
    fewest = min(size for size in sizes.values() if size >= 2)
    if fewest < n_folds:
        notes.append(f"{fewest} folds instead of {n_folds}: a class has no more {what}")
    rows = np.flatnonzero(~np.isin(samples.labels, small))
    labels, names = samples.labels[rows], [samples.fov_ids[row] for row in rows]
    groups = None if samples.groups is None else samples.groups[rows]
    splitter = (StratifiedKFold if groups is None else StratifiedGroupKFold)(
        min(n_folds, fewest), shuffle=True, random_state=seed
    )
    folds = [
        Fold(index, samples, tuple(names[row] for row in train), tuple(names[row] for row in test))
        for index, (train, test) in enumerate(splitter.split(labels, labels, groups))
    ]
    return [fold for fold in folds if fold.test], tuple(notes)


def _cases(samples: Samples, chosen: np.ndarray) -> int:
    """Return the number of FOVs, or of groups if there are any, among the rows (N,) bool."""
    return int(chosen.sum()) if samples.groups is None else len(np.unique(samples.groups[chosen]))


def cross_validate(
    folds: Sequence[Fold],
    classifiers: Mapping[str, TunedClassifier],
    inner_folds: int,
    seed: int,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> CrossValidation:
    """Fit every classifier on every fold.

    Args:
        folds: The folds.
        classifiers: Name -> classifier.
        inner_folds: Number of folds within the training FOVs that choose settings.
        seed: Of inner folds and classifiers.
        progress: Wraps the pairs of classifier and fold, for example to show progress.

    Returns:
        Scores, predictions and fits; a classifier that fails in a fold is left out there and noted.
    """
    fits: dict[tuple[str, int], FittedClassifier] = {}
    notes: list[str] = []
    for name, fold in progress([(name, fold) for name in classifiers for fold in folds]):
        samples, rows = fold.samples, fold.train_rows
        groups = None if samples.groups is None else samples.groups[rows]
        try:
            fitted = classifiers[name].fit(samples.values[rows], samples.labels[rows], groups, inner_folds, seed)
        except LocgraphError as error:
            notes.append(f"{name}, fold {fold.index}: left out: {error}")
            continue
        fits[name, fold.index] = fitted
        notes += [f"{name}, fold {fold.index}: {note}" for note in fitted.notes]
    by_index = {fold.index: fold for fold in folds}
    tested = [
        (name, by_index[index], result) for (name, index), result in fits.items() if len(by_index[index].test_rows)
    ]
    return CrossValidation(_scores(tested), _predictions(tested), fits, tuple(notes))


def _scores(tested: Sequence[tuple[str, Fold, FittedClassifier]]) -> pl.DataFrame:
    rows = []
    for name, fold, fitted in tested:
        values, truth = fold.samples.values[fold.test_rows], fold.samples.labels[fold.test_rows]
        pipeline = fitted.pipeline
        scores = class_scores(
            truth, pipeline.predict(values), certainty_of(pipeline, values), pipeline.classes_.tolist()
        )
        about = {CLASSIFIER: name, schema.FOLD: fold.index, N_TRAIN: len(fold.train_rows), N_TEST: len(truth)}
        chosen = {INNER_SCORE: fitted.inner_score, SETTINGS: json.dumps(fitted.settings, default=str)}
        rows.append({**about, **{metric: scores.get(metric) for metric in METRICS}, **chosen})
    whole, real = (schema.FOLD, N_TRAIN, N_TEST), (*METRICS, INNER_SCORE)
    types = {
        CLASSIFIER: pl.String,
        **dict.fromkeys(whole, pl.Int64),
        **dict.fromkeys(real, pl.Float64),
        SETTINGS: pl.String,
    }
    return pl.DataFrame(rows, schema=types)


def _predictions(tested: Sequence[tuple[str, Fold, FittedClassifier]]) -> pl.DataFrame:
    parts = [
        pl.DataFrame(
            {
                CLASSIFIER: [name] * len(rows),
                schema.FOLD: np.full(len(rows), fold.index, dtype=np.int64),
                schema.FOV_ID: [fold.samples.fov_ids[row] for row in rows],
                schema.TRUTH: fold.samples.labels[rows].tolist(),
                schema.PREDICTION: fitted.pipeline.predict(fold.samples.values[rows]).tolist(),
            }
        )
        for name, fold, fitted in tested
        for rows in [fold.test_rows]
    ]
    names = (CLASSIFIER, schema.FOLD, schema.FOV_ID, schema.TRUTH, schema.PREDICTION)
    types = {name: pl.Int64 if name == schema.FOLD else pl.String for name in names}
    return pl.concat(parts) if parts else pl.DataFrame(schema=types)
