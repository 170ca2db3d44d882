"""Counts and fractions of classes of objects: of each field of view (FOV), and of conditions with FOVs as the unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.objects import columns as c
from locgraph.analysis.objects.space import FovSpace
from locgraph.analysis.objects.table import Rule
from locgraph.preparation.objects.base import OUTSIDE, SHARED
from locgraph.preparation.objects.extract import FovObjects
from locgraph.stats.intervals import Interval, wilson_interval
from locgraph.stats.pooled import FEWEST_GROUPS, pooled_accuracy
from locgraph.stats.quantification import Confusion, adjusted_fractions

COVERS: Final = (
    "Intervals of fractions of one FOV (Wilson) cover the sampling of its objects, taken for independent, and not "
    "errors of the classifier. Those of conditions take FOVs as the unit. Adjusted numbers are corrected for what the "
    "classifier, or the members of an ensemble, confused in tests; they hold if objects of each true class are "
    "confused here as there."
)


def count_fovs(
    objects: pl.DataFrame, records: Mapping[str, FovObjects], spaces: Mapping[str, FovSpace]
) -> pl.DataFrame:
    """Return what became of the objects and localisations of each FOV.

    Args:
        objects: From `tabulate_objects`.
        records: FOV -> its objects.
        spaces: FOV -> its area.

    Returns:
        The columns of `columns.FOVS`.
    """
    rows = []
    for fov_id, record in records.items():
        own = objects.filter(pl.col(schema.FOV_ID) == fov_id)
        numbers = dict(own[c.STATUS].value_counts().iter_rows())
        space = spaces[fov_id]
        counted = numbers.get(c.COUNTED, 0)
        rows.append(
            {
                schema.FOV_ID: fov_id,
                c.CONDITION: own[c.CONDITION][0],
                c.N_OBJECTS: own.height,
                c.N_COUNTED: counted,
                c.N_UNDECIDED: numbers.get(c.UNDECIDED, 0),
                c.N_LEFT_OUT: numbers.get(c.LEFT_OUT, 0),
                c.N_FAILED: numbers.get(c.FAILED, 0),
                "n_localisations": space.n_localisations,
                "n_outside": record.counts.get(OUTSIDE),
                "n_shared": record.counts.get(SHARED, 0),
                c.AREA: space.area_um2,
                c.DENSITY: None if space.area_um2 is None else counted / space.area_um2,
                "area_of": space.describe(),
            }
        )
    return c.make_table(c.FOVS, rows)


def count_classes(
    objects: pl.DataFrame, fovs: pl.DataFrame, class_names: Sequence[str], confusion: Confusion | None, seed: int
) -> pl.DataFrame:
    """Return counts, fractions and densities of the classes in each FOV.

    Args:
        objects: From `tabulate_objects`.
        fovs: From `count_fovs`.
        class_names: The classes.
        confusion: Of the test of the classifier; None corrects nothing.
        seed: Of the intervals of corrected fractions.

    Returns:
        The columns of `columns.COUNTS`.
    """
    rows: list[dict[str, Any]] = []
    for fov in fovs.iter_rows(named=True):
        own = objects.filter(pl.col(schema.FOV_ID) == fov[schema.FOV_ID])
        used = own.filter(pl.col(c.STATUS).is_in((c.COUNTED, c.UNDECIDED)))
        is_labelled = pl.col(schema.TRUTH).is_not_null()
        numbers = _numbers(used[schema.DECISION], class_names)
        true = _numbers(used[schema.TRUTH], class_names)
        labelled = _numbers(used.filter(is_labelled)[schema.DECISION], class_names)
        corrected = None if confusion is None else adjusted_fractions(numbers, confusion, seed)
        for place, name in enumerate(class_names):
            n, total = int(numbers[place]), fov[c.N_COUNTED]
            row = {name: fov[name] for name in (schema.FOV_ID, c.CONDITION, c.N_COUNTED)}
            row |= {c.CLASS: name, c.N: n} | (_ends(wilson_interval(n, total)) if total else {})
            if isinstance(corrected, list):
                row |= _adjusted(corrected[place], total)
            row[c.DENSITY] = None if fov[c.AREA] is None else n / fov[c.AREA]
            if true.sum():
                row |= {c.N_TRUE: int(true[place]), c.N_LABELLED: int(labelled[place])}
            rows.append(row)
    return c.make_table(c.COUNTS, rows)


def count_conditions(objects: pl.DataFrame, class_names: Sequence[str]) -> pl.DataFrame:
    """Return the fractions of classes in each condition, with intervals over its FOVs.

    The fraction is that of the objects of all FOVs together; its interval counts how much FOVs differ
    (`locgraph.stats.pooled.pooled_accuracy`), and needs five of them.

    Returns:
        The columns of `columns.CONDITIONS`.
    """
    rows = []
    counted = objects.filter(pl.col(c.STATUS) == c.COUNTED)
    for (condition,), own in counted.group_by(c.CONDITION, maintain_order=True):
        decisions, names, fovs = (own[name].to_numpy() for name in (schema.DECISION, c.OBJECT_ID, schema.FOV_ID))
        n_fovs = len(np.unique(fovs))
        for name in class_names:
            is_class = (decisions == name).astype(np.float64)
            interval = pooled_accuracy(is_class, np.zeros(own.height, np.int64), names, fovs)
            row = {c.CONDITION: condition, c.CLASS: name, c.N_FOVS: n_fovs, c.N_COUNTED: own.height}
            row |= {c.N: int(is_class.sum())} | _ends(interval)
            if interval.low is None:
                row[schema.REASON] = (
                    f"{n_fovs} FOV{'' if n_fovs == 1 else 's'}, and objects of a FOV are not independent: an interval "
                    f"needs at least {FEWEST_GROUPS}"
                )
            rows.append(row)
    return c.make_table(c.CONDITIONS, rows)


def read_confusion(tested: pl.DataFrame | Confusion, class_names: Sequence[str], rule: Rule) -> Confusion | str:
    """Return what a classifier confused in its test, by the rule by which objects are counted.

    Args:
        tested: Predictions of the test side, with ``truth``, and ``group`` where tests of a group are not independent;
            or the confusion matrix alone, of predictions without a rule.
        class_names: The classes.
        rule: When a class is counted.

    Returns:
        The numbers; or why nothing can be corrected with them.
    """
    if isinstance(tested, Confusion):
        if rule.withholds:
            return "of the test the confusion matrix alone is known, not that of objects that keep their class"
        return tested.problem(class_names) or tested
    decided = rule.apply(tested.filter(pl.col(schema.TRUTH).is_in(list(class_names))))
    decided = decided.filter(pl.col(schema.DECISION).is_not_null())
    index = {name: place for place, name in enumerate(class_names)}
    counts = np.zeros((len(index), len(index)), np.int64)
    np.add.at(counts, tuple([index[name] for name in decided[key]] for key in (schema.TRUTH, schema.DECISION)), 1)
    # as if all tests of a group, or of an object by several models, told the same: intervals are rather too wide
    unit = pl.coalesce(*([schema.GROUP] if schema.GROUP in decided.columns else []), schema.FOV_ID)
    independent = dict(decided.group_by(schema.TRUTH).agg(unit.n_unique()).iter_rows())
    confusion = Confusion(counts, np.array([independent.get(name, 0) for name in class_names], dtype=np.float64))
    return confusion.problem(class_names) or confusion


def count_errors(counts: pl.DataFrame) -> dict[str, Any]:
    """Return how far counts are off where the true classes are known, for ``metrics.json``.

    Args:
        counts: From `count_classes`.

    Returns:
        Number of FOVs with labels, mean absolute error of their counts and mean error, by class; empty without labels.
    """
    known = counts.drop_nulls(c.N_TRUE)
    if known.is_empty():
        return {}
    error = pl.col(c.N_LABELLED) - pl.col(c.N_TRUE)
    by_class = known.group_by(c.CLASS, maintain_order=True).agg(error.abs().mean().alias("mae"), error.mean())
    return {
        "labelled_fovs": known[schema.FOV_ID].n_unique(),
        "mean_absolute_error_of_counts": float(known.select(error.abs().mean()).item()),
        "by_class": {
            row[c.CLASS]: {"mean_absolute_error": row["mae"], "mean_error": row[c.N_LABELLED]}
            for row in by_class.to_dicts()
        },
    }


def _numbers(values: pl.Series, class_names: Sequence[str]) -> np.ndarray:
    numbers = dict(values.value_counts().iter_rows())
    return np.array([numbers.get(name, 0) for name in class_names], dtype=np.int64)


def _ends(interval: Interval) -> dict[str, float | None]:
    return {c.FRACTION: interval.estimate, c.LOW: interval.low, c.HIGH: interval.high}


def _adjusted(interval: Interval, total: int) -> dict[str, float | None]:
    ends = {c.ADJUSTED: interval.estimate, c.ADJUSTED_LOW: interval.low, c.ADJUSTED_HIGH: interval.high}
    return {c.ADJUSTED_N: interval.estimate * total} | ends
