"""Simple classifiers on the folds of the network, beside it and the controls; what they tell of features and FOVs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
from rich.progress import track

from locgraph import schema
from locgraph.analysis.comparison import Entry, compare, controls_as_entries, entries_of, runs_as_entries
from locgraph.analysis.controls import run_controls
from locgraph.analysis.cross_validation import CLASSIFIER, CrossValidated, Fold, cross_validate, make_folds
from locgraph.analysis.importance import importance
from locgraph.analysis.representatives import misclassified, representatives
from locgraph.analysis.samples import Samples
from locgraph.analysis.whole_fovs import whole_fovs
from locgraph.cli.analysis_features import FeatureSets
from locgraph.cli.analysis_findings import Findings
from locgraph.cli.analysis_settings import HAND_MADE, LEARNED, SAME, AnalysisSettings
from locgraph.cli.analysis_source import Material
from locgraph.cli.analysis_statistics import FEATURES, spaces, where
from locgraph.data.folds import TEST

NO_CLASSES: Final = "no classifiers, tests of classes or representatives: the FOVs have {found}"


@dataclass
class Classified:
    """What classifiers reached.

    Attributes:
        best: Classifier of hand-made features that did best within the training FOVs; None where nothing was tuned.
        chance: Accuracy of always naming the most frequent class; None where it is not known.
        folds: The folds that were used.
        found: Set of features -> results.
    """

    best: str | None = None
    chance: float | None = None
    folds: tuple[int, ...] = ()
    found: dict[str, CrossValidated] = field(default_factory=dict)


def add_classifiers(
    material: Material,
    sets: FeatureSets,
    settings: AnalysisSettings,
    feature_of: Mapping[str, str],
    findings: Findings,
) -> Classified:
    """Adds scores, settings, predictions, importance, representatives and wrong FOVs to the tables."""
    done = Classified()
    if len(material.class_names) < 2:
        found = f"the class {material.class_names[0]} alone" if material.class_names else "no classes"
        findings.warn(NO_CLASSES.format(found=found))
    else:
        _classify(material, sets, settings, feature_of, findings, done)
        _add_representatives(sets, settings, findings)
    _add_misclassified(material, findings, done)
    return done


def _classify(
    material: Material,
    sets: FeatureSets,
    settings: AnalysisSettings,
    feature_of: Mapping[str, str],
    findings: Findings,
    done: Classified,
) -> None:
    entries = []
    of_fovs = {fold: result for fold, result in material.results.items() if not result.of_localisations}
    if len(of_fovs) < len(material.results):
        findings.warn("the network names classes of localisations: it is not compared with classifiers of FOVs")
    tested = {fold: split.test for fold, split in material.plan.items()}
    of_network = runs_as_entries(of_fovs, tested)
    entries += of_network[:1]
    folds = _hand_made_folds(material, sets, settings, findings)
    if folds and sets.hand_made is not None:
        entries += _fit(HAND_MADE, folds, settings, findings, done)
        _add_importance(folds, settings, feature_of, findings, done)
    learned = _learned_folds(material, sets, settings, findings)
    if learned:
        entries += _fit(LEARNED, learned, settings, findings, done)
    entries += of_network[1:] or _controls(material, folds or learned, settings, findings)
    done.folds = tuple(fold.index for fold in folds or learned)
    if entries:
        findings.tables["classifiers"] = compare(entries)
    scores = [_named(found.scores, name) for name, found in done.found.items()]
    said = [_named(found.predictions, name) for name, found in done.found.items()]
    if scores:
        findings.tables["classifier_folds"] = pl.concat(scores)
        findings.tables["classifier_predictions"] = pl.concat(said)
    done.chance = _chance(folds or learned)


def _hand_made_folds(
    material: Material, sets: FeatureSets, settings: AnalysisSettings, findings: Findings
) -> list[Fold]:
    """Folds with hand-made features; without these, with no features but names and classes for the controls."""
    features = sets.hand_made
    if features is None:
        return []
    samples = findings.attempt("classifiers", lambda: Samples.of(features))
    if samples is None:
        return []
    if material.results:
        wanted = material.results if settings.folds == SAME else material.plan
        return [
            Fold(index, samples, (*material.plan[index].train, *material.plan[index].val), material.plan[index].test)
            for index in wanted
            if index in material.plan
        ]
    made = findings.attempt("classifiers", lambda: make_folds(samples, settings.n_folds, settings.seed))
    folds, notes = made or ([], ())
    findings.warn(*notes)
    return folds


def _learned_folds(material: Material, sets: FeatureSets, settings: AnalysisSettings, findings: Findings) -> list[Fold]:
    folds = []
    for index, features in sets.learned.items():
        samples = findings.attempt(where(LEARNED, index), lambda rows=features: Samples.of(rows))  # type: ignore[misc]
        if samples is None:
            continue
        names: dict[bool, list[str]] = {True: [], False: []}
        for name, split in sets.splits[index].items():
            names[split == TEST].append(name)
        folds.append(Fold(index, samples, tuple(names[False]), tuple(names[True])))
    missing = sorted(set(material.results) - {fold.index for fold in folds})
    if folds and missing:
        findings.warn(f"no classifiers of learned vectors for the folds {missing}")
    sides = {split for splits in sets.splits.values() for split in splits.values()}
    if folds and settings.classifiers and "train" not in sides:
        sizes = sorted({len(fold.train_rows) for fold in folds})
        number = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else f"{sizes[0]}"
        findings.warn(
            f"classifiers of learned vectors learn from the {number} validation FOVs of each fold alone, which chose "
            "its epoch; those of hand-made features learn from training FOVs too"
        )
    return folds


def _fit(
    name: str, folds: Sequence[Fold], settings: AnalysisSettings, findings: Findings, done: Classified
) -> list[Entry]:
    if not settings.classifiers:
        findings.warn("no classifier is chosen: see analysis.classifiers")
        return []

    def progress(pairs: Any) -> Any:
        return track(list(pairs), description=f"classifiers, {name.replace('_', '-')}", transient=True)

    with findings.part(f"classifiers of {name.replace('_', '-')} features"):
        found = cross_validate(folds, settings.classifiers, settings.inner_folds, settings.seed, progress)
    findings.warn(*_shortened(found.notes, name))
    done.found[name] = found
    if name == HAND_MADE:
        inner = found.scores.group_by(CLASSIFIER, maintain_order=True).agg(pl.col("inner_score").mean())
        known = inner.drop_nulls().sort("inner_score", descending=True, maintain_order=True)
        done.best = known[CLASSIFIER][0] if known.height else None
    return entries_of(found, name)


def _shortened(notes: Sequence[str], name: str) -> list[str]:
    """Notes of all folds: the same note of a classifier once, with the folds."""
    folds: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        place, _, text = note.partition(": ")
        classifier, _, fold = place.partition(", fold ")
        folds.setdefault((classifier, text), []).append(fold)
    return [
        f"{classifier} on {name.replace('_', '-')} features, fold {', '.join(found)}: {text}"
        for (classifier, text), found in folds.items()
    ]


def _add_importance(
    folds: Sequence[Fold],
    settings: AnalysisSettings,
    feature_of: Mapping[str, str],
    findings: Findings,
    done: Classified,
) -> None:
    found = done.found.get(HAND_MADE)
    if found is None or not found.fits or settings.importance_repeats == 0:
        return
    with findings.part("importance"):
        findings.tables["importance"] = importance(found, folds, feature_of, settings.importance_repeats, settings.seed)


def _controls(material: Material, folds: Sequence[Fold], settings: AnalysisSettings, findings: Findings) -> list[Entry]:
    """Controls that training did not make, on the localisations that a network would see."""
    if not settings.controls or not folds:
        return []
    with findings.part("controls"):
        names = sorted({name for fold in folds for name in (*fold.train, *fold.test)})
        positions = {
            fov.fov_id: fov.locs.select(schema.position_columns(fov.dimensions)).to_numpy()
            for fov in whole_fovs(material.tables, names)
        }
        table = material.manifest.table
        labels = dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True))
        tables = {}
        for fold in track(folds, description="controls", transient=True):
            rows = findings.attempt(
                f"controls, fold {fold.index}",
                lambda own=fold: run_controls(positions, labels, own.train, own.test, settings.seed),  # type: ignore[misc]
            )
            if rows is not None:
                tables[fold.index] = rows.to_dicts()
    return controls_as_entries(tables, {fold.index: fold.test for fold in folds})


def _add_representatives(sets: FeatureSets, settings: AnalysisSettings, findings: Findings) -> None:
    tables = []
    for name, fold, features in spaces(sets):
        found = findings.attempt(
            f"representatives, {where(name, fold)}",
            lambda rows=features: representatives(Samples.of(rows), settings.representatives),  # type: ignore[misc]
        )
        if found is not None:
            tables.append(
                found.select(pl.lit(name).alias(FEATURES), pl.lit(fold, dtype=pl.Int64).alias(schema.FOLD), pl.all())
            )
    if tables:
        findings.tables["representatives"] = pl.concat(tables)


def _add_misclassified(material: Material, findings: Findings, done: Classified) -> None:
    if material.predictions is None:
        if material.results:
            findings.warn("no run has predictions of FOVs: there is no list of those that the network calls wrongly")
        return
    by_classifiers = done.found[HAND_MADE].predictions if HAND_MADE in done.found else None
    predictions = material.predictions
    found = findings.attempt("misclassified FOVs", lambda: misclassified(predictions, by_classifiers))
    if found is not None:
        findings.tables["misclassified"] = found


def _chance(folds: Sequence[Fold]) -> float | None:
    """Accuracy of the most frequent training class, mean over folds."""
    values = []
    for fold in folds:
        names, counts = np.unique(fold.samples.labels[fold.train_rows], return_counts=True)
        tested = fold.samples.labels[fold.test_rows]
        if len(names) and len(tested):
            values.append(float((tested == names[counts.argmax()]).mean()))
    return float(np.mean(values)) if values else None


def _named(table: pl.DataFrame, features: str) -> pl.DataFrame:
    return table.select(pl.lit(features).alias(FEATURES), pl.all())
