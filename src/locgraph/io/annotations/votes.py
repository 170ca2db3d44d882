"""From what several annotators state to one label: rules, and what has no label for which reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

MAJORITY: Final = "majority"
UNANIMOUS: Final = "unanimous"
CROWDLAB: Final = "crowdlab"
RULES: Final = (MAJORITY, UNANIMOUS, CROWDLAB)

TIE: Final = "tie"
DISAGREEMENT: Final = "disagreement"
TOO_FEW: Final = "fewer annotators than min_annotators"

NONE: Final = -1
"""Index of no class."""


def decide(stated: Collection[str], rule: str, min_annotators: int = 1) -> tuple[str | None, str | None]:
    """Return the label that follows from the classes that annotators state, and why there is none.

    Args:
        stated: The class that each annotator states, at least one.
        rule: `MAJORITY`: the class that most state, none where two are stated equally often; `UNANIMOUS`: the class
            that all state.
        min_annotators: With fewer there is no label.

    Returns:
        The label and None; or None and `TIE`, `DISAGREEMENT` or `TOO_FEW`.
    """
    if len(stated) < min_annotators:
        return None, TOO_FEW
    (label, most), *others = Counter(stated).most_common()
    if rule == UNANIMOUS:
        return (None, DISAGREEMENT) if others else (label, None)
    return (None, TIE) if others and others[0][1] == most else (label, None)


def decide_rows(
    stated: np.ndarray, n_classes: int, rule: str, min_annotators: int = 1
) -> tuple[np.ndarray, dict[str, int]]:
    """Return the label of each localisation, as `decide` does for one FOV.

    Args:
        stated: Class that each annotator states of each (A, N) integers, `NONE` where nothing.
        n_classes: Number of classes K.
        rule: `MAJORITY` or `UNANIMOUS`.
        min_annotators: With fewer there is no label.

    Returns:
        Labels (N,) int64, `NONE` where there is none; reason -> number of localisations that have no label for it,
        without those that nobody stated anything of.
    """
    counts = np.zeros((max(n_classes, 1), stated.shape[1]), np.int64)
    for own in stated:
        rows = np.flatnonzero(own != NONE)
        counts[own[rows], rows] += 1
    voters, most = counts.sum(axis=0), counts.max(axis=0, initial=0)
    few = (voters > 0) & (voters < min_annotators)
    if rule == UNANIMOUS:
        reason, split = DISAGREEMENT, most < voters
    else:
        reason, split = TIE, (counts == most).sum(axis=0) > 1
    split &= (voters > 0) & ~few
    labels = np.where((voters > 0) & ~few & ~split, counts.argmax(axis=0), NONE)
    reasons = {TOO_FEW: int(few.sum()), reason: int(split.sum())}
    return labels.astype(np.int64), {name: number for name, number in reasons.items() if number}


def shares(stated: Collection[str]) -> dict[str, float]:
    """Return class -> share of the annotators who state it; empty where nobody states one."""
    return {label: number / len(stated) for label, number in sorted(Counter(stated).items())}


def describe(reasons: Mapping[str, Collection[str]], shown: int = 5) -> str:
    """Return how many FOVs have no label for each reason, with the names of some."""
    parts = []
    for reason, names in reasons.items():
        some = ", ".join(sorted(names)[:shown]) + (", ..." if len(names) > shown else "")
        parts.append(f"{len(names)} with {reason} ({some})")
    return "; ".join(parts)
