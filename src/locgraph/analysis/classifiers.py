"""Classifiers of scikit-learn that see training FOVs alone: standardised, filled and tuned by nothing else."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline

from locgraph.errors import ConfigError, DataError
from locgraph.stats.metrics import balanced_accuracy
from locgraph.stats.standardise import varies

_STEP: Final = "classifier"
SETTING: Final = "analysis.classifiers"


class Standardise(TransformerMixin, BaseEstimator):
    """Mean 0 and standard deviation 1 over what it is fitted to; gaps become 0, constant columns stay 0.

    A column that is constant in training can tell nothing, whatever it does in a test, so it is silenced there too.
    """

    def fit(self, values: np.ndarray, labels: np.ndarray | None = None) -> Standardise:
        """Takes the means and standard deviations of (N, F) float64; labels are not looked at."""
        del labels
        useful = varies(values)
        known = np.where(np.isnan(values), 0.0, values)
        counts = np.maximum((~np.isnan(values)).sum(axis=0), 1)
        self.means_ = known.sum(axis=0) / counts
        spread = np.sqrt((np.where(np.isnan(values), 0.0, values - self.means_) ** 2).sum(axis=0) / counts)
        self.factors_ = np.where(useful, 1.0 / np.where(useful, spread, 1.0), 0.0)
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Scales (M, F) float64."""
        return np.where(np.isnan(values), 0.0, values - self.means_) * self.factors_


@dataclass(frozen=True)
class Fitted:
    """A classifier that has learned.

    Attributes:
        pipeline: Takes raw values (M, F) float64, gives class names.
        settings: The settings of the grid that were chosen; empty where nothing was.
        inner_score: Balanced accuracy of these settings within the training FOVs; None where nothing was chosen.
        notes: What was remarkable, in words.
    """

    pipeline: Pipeline
    settings: dict[str, Any]
    inner_score: float | None
    notes: tuple[str, ...]


class Tuned:
    """A classifier whose settings are chosen within the training FOVs.

    Args:
        estimator: A classifier of scikit-learn, or one that behaves like it.
        grid: Setting -> values to try; none tries nothing.

    Raises:
        ConfigError: ``estimator`` is no classifier, or the grid names a setting that it does not have, or no value.
    """

    def __init__(self, estimator: BaseEstimator, grid: Mapping[str, Sequence[Any]] | None = None) -> None:
        name = type(estimator).__name__
        if not (hasattr(estimator, "get_params") and is_classifier(estimator)):
            raise ConfigError(f"{SETTING}: expected a classifier as scikit-learn knows them, found {name}")
        known = estimator.get_params()
        for setting, values in (grid or {}).items():
            if setting not in known:
                raise ConfigError(f"{SETTING}: {name} has no setting {setting!r}; it has {', '.join(sorted(known))}")
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                raise ConfigError(f"{SETTING}: grid.{setting} of {name} must be a list of values, found {values!r}")
        self.estimator, self.grid = estimator, {key: list(values) for key, values in (grid or {}).items()}

    def fit(
        self, values: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, inner_folds: int, seed: int
    ) -> Fitted:
        """Chooses settings by cross-validation within the training FOVs, and learns from all of these with the best.

        Args:
            values: (N, F) float64 of the training FOVs, raw; NaN where a number is missing.
            labels: Class names (N,).
            groups: Groups (N,), which inner folds do not tear; None where there are none.
            inner_folds: Number of inner folds; fewer where a class has fewer FOVs or groups.
            seed: Of the inner folds and of the classifier.

        Raises:
            DataError: The training FOVs are of one class, or there is none.
            ConfigError: The classifier refuses one of its settings.
        """
        if len(np.unique(labels)) < 2:
            raise DataError(f"a classifier needs training FOVs of two classes, found {np.unique(labels).tolist()}")
        pipeline = self._pipeline(seed)
        splits = inner_splits(labels, groups, inner_folds, seed) if self._chooses() else []
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                if not splits:
                    fitted, settings, score = pipeline.fit(values, labels), {}, None
                else:
                    search = self._search(pipeline, splits).fit(values, labels)
                    fitted, score = search.best_estimator_, float(search.best_score_)
                    settings = {key.removeprefix(f"{_STEP}__"): found for key, found in search.best_params_.items()}
                # some classifiers learn from too few FOVs, and refuse only to use it
                fitted.predict(values)
            except (ValueError, TypeError) as error:
                # scikit-learn may put whole stack traces into a message: the reason is in its last line
                reason = str(error).strip().splitlines()[-1].strip()
                raise ConfigError(
                    f"{SETTING}: {type(self.estimator).__name__} refuses {len(labels)} training FOVs with the grid "
                    f"{self.grid}: {reason}"
                ) from error
        notes = _notes(told)
        if self._chooses() and not splits:
            notes = (*notes, "nothing was tuned: some class has too few training FOVs or groups for two inner folds")
        return Fitted(fitted, settings, score, notes)

    def _chooses(self) -> bool:
        return any(len(values) > 1 for values in self.grid.values())

    def _pipeline(self, seed: int) -> Pipeline:
        estimator = clone(self.estimator)
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=seed)
        # a setting with a single value is no choice, and holds also where nothing is tuned
        estimator.set_params(**{key: values[0] for key, values in self.grid.items() if len(values) == 1})
        return Pipeline([("standardise", Standardise()), (_STEP, estimator)])

    def _search(self, pipeline: Pipeline, splits: list[tuple[np.ndarray, np.ndarray]]) -> GridSearchCV:
        grid = {f"{_STEP}__{key}": values for key, values in self.grid.items()}
        # settings that so few FOVs do not allow, such as more neighbours than FOVs, are left out and noted
        return GridSearchCV(pipeline, grid, scoring=_score, cv=splits, n_jobs=1)


def certainty_of(pipeline: Any, values: np.ndarray) -> np.ndarray | None:
    """Return how likely each class is for a classifier of scikit-learn.

    Returns:
        (N, K) float64 in the order of its ``classes_``; None where it gives neither probabilities nor a decision
        function.
    """
    if hasattr(pipeline, "predict_proba"):
        return np.asarray(pipeline.predict_proba(values), dtype=np.float64)
    if hasattr(pipeline, "decision_function"):
        decision = np.asarray(pipeline.decision_function(values), dtype=np.float64)
        return np.stack([-decision, decision], axis=1) if decision.ndim == 1 else decision
    return None


def inner_splits(
    labels: np.ndarray, groups: np.ndarray | None, n_folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Inner folds of a training side: stratified, in whole groups where there are groups.

    Args:
        labels: Class names (N,).
        groups: Groups (N,), or None.
        n_folds: How many at most; a class with fewer FOVs (or groups) makes it fewer.
        seed: Of the shuffle.

    Returns:
        Rows of the inner training and validation sides; none where a class has one FOV (or group) alone, and folds
        without a class on the inner training side left out.
    """
    classes = np.unique(labels)
    if groups is None:
        smallest = min(int((labels == name).sum()) for name in classes)
    else:
        smallest = min(len(np.unique(groups[labels == name])) for name in classes)
    if min(n_folds, smallest) < 2:
        return []
    splitter = (StratifiedKFold if groups is None else StratifiedGroupKFold)(
        min(n_folds, smallest), shuffle=True, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class in y has only")
        found = list(splitter.split(labels, labels, groups))
    return [(train, val) for train, val in found if len(val) and len(np.unique(labels[train])) == len(classes)]


def _score(pipeline: Pipeline, values: np.ndarray, labels: np.ndarray) -> float:
    return balanced_accuracy(labels, pipeline.predict(values))


def _notes(told: list[warnings.WarningMessage]) -> tuple[str, ...]:
    """Warnings of scikit-learn in one line each, the same ones once."""
    slow = sum(issubclass(warning.category, ConvergenceWarning) for warning in told)
    others = [warning for warning in told if not issubclass(warning.category, ConvergenceWarning)]
    texts = {" ".join(str(warning.message).split()) for warning in others}
    failed = {text for text in texts if re.search(r"fits failed|Scoring failed|scores are non-finite", text)}
    notes = [f"{slow} fits stopped before they had converged: raise max_iter"] if slow else []
    if failed:
        notes.append("some settings of the grid do not work with so few training FOVs, and were left out")
    return (*notes, *sorted(texts - failed))
