"""How far an annotator is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final

import polars as pl

from locgraph.schema import annotation as columns

TO_DO: Final = "to do"
"""Nothing is stated of the FOV."""
LABELLED: Final = "labelled"
"""It has a class."""
UNSURE: Final = "unsure"
"""It was looked at, and has no class."""
MARKED: Final = "marked"
"""Something is stated of parts of it alone."""


def states_of(standing: pl.DataFrame, fov_ids: Container[str]) -> dict[str, tuple[str, str | None]]:
    """Return state and class of each FOV of which something is stated.

    Args:
        standing: Statements of one annotator, in the order in which they were made.
        fov_ids: The FOVs that count; statements about others are left out.
    """
    states: dict[str, tuple[str, str | None]] = {}
    for fov_id, target, label in standing.select(columns.FOV_ID, columns.TARGET, columns.LABEL).iter_rows():
        if fov_id not in fov_ids:
            continue
        if target == columns.OF_FOV:
            states[fov_id] = (UNSURE if label is None else LABELLED, label)
        else:
            states.setdefault(fov_id, (MARKED, None))
    return states


def describe_progress(
    n_fovs: int, states: Mapping[str, tuple[str, str | None]], classes: Sequence[str]
) -> dict[str, Any]:
    """Return how many FOVs are done and left, in each state and of each class.

    Args:
        n_fovs: Number of all FOVs.
        states: State and class of each FOV of which something is stated.
        classes: The classes that are counted.
    """
    kinds = Counter(state for state, _ in states.values())
    by_class = Counter(label for _, label in states.values() if label is not None)
    return {
        "total": n_fovs,
        "done": len(states),
        "left": n_fovs - len(states),
        "labelled": kinds[LABELLED],
        "unsure": kinds[UNSURE],
        "marked": kinds[MARKED],
        "by_class": {name: by_class[name] for name in classes},
    }
