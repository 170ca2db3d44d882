"""What annotators state of whole fields of view (FOVs), and the labels that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from locgraph.errors import ConfigError
from locgraph.io.annotations.votes import decide, shares
from locgraph.schema import annotation as columns

Stated = Mapping[str, Mapping[str, str]]
"""FOV -> annotator -> class."""


def choose_annotators(table: pl.DataFrame, annotators: Sequence[str] | None) -> pl.DataFrame:
    """Return the statements of some annotators, in the order of time; None takes all.

    Raises:
        ConfigError: One of them has made no statement.
    """
    table = table.sort(columns.TIME, maintain_order=True)
    if annotators is None:
        return table
    known = sorted(table[columns.ANNOTATOR].unique())
    unknown = sorted(set(annotators) - set(known))
    if unknown or not annotators:
        raise ConfigError(
            f"expected some of {', '.join(known) or 'nobody: there are no annotations'}, or null for all; found "
            f"{', '.join(unknown) or 'none'}",
            setting="annotators",
        )
    return table.filter(pl.col(columns.ANNOTATOR).is_in(list(annotators)))


def fov_statements(table: pl.DataFrame) -> dict[str, dict[str, str]]:
    """Return FOV -> annotator -> the class that was stated last; without FOVs of which nothing stands.

    Args:
        table: Standing statements in the order of time.
    """
    last = table.filter(pl.col(columns.TARGET) == columns.OF_FOV).unique(
        [columns.FOV_ID, columns.ANNOTATOR], keep="last", maintain_order=True
    )
    stated: dict[str, dict[str, str]] = {}
    for fov_id, annotator, label in last.select(columns.FOV_ID, columns.ANNOTATOR, columns.LABEL).iter_rows():
        if label is not None:
            stated.setdefault(fov_id, {})[annotator] = label
    return stated


@dataclass(frozen=True)
class Derived:
    """Labels of units, such as FOVs.

    Attributes:
        labels: Unit -> class, of those that have one.
        shares: Unit -> class -> share of the annotators who state it, of all of which something is stated.
        reasons: Reason -> units that have no label for it.
    """

    labels: dict[str, str]
    shares: dict[str, dict[str, float]]
    reasons: dict[str, list[str]]


def derive_labels(stated: Stated, rule: str, min_annotators: int = 1) -> Derived:
    """Return the labels that follow from statements by the rule majority or unanimous; see `decide`."""
    labels: dict[str, str] = {}
    reasons: dict[str, list[str]] = {}
    for unit, by_annotator in stated.items():
        label, reason = decide(list(by_annotator.values()), rule, min_annotators)
        if label is not None:
            labels[unit] = label
        elif reason is not None:
            reasons.setdefault(reason, []).append(unit)
    return Derived(labels, {unit: shares(list(own.values())) for unit, own in stated.items()}, reasons)
