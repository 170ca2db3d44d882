"""Classes that lose their FOVs, and classes of very unequal size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from locgraph import schema
from locgraph.errors import DataError, TooManyFailuresError
from locgraph.io.manifest import Manifest

IMBALANCE: Final = 20
"""Classes whose sizes differ by this factor or more are named."""

_UNKNOWN: Final = "of unknown class"
_SHOWN: Final = 3
_LONGEST_REASON: Final = 300


def describe_failures(manifest: Manifest) -> str:
    """Return how many FOVs of each class failed, as a sentence; empty where none did whose class is known."""
    if not manifest.failed_labels:
        return ""
    failed = Counter(manifest.failed_labels.get(fov_id) for fov_id in manifest.failures)
    good = _sizes(manifest)
    parts = [f"{failed[name]} of {failed[name] + good[name]} {name}" for name in sorted(filter(None, failed))]
    parts += [f"{failed[None]} {_UNKNOWN}"] if failed[None] else []
    return f"failed FOVs by class: {', '.join(parts)}"


def check_classes_left(manifest: Manifest) -> None:
    """Refuse data of which a whole class failed: a model would be trained on the others without a word.

    Raises:
        DataError: No FOV of a class is left; the message gives the classes, with reasons.
    """
    good = _sizes(manifest)
    vanished = sorted({name for name in manifest.failed_labels.values() if not good[name]})
    if vanished:
        raise DataError(
            f"expected FOVs of every class, found none left of {', '.join(vanished)}. Mend them, or take their files "
            f"out of the folder:{_reasons(manifest, vanished)}"
        )


def check_class_failures(manifest: Manifest, max_failed_fraction: float) -> None:
    """Check that no class lost too many FOVs, even where these are few of all. A single FOV is never too many.

    Args:
        manifest: The FOVs that are left, and those that failed.
        max_failed_fraction: Largest part of the FOVs of a class, 0 to 1, that may have failed.

    Raises:
        TooManyFailuresError: More failed; the message gives the classes, with reasons.
    """
    good, failed = _sizes(manifest), Counter(manifest.failed_labels.values())
    too_many = sorted(
        name for name, number in failed.items() if number > 1 and number > max_failed_fraction * (number + good[name])
    )
    if too_many:
        numbers = ", ".join(f"{failed[name]} of {failed[name] + good[name]} {name}" for name in too_many)
        raise TooManyFailuresError(
            f"expected at most {max_failed_fraction:.2%} of the FOVs of each class to fail; found {numbers}. Mend "
            f"them, or raise the limit:{_reasons(manifest, too_many)}",
            setting="max_failed_fraction",
        )


def describe_imbalance(manifest: Manifest) -> tuple[str, ...]:
    """Return a warning where the largest class has `IMBALANCE` times as many FOVs as the smallest, else nothing."""
    sizes = _sizes(manifest)
    if not sizes:
        return ()
    (large, most), (small, fewest) = sizes.most_common()[0], sizes.most_common()[-1]
    if most < IMBALANCE * fewest:
        return ()
    return (
        f"classes are of very unequal size: {most} FOVs of {large}, {fewest} of {small} (1 : {round(most / fewest)}). "
        "Read balanced_accuracy, F1 and the confusion matrix, not accuracy: it is high for a model that never predicts "
        f"{small}. Keep training.class_weights=balanced, or draw rare FOVs more often with training/sampler=balanced "
        "training.class_weights=none; choose the epoch by val/loss, and repeat over folds (sweep=kfold)",
    )


def _sizes(manifest: Manifest) -> Counter[str]:
    return Counter(manifest.table[schema.LABEL].drop_nulls().to_list())


def _reasons(manifest: Manifest, classes: Iterable[str]) -> str:
    """Return some reasons of each class, one on each line."""
    lines = []
    for name in classes:
        failed = [fov_id for fov_id in sorted(manifest.failures) if manifest.failed_labels.get(fov_id) == name]
        for fov_id in failed[:_SHOWN]:
            reason = manifest.failures[fov_id]
            short = reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}..."
            lines.append(f"\n  {name}, {fov_id}: {short}")
        if len(failed) > _SHOWN:
            lines.append(f"\n  {name}: and {len(failed) - _SHOWN} more")
    return "".join(lines)
