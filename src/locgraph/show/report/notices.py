"""Notices on everything that limits the numbers of a report."""

from __future__ import annotations

from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.controls import COUNT_ALONE, MAJORITY_CLASS, PAIR_DISTANCES_AND_COUNT
from locgraph.analysis.sweeps.outcomes import MODEL
from locgraph.analysis.sweeps.summary_text import NOT_ANALYSED
from locgraph.data.fold_classes import SIDE_WORDS, absent_classes
from locgraph.data.folds import TEST, TRAIN, VALIDATION, Split
from locgraph.preparation.classes import describe_failures
from locgraph.show.report.data import differing_versions
from locgraph.show.report.parts import INFO, MISSING, WARNING, Note
from locgraph.show.report.source import Absent, Source
from locgraph.show.report.style import interval_text, listed, many, number, one_line, plain

FEW_PER_CLASS: Final = 10
"""Of fewer test FOVs of a class, its scores are uncertain."""

_UNEQUAL: Final = 3.0
_LEAK: Final = 0.15


def notices(source: Source) -> tuple[Note, ...]:
    """Return everything that limits the numbers, the gravest first."""
    of_results = (_missing_folds, _no_predictions, _classes, _absent_classes, _against_controls, _leak)
    of_data = (_failures, _warnings, _independence, _single_run, _versions)
    return tuple(note for check in (*of_results, *of_data) for note in check(source))


def _missing_folds(source: Source) -> list[Note]:
    missing = source.summary.missing
    if not missing:
        return []
    names = listed([str(fold) for fold in missing], 20)
    reasons = "; ".join(f"fold {fold}: {one_line(source.summary.reasons[fold], 200)}" for fold in missing)
    head = f"Incomplete: {'fold' if len(missing) == 1 else 'folds'} {names} of {len(source.summary.expected_folds)} "
    return [
        Note(f"{head}{'is' if len(missing) == 1 else 'are'} missing. All numbers leave them out. {reasons}", WARNING)
    ]


def _no_predictions(source: Source) -> list[Note]:
    gaps = source.without_predictions
    if not gaps:
        return []
    words = "; ".join(f"fold {fold}: {reason}" for fold, reason in gaps.items())
    return [Note(f"Calibration, maps and gallery leave out folds without predictions. {words}", MISSING)]


def _classes(source: Source) -> list[Note]:
    counts = dict(zip(source.class_names, source.summary.confusion.sum(axis=1).tolist(), strict=True))
    tested = {name: value for name, value in counts.items() if value}
    notes = []
    if len(tested) == 1:
        (name,) = tested
        words = f"All test cases are of one class, {name}: accuracy then means nothing, and there is no AUROC."
        notes.append(Note(words, WARNING))
    elif len(tested) < len(counts):
        absent = [name for name in counts if name not in tested]
        notes.append(Note(f"No test case is of class {listed(absent)}.", WARNING))
    if source.of_localisations:
        words = (
            "Localisations of one FOV are not independent: only the interval over folds is valid, not one of pooled "
            "counts."
        )
        return [*notes, Note(words, INFO)]
    few = [f"{name} ({value})" for name, value in tested.items() if value < FEW_PER_CLASS]
    if few:
        words = (
            f"Fewer than {FEW_PER_CLASS} test FOVs of {listed(few)}: scores of "
            f"{'this class' if len(few) == 1 else 'these classes'} are uncertain."
        )
        notes.append(Note(words, WARNING))
    if len(tested) > 1 and max(tested.values()) >= _UNEQUAL * min(tested.values()):
        words = (
            "Classes are of unequal size: read the balanced accuracy, since always predicting the largest class "
            "scores well otherwise."
        )
        notes.append(Note(words, INFO))
    return notes


def _absent_classes(source: Source) -> list[Note]:
    if isinstance(source.manifest, Absent) or source.of_localisations:
        return []
    labels = dict(source.manifest.table.select(schema.FOV_ID, schema.LABEL).iter_rows())
    lacking: dict[tuple[str, str], list[str]] = {}
    for run in source.completed:
        if all(run.split.get(side) for side in (TRAIN, VALIDATION, TEST)):
            split = Split(*(run.split[side] for side in (TRAIN, VALIDATION, TEST)))
            for side, names in absent_classes(split, labels).items():
                lacking.setdefault((side, listed(names)), []).append(str(run.fold))
    return [
        Note(
            f"No {SIDE_WORDS[side]} FOV is of {names} in {'fold' if len(folds) == 1 else 'folds'} {listed(folds)}: "
            + ("the epoch is chosen without it." if side == VALIDATION else "its scores there are missing."),
            WARNING,
        )
        for (side, names), folds in lacking.items()
    ]


def _against_controls(source: Source) -> list[Note]:
    best = source.summary.best_control()
    if best is None:
        if source.of_localisations:
            return []
        return [Note("There are no controls to compare with: train with controls=true.", MISSING)]
    lead = source.summary.lead_over(best[0])
    if lead is None:
        return []
    name = plain(best[0])
    if lead.estimate <= 0:
        words = f"The model does not beat the best simple classifier, {name} ({number(best[1])}). {_of_which(source)}"
        return [Note(words, WARNING)]
    if lead.low is not None and lead.low <= 0:
        words = (
            f"The model is ahead of the best simple classifier, {name}, by {number(lead.estimate)}, which may be "
            f"chance (95 % interval {interval_text(lead.low, lead.high)}). {_of_which(source)}"
        )
        return [Note(words, INFO)]
    return []


def _of_which(source: Source) -> str:
    more = "" if source.summary.analysed else f" {NOT_ANALYSED.replace('`', '')}"
    return f"It is the best of the {source.summary.n_rivals()} that ran.{more}"


def _leak(source: Source) -> list[Note]:
    means = {name: values[0] for name, values in source.summary.intervals().items()}
    if COUNT_ALONE not in means or MAJORITY_CLASS not in means:
        return []
    if means[COUNT_ALONE] - means[MAJORITY_CLASS] < _LEAK:
        return []
    words = (
        f"The number of localisations alone predicts {number(means[COUNT_ALONE])} of the FOVs correctly, the most "
        f"frequent class {number(means[MAJORITY_CLASS])}: brightness or recording time may give classes away. See "
        f"{plain(PAIR_DISTANCES_AND_COUNT)} and equal counts among the controls."
    )
    return [Note(words, INFO)] if MODEL in means else []


def _failures(source: Source) -> list[Note]:
    if isinstance(source.manifest, Absent):
        return []
    failures = source.manifest.failures
    if not failures:
        return []
    shown = "; ".join(f"{name}: {one_line(reason, 160)}" for name, reason in sorted(failures.items())[:5])
    more = f"; and {len(failures) - 5} more" if len(failures) > 5 else ""
    verb = "was" if len(failures) == 1 else "were"
    by_class = describe_failures(source.manifest)
    words = f"{many(len(failures), 'FOV')} could not be used and {verb} left out. {shown}{more}"
    words += f". {by_class[:1].upper()}{by_class[1:]}." if by_class else ""
    return [Note(words, WARNING)]


def _warnings(source: Source) -> list[Note]:
    """Return what the runs warned of themselves, such as FOVs far from the rest, each once with its folds."""
    folds: dict[str, list[str]] = {}
    for run in source.completed:
        for warning in run.metrics.get("warnings") or ():
            folds.setdefault(str(warning), []).append(str(run.fold))
    notes = []
    for warning, where in folds.items():
        words = warning[:1].upper() + warning[1:] + "."
        some = f" (folds {listed(where, 20)})" if len(where) < len(source.completed) else ""
        notes.append(Note(one_line(words, 1200) + some, WARNING))
    return notes


def _independence(source: Source) -> list[Note]:
    if isinstance(source.manifest, Absent):
        return []
    table = source.manifest.table
    notes = []
    if table.height < 3 * FEW_PER_CLASS:
        notes.append(Note(f"The data set has {many(table.height, 'FOV')}: every number below is uncertain.", WARNING))
    if table.filter(pl.col(schema.GROUP).is_not_null()).is_empty():
        words = (
            "No groups are known: FOVs of one coverslip, animal or patient may lie on both sides of a split, which "
            "makes results too good. Give the groups with groups=table, groups=folders or groups=regex."
        )
        notes.append(Note(words, INFO))
    return notes


def _single_run(source: Source) -> list[Note]:
    n_folds = source.completed[0].metrics.get("n_folds") or source.completed[0].record.get("n_folds")
    if source.is_sweep or not isinstance(n_folds, int) or n_folds < 2:
        return []
    fold = source.completed[0].fold
    words = f"One run, fold {fold} of {n_folds}: how much folds differ is not known. Train all with sweep=kfold."
    return [Note(words, INFO)]


def _versions(source: Source) -> list[Note]:
    names = differing_versions(source.completed)
    return [Note(f"Folds were made with different versions of {listed(names)}.", WARNING)] if names else []
