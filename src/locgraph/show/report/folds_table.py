"""The folds: which there are, how large their sides are, and how long they took."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from locgraph import schema
from locgraph.show.report.absent import Absent
from locgraph.show.report.parts import INFO, WARNING, Note, Part, Section, Table
from locgraph.show.report.source import Run, Source
from locgraph.show.report.words import NONE, count, number, one_line

_SIDES = ("train", "val", "test")


def section(source: Source) -> Section:
    """A row for each fold that there should be, and the classes of the test side."""
    runs = {run.fold: run for run in source.completed}
    rows = [_row(fold, runs.get(fold), source) for fold in source.summary.expected_folds]
    header = ("fold", "state", "training", "validation", "test", "groups in test", "epochs", "minutes", "test accuracy")
    parts: list[Part] = [
        Note(f"Fold {fold} is missing: {one_line(source.summary.reasons[fold])}", WARNING)
        for fold in source.summary.missing
    ]
    marked = frozenset(place for place, fold in enumerate(source.summary.expected_folds) if fold not in runs)
    parts.append(Table(header, tuple(rows), "Numbers of FOVs on each side of each fold.", words=2, marked=marked))
    parts += _class_counts(source)
    lead = (
        "In cross-validation each FOV is tested once, by a model that has not seen it. The epoch is chosen on the "
        "validation side, so that only the test side gives numbers to quote."
    )
    if not source.is_sweep:
        parts.append(Note("This report is of one run: other folds of its split are not in it.", INFO))
    return Section("folds", "Folds", lead, tuple(parts))


def _row(fold: int, run: Run | None, source: Source) -> tuple[str, ...]:
    if run is None:
        return (str(fold), "missing", *[NONE] * 7)
    sizes = run.metrics.get("fovs", {})
    seconds = sum(run.metrics.get("seconds", {}).values())
    epochs = run.metrics.get("epochs")
    return (
        str(fold),
        "completed" if fold not in source.without_predictions else "without predictions",
        *(count(sizes[side]) if isinstance(sizes.get(side), int) else NONE for side in _SIDES),
        _groups(run, source),
        count(epochs) if isinstance(epochs, int) else NONE,
        number(seconds / 60, 1) if seconds else NONE,
        number(run.metrics["test"].get("accuracy")),
    )


def _groups(run: Run, source: Source) -> str:
    if isinstance(source.manifest, Absent) or not run.split.get("test"):
        return NONE
    table = source.manifest.table.filter(pl.col(schema.FOV_ID).is_in(list(run.split["test"])))
    found = table[schema.GROUP].drop_nulls().n_unique()
    return count(found) if found else NONE


def _class_counts(source: Source) -> list[Part]:
    """Test FOVs of each class and fold, where the class of each FOV is known."""
    if isinstance(source.manifest, Absent):
        return []
    table = source.manifest.table
    labels: Mapping[str, str | None] = dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True))
    names = source.manifest.class_names
    rows = []
    for run in source.completed:
        found = [labels.get(name) for name in run.split.get("test", ())]
        if found and any(label is not None for label in found):
            rows.append((str(run.fold), *(count(found.count(name)) for name in names)))
    if not rows:
        return []
    return [Table(("fold", *names), tuple(rows), "Classes of the test FOVs.", folded="Classes of the test FOVs")]
