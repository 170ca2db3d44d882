"""Classifiers of scikit-learn whose standardisation and settings come from training FOVs alone."""

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


class Standardiser(TransformerMixin, BaseEstimator):
    """Standardisation by the means and standard deviations of the training FOVs; gaps and constant columns become 0.

    A column that is constant in training carries no information, so it is 0 in a test too.
    """

    def fit(self, values: np.ndarray, labels: np.ndarray | None = None) -> Standardiser:
        """Compute means and standard deviations of (N, F) float64; labels are not used."""
        del labels
        useful = varies(values)
        known = np.where(np.isnan(values), 0.0, values)
        counts = np.maximum((~np.isnan(values)).sum(axis=0), 1)
        self.means_ = known.sum(axis=0) / counts
        deviations = np.sqrt((np.where(np.isnan(values), 0.0, values - self.means_) ** 2).sum(axis=0) / counts)
        self.factors_ = np.where(useful, 1.0 / np.where(useful, deviations, 1.0), 0.0)
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Scale (M, F) float64."""
        return np.where(np.isnan(values), 0.0, values - self.means_) * self.factors_


@dataclass(frozen=True)
class FittedClassifier:
    """A fitted classifier.

    Attributes:
        pipeline: Takes raw values (M, F) float64, gives class names.
        settings: The chosen settings of the grid; empty where there was no choice.
        inner_score: Balanced accuracy of these settings within the training FOVs; None where there was no choice.
        notes: Warnings of scikit-learn, and why nothing was tuned.
    """

    pipeline: Pipeline
    settings: dict[str, Any]
    inner_score: float | None
    notes: tuple[str, ...]


class TunedClassifier:
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
            raise ConfigError(f"expected a classifier of scikit-learn, found {name}", setting="estimator")
        known = estimator.get_params()
        for setting, values in (grid or {}).items():
            if setting not in known:
                raise ConfigError(
                    f"{name} has no setting {setting!r}; it has {', '.join(sorted(known))}", setting="grid"
                )
            if isinstance(values, str) or not isinstance(values, Sequence) or not values:
                raise ConfigError(f"expected a list of values, found {values!r}", setting=f"grid.{setting}")
        self.estimator, self.grid = estimator, {key: list(values) for key, values in (grid or {}).items()}

    def fit(
        self, values: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, inner_folds: int, seed: int
    ) -> FittedClassifier:
        """Choose settings by cross-validation within the training FOVs, and fit the best to all of them.

        Args:
            values: (N, F) float64 of the training FOVs, raw; NaN where there is no value.
            labels: Class names (N,).
            groups: Groups (N,), which inner folds keep whole; None where there are none.
            inner_folds: Number of inner folds; fewer where a class has fewer FOVs or groups.
            seed: Of the inner folds and of the classifier.

        Raises:
            DataError: The training FOVs are of one class, or there is none.
            ConfigError: The classifier rejects one of its settings.
        """
        if len(np.unique(labels)) < 2:
            raise DataError(f"a classifier needs training FOVs of two classes, found {np.unique(labels).tolist()}")
        pipeline = self._pipeline(seed)
        splits = inner_splits(labels, groups, inner_folds, seed) if self._chooses() else []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                if not splits:
                    fitted, settings, score = pipeline.fit(values, labels), {}, None
                else:
                    search = self._search(pipeline, splits).fit(values, labels)
                    fitted, score = search.best_estimator_, float(search.best_score_)
                    settings = {key.removeprefix(f"{_STEP}__"): value for key, value in search.best_params_.items()}
                # some classifiers accept too few FOVs, and fail only when they predict
                fitted.predict(values)
            except (ValueError, TypeError) as error:
                # scikit-learn may put whole stack traces into a message: its last line holds the reason
                reason = str(error).strip().splitlines()[-1].strip()
                raise ConfigError(
                    f"{type(self.estimator).__name__} refuses {len(labels)} training FOVs with the grid "
                    f"{self.grid}: {reason}"
                ) from error
        notes = _notes(caught)
        if self._chooses() and not splits:
            notes = (*notes, "nothing was tuned: some class has too few training FOVs or groups for two inner folds")
        return FittedClassifier(fitted, settings, score, notes)

    def _chooses(self) -> bool:
        return any(len(values) > 1 for values in self.grid.values())

    def _pipeline(self, seed: int) -> Pipeline:
        estimator = clone(self.estimator)
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=seed)
        # a setting with a single value is no choice, and holds also where nothing is tuned
        estimator.set_params(**{key: values[0] for key, values in self.grid.items() if len(values) == 1})
        return Pipeline([("standardise", Standardiser()), (_STEP, estimator)])

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
    """Return stratified inner folds of a training side, of whole groups where there are groups.

    Args:
        labels: Class names (N,).
        groups: Groups (N,), or None.
        n_folds: Upper limit; a class with fewer FOVs (or groups) lowers it.
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
        splits = list(splitter.split(labels, labels, groups))
    return [(train, val) for train, val in splits if len(val) and len(np.unique(labels[train])) == len(classes)]


def _score(pipeline: Pipeline, values: np.ndarray, labels: np.ndarray) -> float:
    return balanced_accuracy(labels, pipeline.predict(values))


def _notes(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return warnings of scikit-learn in one line each, without repetition."""
    slow = sum(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    others = [warning for warning in caught if not issubclass(warning.category, ConvergenceWarning)]
    texts = {" ".join(str(warning.message).split()) for warning in others}
    failed = {text for text in texts if re.search(r"fits failed|Scoring failed|scores are non-finite", text)}
    notes = [f"{slow} fits stopped before they had converged: raise max_iter"] if slow else []
    if failed:
        notes.append("some settings of the grid do not work with so few training FOVs, and were left out")
    return (*notes, *sorted(texts - failed))
