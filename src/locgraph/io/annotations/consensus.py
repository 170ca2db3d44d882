"""Labels of fields of view (FOVs) that join what annotators state with what a model predicts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError, MissingPackageError
from locgraph.io.annotations.derive import Derived, Stated
from locgraph.io.annotations.votes import TOO_FEW, shares
from locgraph.run_folder import PREDICTIONS, find_runs

log = logging.getLogger(__name__)

UNPREDICTED: Final = "no prediction"
_TEST: Final = "test"


class Consensus:
    """CROWDLAB: each annotator, and a model, weigh as much as they agree with the others where several state a class.

    The model must not have been trained on the FOV that it predicts: predictions are those of the test sides of a
    sweep, the mean over its runs.

    Args:
        folder: The sweep.

    Raises:
        MissingPackageError: cleanlab is not installed.

    Source: Goh et al. 2022, "CROWDLAB: Supervised learning to infer consensus labels and quality scores for data with
    multiple annotators", arXiv 2210.06812; computed by cleanlab.
    """

    def __init__(self, folder: Path) -> None:
        if find_spec("cleanlab") is None:
            raise MissingPackageError(
                "crowdlab needs a package that is not installed: pip install 'locgraph[crowdlab]'; majority and "
                "unanimous need none",
                setting="rule",
            )
        self.folder = folder

    def derive_labels(self, stated: Stated, class_names: Sequence[str], min_annotators: int = 1) -> Derived:
        """Return the label of each FOV of which something is stated and that is predicted; log how good annotators are.

        Args:
            stated: FOV -> annotator -> class.
            class_names: Classes in the order of their indices.
            min_annotators: FOVs with fewer statements have no label, but count for the quality of annotators.

        Raises:
            DataError: The sweep has no predictions of these FOVs, or of other classes; or nobody shares a FOV.
        """
        predicted = read_test_predictions(self.folder, class_names)
        used = [fov_id for fov_id in stated if fov_id in predicted]
        reasons = {UNPREDICTED: [fov_id for fov_id in stated if fov_id not in predicted]}
        reasons[TOO_FEW] = [fov_id for fov_id in used if len(stated[fov_id]) < min_annotators]
        if not any(len(stated[fov_id]) > 1 for fov_id in used):
            raise DataError(
                f"crowdlab expected FOVs of {self.folder} with statements of several annotators, to compare them; "
                "found none. Choose rule=majority",
                setting="rule",
            )
        annotators = sorted({name for fov_id in used for name in stated[fov_id]})
        index = {name: number for number, name in enumerate(class_names)}
        given = np.full((len(used), len(annotators)), np.nan)
        for row, fov_id in enumerate(used):
            for name, label in stated[fov_id].items():
                given[row, annotators.index(name)] = index[label]
        chosen, quality = _join(given, np.stack([predicted[fov_id] for fov_id in used]))
        for name, value in sorted(zip(annotators, quality, strict=True), key=lambda pair: pair[1]):
            log.info("quality of the statements of %s by CROWDLAB: %.3f (%d FOVs)", name, value, _count(stated, name))
        labels = {
            fov_id: class_names[number]
            for fov_id, number in zip(used, chosen, strict=True)
            if fov_id not in reasons[TOO_FEW]
        }
        shared = {fov_id: shares(list(own.values())) for fov_id, own in stated.items()}
        return Derived(labels, shared, {reason: names for reason, names in reasons.items() if names})


def _count(stated: Stated, annotator: str) -> int:
    return sum(annotator in own for own in stated.values())


def _join(given: np.ndarray, probabilities: np.ndarray) -> tuple[list[int], list[float]]:
    """Return the consensus (N,) of classes (N, A), NaN where nothing is stated; the quality of each annotator (A,)."""
    from cleanlab.multiannotator import get_label_quality_multiannotator  # slow to import

    result = get_label_quality_multiannotator(
        given, probabilities, consensus_method="best_quality", return_detailed_quality=False, verbose=False
    )
    quality = result["annotator_stats"]["annotator_quality"].sort_index()
    return result["label_quality"]["consensus_label"].tolist(), quality.tolist()


def read_test_predictions(folder: Path, class_names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return FOV -> probabilities (K,) on the test sides of all runs below a folder, the mean where there are several.

    Raises:
        DataError: There are none, or they are of other classes.
    """
    wanted = [schema.PROBABILITY_PREFIX + name for name in class_names]
    parts = []
    for run in find_runs(folder) if folder.is_dir() else []:
        if not (run.path / PREDICTIONS).is_file():
            continue
        table = run.table(PREDICTIONS)
        given = [name for name in table.columns if name.startswith(schema.PROBABILITY_PREFIX)]
        if set(given) != set(wanted):
            raise DataError(
                f"{run.path}: expected predictions of the classes that are stated, {', '.join(class_names)}; found "
                f"{', '.join(name.removeprefix(schema.PROBABILITY_PREFIX) for name in given)}",
                setting="predictions",
            )
        parts.append(table.filter(pl.col(schema.SPLIT) == _TEST).select(schema.FOV_ID, *wanted))
    if not parts:
        raise DataError(f"{folder}: expected a sweep with predictions of test FOVs; found none", setting="predictions")
    means = pl.concat(parts).group_by(schema.FOV_ID, maintain_order=True).agg(pl.col(wanted).mean())
    values = means.select(wanted).to_numpy()
    return dict(zip(means[schema.FOV_ID], values / values.sum(axis=1, keepdims=True), strict=True))
