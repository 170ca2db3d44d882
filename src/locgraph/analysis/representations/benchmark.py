"""All numbers of a representation that its vectors alone determine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from locgraph.analysis.representations.baselines import HAND_MADE
from locgraph.analysis.representations.classification import classify, classify_unseen
from locgraph.analysis.representations.compactness import compactness_scores
from locgraph.analysis.representations.embeddings import Embeddings
from locgraph.analysis.representations.outliers import detect_outliers
from locgraph.analysis.representations.probe import classify_by_covariates, probe_vectors
from locgraph.analysis.representations.regression import cross_validated_r2
from locgraph.analysis.representations.scores import (
    BALANCED_ACCURACY,
    FACTOR_R2,
    NOVELTY,
    OUTLIERS_SUPERVISED,
    TOP,
    UNSEEN_ACCURACY,
    UNSEEN_BALANCED,
    Score,
    absent,
    scored,
)
from locgraph.analysis.representations.units import Units
from locgraph.errors import ConfigError, DataError
from locgraph.settings import check_choice, check_whole
from locgraph.stats.standardise import varies

RAW, STANDARDISED, AUTO = "raw", "standardised", "auto"
DISTANCES: Final = (AUTO, RAW, STANDARDISED)
_NO_CLASS: Final = "no unit has a class"


@dataclass(frozen=True)
class BenchmarkSettings:
    """How representations are compared.

    Args:
        n_folds: Folds of classifiers and regressions; fewer where a class has fewer units.
        repeats: How often units are divided anew for regressions.
        most_units: Of more a random choice, the same for all representations.
        outliers: Classes that are outliers together; none leaves out each class in turn.
        distances: Scale of distances: ``raw``, ``standardised`` columns, or ``auto``, which standardises those of
            hand-made features, whose units differ.
        n_angles: Random rotations of each unit.
        most_rotated: Units that are rotated and timed; of more a random choice.
        most_decoded: Units that are decoded; of more a random choice.
        n_pairs: Pairs of units of the evolution energy.
        seed: Of all that is random.
    """

    n_folds: int = 5
    repeats: int = 5
    most_units: int = 5000
    outliers: tuple[str, ...] = field(default=())
    distances: str = AUTO
    n_angles: int = 10
    most_rotated: int = 50
    most_decoded: int = 100
    n_pairs: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("n_folds", 2), ("repeats", 1), ("most_units", 20), ("n_angles", 1), ("most_rotated", 1)):
            check_whole(name, getattr(self, name), at_least=least)
        for name, least in (("most_decoded", 2), ("n_pairs", 1), ("seed", 0)):
            check_whole(name, getattr(self, name), at_least=least)
        check_choice("distances", self.distances, DISTANCES)
        given: Any = self.outliers
        if isinstance(given, str) or not all(isinstance(name, str) for name in given):
            raise ConfigError(f"expected a list of classes, found {given!r}", setting="outliers")
        object.__setattr__(self, "outliers", tuple(given))


def choose_rows(n: int, most: int, seed: int) -> np.ndarray:
    """Return the rows (M,) int64 of a random choice of at most ``most`` units, in order."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def check_outliers(settings: BenchmarkSettings, labels: np.ndarray) -> None:
    """Refuse outlier classes that no unit has.

    Raises:
        ConfigError: There is no such class.
    """
    present = {str(name) for name in labels if name is not None}
    unknown = [name for name in settings.outliers if name not in present]
    if unknown:
        raise ConfigError(
            f"expected classes of the units ({', '.join(sorted(present)) or 'none have one'}), found "
            f"{', '.join(unknown)}",
            setting="outliers",
        )


def vector_scores(
    embeddings: Embeddings, units: Units, settings: BenchmarkSettings, sides: tuple[np.ndarray, np.ndarray] | None
) -> list[Score]:
    """Return all scores that the vectors of a representation determine.

    Args:
        embeddings: Vectors and classes of the units.
        units: What else is known of them.
        settings: How they are compared.
        sides: Rows that the encoder has met and rows that it has not; None where that is not known.
    """
    seed, n_folds = settings.seed, settings.n_folds
    labelled = np.flatnonzero([name is not None for name in embeddings.labels])
    part, known = embeddings.take(labelled), units.take(labelled)
    labels = part.labels.astype(str)
    distances = scaled(embeddings, settings.distances)
    scores = _of_classes(part.vectors, labels, known, n_folds, seed)
    scores += _unseen(embeddings, units, sides)
    scores += probe_vectors(
        embeddings.vectors,
        units.covariates,
        units.groups,
        units.owners,
        units.fovs,
        n_folds,
        settings.repeats,
        seed,
    )
    if len(labels):
        scores += detect_outliers(
            part.vectors, distances[labelled], labels, known.owners, settings.outliers, n_folds, seed
        )
    else:
        scores += absent((NOVELTY, OUTLIERS_SUPERVISED), _NO_CLASS)
    scores += compactness_scores(distances, units.owners, seed)
    for name, values in units.factors.items():
        scores.append(_factor(embeddings.vectors, name, values, units.owners, settings))
    return scores


def control_scores(embeddings: Embeddings, units: Units, settings: BenchmarkSettings) -> dict[str, list[Score]]:
    """Return what the count, and all covariates, classify by themselves; none without classes."""
    labelled = np.flatnonzero([name is not None for name in embeddings.labels])
    if not len(labelled):
        return {}
    labels, known = embeddings.labels[labelled].astype(str), units.take(labelled)
    try:
        return classify_by_covariates(known.covariates, labels, known.owners, settings.n_folds, settings.seed)
    except DataError:
        return {}  # the row of the classification of each representation holds the reason


def scaled(embeddings: Embeddings, distances: str) -> np.ndarray:
    """Return vectors (N, L) in the scale in which distances between units are taken."""
    vectors = embeddings.vectors
    standardise = distances == STANDARDISED
    if distances == AUTO:
        # hand-made features have units of their own, so that the largest numbers would decide
        standardise = embeddings.record.get("model") == HAND_MADE
    if not standardise:
        return vectors
    useful = varies(vectors)
    kept = vectors[:, useful] if useful.any() else vectors[:, :1]
    deviation = kept.std(axis=0)
    return np.asarray((kept - kept.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0))


def _of_classes(vectors: np.ndarray, labels: np.ndarray, units: Units, n_folds: int, seed: int) -> list[Score]:
    metrics = (TOP[1], BALANCED_ACCURACY)
    if not len(labels):
        return absent(metrics, _NO_CLASS)
    return _guarded(metrics, lambda: classify(vectors, labels, units.owners, n_folds, seed))


def _unseen(embeddings: Embeddings, units: Units, sides: tuple[np.ndarray, np.ndarray] | None) -> list[Score]:
    metrics = (UNSEEN_ACCURACY, UNSEEN_BALANCED)
    if sides is None:
        return absent(metrics, "the encoder has met none of the units, or all of them")
    known = np.array([name is not None for name in embeddings.labels])
    if not known.any():
        return absent(metrics, _NO_CLASS)
    train, test = (rows[known[rows]] for rows in sides)
    if not len(test) or len({*embeddings.labels[train]}) < 2:
        return absent(metrics, "needs units with classes on both sides, of two classes in training")
    labels = np.array([str(name) for name in embeddings.labels])
    return _guarded(metrics, lambda: classify_unseen(embeddings.vectors, labels, units.owners, train, test))


def _factor(
    vectors: np.ndarray, name: str, values: np.ndarray, owners: np.ndarray, settings: BenchmarkSettings
) -> Score:
    rows = np.flatnonzero(~np.isnan(values))
    try:
        interval = cross_validated_r2(
            vectors[rows], values[rows], owners[rows], settings.n_folds, settings.repeats, settings.seed
        )
    except DataError as error:
        return absent([FACTOR_R2], str(error), name)[0]
    note = f"{settings.n_folds} folds, {settings.repeats} times"
    return scored(FACTOR_R2, interval, len(rows), about=name, chance=0.0, note=note)


def _guarded(metrics: tuple[str, ...], compute: Callable[[], list[Score]]) -> list[Score]:
    """Return scores, or a reason for each where they cannot be computed."""
    try:
        return compute()
    except DataError as error:
        return absent(metrics, str(error))
