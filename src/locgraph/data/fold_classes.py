"""Classes on the sides of a fold: those that training never sees, and those that are never validated or tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from locgraph.data.folds import TEST, VALIDATION, Split
from locgraph.errors import FoldError

SIDE_WORDS: Final = {VALIDATION: "validation", TEST: "test"}
"""Words for the sides that may lack a class."""


def check_classes(split: Split, labels: Mapping[str, str]) -> None:
    """Refuse a fold that asks for what training never saw.

    Args:
        split: The fold.
        labels: Class name of each FOV.

    Raises:
        FoldError: A class of the test or validation side has no training FOV, or training has one class only.
    """
    seen = {labels[name] for name in split.train}
    for side, names in ((VALIDATION, split.val), (TEST, split.test)):
        unseen = sorted({labels[name] for name in names} - seen)
        if unseen:
            raise FoldError(
                f"classes {unseen} are in {side} but not in training (which has {sorted(seen)}); "
                "choose another seed, fewer folds, or another path"
            )
    if len(seen) < 2:
        raise FoldError(f"training has the single class {sorted(seen)}; at least 2 expected: check the labels")


def absent_classes(split: Split, labels: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Return the classes of a fold that its validation or test side lacks, by side.

    A side that has all of them has no entry, nor has one without FOVs.

    Args:
        split: The fold.
        labels: Class name of each FOV.
    """
    present = {labels.get(name) for name in (*split.train, *split.val, *split.test)} - {None}
    absent = {
        side: sorted(str(name) for name in present - {labels.get(name) for name in names})
        for side, names in ((VALIDATION, split.val), (TEST, split.test))
        if names
    }
    return {side: names for side, names in absent.items() if names}
