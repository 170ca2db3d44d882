"""What one run left behind, read from its ``metrics.json``: a result, or the reason why there is none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

METRICS_FILE: Final = "metrics.json"
COMPLETED: Final = "completed"
LOCALISATIONS: Final = "localisations"
"""What ``scored`` says where the model names classes of localisations alone."""


@dataclass(frozen=True)
class FoldResult:
    """The test result of one completed run.

    Attributes:
        fold: Index of the fold.
        folder: The run's folder.
        metrics: Test metrics by name; one that could not be computed is absent.
        confusion: (K, K) int64, rows are true classes, columns predicted ones.
        class_names: The K classes in the order of ``confusion``.
        controls: Accuracy of each control on the same fold.
        controls_balanced: Balanced accuracy of each control on the same fold.
        experiment: Name of the experiment; empty where unknown.
        n_folds: How many folds the split has; None where unknown.
        of_localisations: Whether ``confusion`` counts localisations, of which a FOV has many, and not FOVs.
    """

    fold: int
    folder: Path
    metrics: dict[str, float]
    confusion: np.ndarray
    class_names: tuple[str, ...]
    controls: dict[str, float]
    controls_balanced: dict[str, float] = field(default_factory=dict)
    experiment: str = ""
    n_folds: int | None = None
    of_localisations: bool = False


@dataclass(frozen=True)
class Failure:
    """A run without a result.

    Attributes:
        folder: The run's folder.
        reason: Why there is no result, in words.
        fold: Index of the fold; None where the folder does not say.
    """

    folder: Path
    reason: str
    fold: int | None = None


def read_run(folder: Path) -> FoldResult | Failure:
    """Reads the folder of one run.

    Never raises for what the folder holds: a sweep is summarised from those runs that worked, and names the others.

    Args:
        folder: Folder with a ``metrics.json``.

    Returns:
        The result; or a failure where the file is absent, cannot be understood, or says that the run failed.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        return Failure(folder, f"no {METRICS_FILE}: the run stopped before its end; look at its log and start it again")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Failure(folder, f"{METRICS_FILE} cannot be read ({error}): repeat the run")
    if not isinstance(content, dict):
        return Failure(folder, f"{METRICS_FILE} should be a mapping, found {type(content).__name__}: repeat the run")
    fold = content.get("fold") if isinstance(content.get("fold"), int) else None
    if content.get("status") != COMPLETED:
        reason = content.get("reason") or f"{METRICS_FILE} gives no reason"
        return Failure(folder, f"status {content.get('status')!r}: {reason}", fold)
    try:
        return _result(folder, content)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{METRICS_FILE} is not as expected ({type(error).__name__}: {error}): repeat the run"
        return Failure(folder, reason, fold)


def _result(folder: Path, content: Mapping[str, Any]) -> FoldResult:
    class_names = tuple(str(name) for name in content["class_names"])
    confusion = np.asarray(content["confusion_matrix"], dtype=np.int64)
    if confusion.shape != (len(class_names), len(class_names)):
        raise ValueError(f"confusion_matrix has shape {confusion.shape}, class_names has {len(class_names)} entries")
    if confusion.sum() == 0 or (confusion < 0).any():
        raise ValueError("confusion_matrix should count at least one FOV or localisation, and none negatively")
    controls = content.get("controls") or []
    return FoldResult(
        fold=int(content["fold"]),
        folder=folder,
        metrics=_numbers(dict(content["test"])),
        confusion=confusion,
        class_names=class_names,
        controls=_numbers({row["control"]: row["accuracy"] for row in controls}),
        controls_balanced=_numbers({row["control"]: row.get("balanced_accuracy") for row in controls}),
        experiment=str(content.get("experiment") or ""),
        n_folds=None if content.get("n_folds") is None else int(content["n_folds"]),
        of_localisations=content.get("scored") == LOCALISATIONS,
    )


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The entries that are finite numbers; null and NaN stand for a metric that could not be computed."""
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(float(value))}
