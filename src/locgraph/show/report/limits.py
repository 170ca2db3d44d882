"""Chapter on what the results do not show, written from the data: folds, groups, counts, confounders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.checks.check import Check
from locgraph.errors import DataError
from locgraph.run_folder import CONFOUNDERS, TRUST
from locgraph.show.report.parts import Facts, Section
from locgraph.show.report.source import Absent, Source
from locgraph.show.report.style import interval_text, listed, many, number, plain

_LEAVE_OUT: Final = "LeaveGroupOut"
_LEAD: Final = "Questions that these runs leave open, however good their numbers are."


def limits_section(source: Source) -> Section:
    """Return what was not tested, with what would test it."""
    checks = (_other_experiments, _other_classes, _precision, _seeds, _folds, _cause, _confounders)
    return Section(
        "limits", "What this does not show", _LEAD, (Facts(tuple(row for one in checks for row in one(source))),)
    )


def _other_experiments(source: Source) -> Iterator[tuple[str, str]]:
    what = "other experiments"
    if isinstance(source.manifest, Absent):
        yield what, f"The groups of the FOVs are not known. {source.manifest.reason}"
        return
    groups = source.manifest.table[schema.GROUP].drop_nulls()
    if groups.is_empty():
        yield (
            what,
            "That FOVs of another day, coverslip, animal or patient are classified as well: no FOV has a group, so "
            "that test FOVs may have neighbours in training. Give groups, and test with fold=leave_group_out.",
        )
        return
    names = many(groups.n_unique(), "group")
    by_fov = dict(source.manifest.table.select(schema.FOV_ID, schema.GROUP).iter_rows())
    split = str((source.completed[0].config.get("fold") or {}).get("_target_", ""))
    if not all(_keeps_groups(by_fov, run.split) for run in source.completed):
        yield what, f"There are {names}, but FOVs of one group are on both sides of a split: use fold=stratified_group."
    elif split.endswith(_LEAVE_OUT):
        yield what, f"Whole groups were left out ({names}): other groups than these may still differ."
    else:
        yield what, f"Groups were kept on one side of each split ({names}): other groups than these may still differ."


def _keeps_groups(groups: Mapping[str, str | None], split: Mapping[str, Sequence[str]]) -> bool:
    """Return whether no group has FOVs on two sides."""
    sides = [{groups.get(name) for name in names} - {None} for names in split.values()]
    return len(set().union(*sides)) == sum(map(len, sides))


def _other_classes(source: Source) -> Iterator[tuple[str, str]]:
    names = listed(list(source.class_names))
    words = f"What becomes of structures that are none of {names}: each FOV is called one of them."
    if not isinstance(source.predictions, Absent) and schema.UNLIKE in source.predictions.columns:
        words += " FOVs far from those of training are marked as unlike; another class need not be far."
    yield "other classes", words


def _precision(source: Source) -> Iterator[tuple[str, str]]:
    mean, low, high = source.summary.intervals()["model"]
    tested = int(source.summary.confusion.sum())
    what = "localisations" if source.of_localisations else "FOVs"
    if low is None or high is None:
        yield (
            "small differences",
            f"How exact the accuracy of {number(mean)} is: {tested} test {what} give no interval.",
        )
        return
    yield (
        "small differences",
        f"Whether the accuracy is {number(low)} or {number(high)}: {tested} test {what} do not say more. Models whose "
        "intervals overlap may still differ: compare them in pairs (locgraph compare).",
    )


def _seeds(source: Source) -> Iterator[tuple[str, str]]:
    yield (
        "chance in training",
        "How much results change with the seed: all runs have one. Train with several: -m seed=0,1,2 sweep=kfold.",
    )


def _folds(source: Source) -> Iterator[tuple[str, str]]:
    expected = len(source.summary.expected_folds)
    if not source.is_sweep:
        yield "other folds", "How much folds differ: this is one of them. Train all with sweep=kfold."
    elif len(source.completed) < expected:
        yield "missing folds", f"What {many(expected - len(source.completed), 'missing fold')} would give."


def _cause(source: Source) -> Iterator[tuple[str, str]]:
    yield (
        "causes",
        "That what the network uses is what differs biologically: an explanation shows what decides a prediction, not "
        "why classes differ.",
    )


def _confounders(source: Source) -> Iterator[tuple[str, str]]:
    what = "other reasons than shape"
    try:
        check = Check.read(source.folder / TRUST / CONFOUNDERS)
    except DataError as error:
        yield what, f"{error}."
        return
    if check is None:
        yield (
            what,
            "Whether counts, density, precision or the batch explain the result: they were not probed. Run locgraph "
            "trust on this folder.",
        )
        return
    above = check.table.filter(
        pl.col("asked") == "class", pl.col("known") != "network", pl.col("interval_low") > pl.col("chance")
    )
    if above.is_empty():
        yield what, "No number that was probed names the class by itself; one that was not measured may."
        return
    names = [
        f"{plain(row['known'])} ({number(row['value'])}, 95 % interval "
        f"{interval_text(row['interval_low'], row['interval_high'])}; chance {number(row['chance'])})"
        for row in above.sort("value", descending=True).to_dicts()
    ]
    yield what, f"That shape alone decides. Alone, these name the class above chance: {listed(names)}."
