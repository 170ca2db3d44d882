"""Classifiers and controls of an analysis, on the folds of the network, and FOVs to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.comparison import Entry, classifiers_as_entries, compare, controls_as_entries, runs_as_entries
from locgraph.analysis.control_inputs import read_inputs
from locgraph.analysis.controls import predict_controls
from locgraph.analysis.cross_validation import (
    CLASSIFIER,
    INNER_SCORE,
    Fold,
    Samples,
    cross_validate,
    make_folds,
    overlap_of_folds,
)
from locgraph.analysis.importance import importance
from locgraph.analysis.representatives import misclassified, representatives
from locgraph.analysis.results import FEATURES, Analysis, set_words, with_set
from locgraph.analysis.settings import HAND_MADE, LEARNED, SAME
from locgraph.analysis.sweeps.outcomes import overlap_of
from locgraph.data.folds import TEST

Progress = Callable[[Sequence[Any], str], Iterable[Any]]
"""Wraps a sequence, for example to show progress; takes a description too."""


def without_progress(items: Sequence[Any], description: str) -> Iterable[Any]:
    """Return the items: show no progress."""
    del description
    return items


def add_classifiers(analysis: Analysis, progress: Progress = without_progress) -> None:
    """Add scores, predictions, importance, representatives and misclassified FOVs to the tables of an analysis."""
    classes = analysis.source.class_names
    if len(classes) < 2:
        present = f"the class {classes[0]} alone" if classes else "no classes"
        analysis.warn(f"no classifiers, tests of classes or representatives: the FOVs have {present}")
    else:
        _add_methods(analysis, progress)
        _add_representatives(analysis)
    _add_misclassified(analysis)


def _add_methods(analysis: Analysis, progress: Progress) -> None:
    source = analysis.source
    of_fovs = {fold: result for fold, result in source.results.items() if not result.of_localisations}
    if len(of_fovs) < len(source.results):
        analysis.warn("the network names classes of localisations: it is not compared with classifiers of FOVs")
    of_runs = runs_as_entries(of_fovs)
    entries, controls = of_runs[:1], of_runs[1:]
    folds = _hand_made_folds(analysis)
    if folds:
        entries += _fit(analysis, HAND_MADE, folds, progress)
        _add_importance(analysis, folds)
    learned = _learned_folds(analysis)
    if learned:
        entries += _fit(analysis, LEARNED, learned, progress)
    used = folds or learned
    entries += controls or _controls(analysis, used, progress)
    analysis.folds, analysis.chance = tuple(fold.index for fold in used), _chance(used)
    if entries:
        overlap = overlap_of_folds(used) if used else overlap_of(list(of_fovs.values()))
        analysis.tables["classifiers"] = compare(entries, overlap)
    results = analysis.cross_validations
    if results:
        analysis.tables["classifier_folds"] = pl.concat(_named(each.scores, key) for key, each in results.items())
        predictions = pl.concat(_named(each.predictions, key) for key, each in results.items())
        analysis.tables["classifier_predictions"] = predictions


def _hand_made_folds(analysis: Analysis) -> list[Fold]:
    """Return the folds of the network, or new ones, with hand-made features; none without these."""
    source, settings = analysis.source, analysis.settings
    samples = None
    if analysis.hand_made is not None:
        samples = analysis.attempt("classifiers", Samples.of, analysis.hand_made)
    if samples is None:
        return []
    if source.plan:
        known = source.results or source.vectors
        plan = {index: split for index, split in source.plan.items() if settings.folds != SAME or index in known}
        return [Fold(index, samples, (*split.train, *split.val), split.test) for index, split in plan.items()]
    folds, notes = analysis.attempt("classifiers", make_folds, samples, settings.n_folds, settings.seed) or ([], ())
    analysis.warn(*notes)
    return folds


def _learned_folds(analysis: Analysis) -> list[Fold]:
    folds = []
    for index, features in analysis.learned.items():
        samples = analysis.attempt(set_words(LEARNED, index), Samples.of, features)
        if samples is None:
            continue
        sides = analysis.sides[index]
        train = tuple(name for name, side in sides.items() if side != TEST)
        folds.append(Fold(index, samples, train, tuple(name for name, side in sides.items() if side == TEST)))
    missing = sorted(set(analysis.source.results) - {fold.index for fold in folds})
    if folds and missing:
        analysis.warn(f"no classifiers of learned vectors for the folds {missing}")
    if folds and analysis.settings.classifiers and not any("train" in s.values() for s in analysis.sides.values()):
        sizes = sorted({len(fold.train_rows) for fold in folds})
        number = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else f"{sizes[0]}"
        analysis.warn(
            f"classifiers of learned vectors learn from the {number} validation FOVs of each fold alone, which chose "
            "its epoch; those of hand-made features learn from training FOVs too"
        )
    return folds


def _fit(analysis: Analysis, name: str, folds: Sequence[Fold], progress: Progress) -> list[Entry]:
    settings, words = analysis.settings, name.replace("_", "-")
    if not settings.classifiers:
        analysis.warn("no classifier is chosen: see analysis.classifiers")
        return []
    with analysis.part(f"classifiers of {words} features"):
        results = cross_validate(
            folds,
            settings.classifiers,
            settings.inner_folds,
            settings.seed,
            lambda pairs: progress(list(pairs), f"classifiers, {words}"),
        )
    analysis.warn(*_shorten(results.notes, words))
    analysis.cross_validations[name] = results
    if name == HAND_MADE:
        inner = results.scores.group_by(CLASSIFIER, maintain_order=True).agg(pl.col(INNER_SCORE).mean())
        known = inner.drop_nulls().sort(INNER_SCORE, descending=True, maintain_order=True)
        analysis.best_classifier = known[CLASSIFIER][0] if known.height else None
    return classifiers_as_entries(results, name, _groups(analysis))


def _shorten(notes: Sequence[str], words: str) -> list[str]:
    """Return notes of single folds with the same note of a classifier once, and its folds."""
    folds: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        place, _, text = note.partition(": ")
        classifier, _, fold = place.partition(", fold ")
        folds.setdefault((classifier, text), []).append(fold)
    return [
        f"{classifier} on {words} features, fold {', '.join(several)}: {text}"
        for (classifier, text), several in folds.items()
    ]


def _add_importance(analysis: Analysis, folds: Sequence[Fold]) -> None:
    results, settings = analysis.cross_validations.get(HAND_MADE), analysis.settings
    if results is None or not results.fits or settings.importance_repeats == 0:
        return
    with analysis.part("importance"):
        analysis.tables["importance"] = importance(
            results, folds, analysis.feature_of, settings.importance_repeats, settings.seed
        )


def _controls(analysis: Analysis, folds: Sequence[Fold], progress: Progress) -> list[Entry]:
    """Return controls that training did not make."""
    source, settings = analysis.source, analysis.settings
    if not settings.controls or not folds:
        return []
    with analysis.part("controls"):
        names = sorted({name for fold in folds for name in (*fold.train, *fold.test)})
        inputs = read_inputs(source.tables, names, source.manifest.table)
        labels = dict(source.manifest.table.select(schema.FOV_ID, schema.LABEL).iter_rows())
        tables = {}
        for fold in progress(folds, "controls"):
            what = f"controls, fold {fold.index}"
            predicted = analysis.attempt(what, predict_controls, inputs, labels, fold.train, fold.test, settings.seed)
            if predicted is not None:
                tables[fold.index] = predicted
    return controls_as_entries(tables, _groups(analysis))


def _groups(analysis: Analysis) -> dict[str, str | None]:
    return dict(analysis.source.manifest.table.select(schema.FOV_ID, schema.GROUP).iter_rows())


def _add_representatives(analysis: Analysis) -> None:
    tables = []
    for name, fold, features in analysis.feature_sets():
        samples = analysis.attempt(f"representatives, {set_words(name, fold)}", Samples.of, features)
        if samples is not None:
            tables.append(with_set(representatives(samples, analysis.settings.representatives), name, fold))
    if tables:
        analysis.tables["representatives"] = pl.concat(tables)


def _add_misclassified(analysis: Analysis) -> None:
    source = analysis.source
    if source.predictions is None:
        if source.results:
            analysis.warn("no run has predictions of FOVs: there is no list of those that the network calls wrongly")
        return
    results = analysis.cross_validations.get(HAND_MADE)
    by_classifiers = None if results is None else results.predictions
    table = analysis.attempt("misclassified FOVs", misclassified, source.predictions, by_classifiers)
    if table is not None:
        analysis.tables["misclassified"] = table


def _chance(folds: Sequence[Fold]) -> float | None:
    """Return the accuracy of the most frequent training class, mean over folds."""
    values = []
    for fold in folds:
        names, counts = np.unique(fold.samples.labels[fold.train_rows], return_counts=True)
        tested = fold.samples.labels[fold.test_rows]
        if len(names) and len(tested):
            values.append(float((tested == names[counts.argmax()]).mean()))
    return float(np.mean(values)) if values else None


def _named(table: pl.DataFrame, features: str) -> pl.DataFrame:
    return table.select(pl.lit(features).alias(FEATURES), pl.all())
