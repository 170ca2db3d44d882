"""What is known of how far the predictions of one network can be trusted: fitted, and scored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from locgraph.learn.tabulate import fov_arrays
from locgraph.learn.tasks.base import Task
from locgraph.stats.calibration import calibration
from locgraph.trust.trust import Trust, TrustSettings

log = logging.getLogger(__name__)


def fit_trust(settings: TrustSettings, task: Task, validation: Sequence[Any]) -> Trust | None:
    """Fit to the predictions of validation FOVs.

    Args:
        settings: What to fit.
        task: What is predicted.
        validation: What the task returned for each batch of validation FOVs.

    Returns:
        What was fitted; None where FOVs get no class.
    """
    if not task.fov_predictions(validation):
        return None
    fovs = fov_arrays(task, validation)
    known = fovs.labelled()
    trust = Trust.fit(settings, task.class_names, fovs.probabilities[known], fovs.targets[known])
    for limit in trust.limits():
        log.warning(limit)
    return trust


def describe_calibrator(trust: Trust) -> dict[str, Any]:
    """Return the method and temperature, for ``metrics.json``."""
    calibrator = trust.calibrator
    return {"method": calibrator.method, "temperature": round(calibrator.temperature, 6)}


def score_calibration(task: Task, before: Sequence[Any], after: Sequence[Any], side: str) -> dict[str, Any]:
    """Return the calibration of one side before and after, for ``metrics.json``; nothing where no FOV has a class."""
    scores = {}
    for name, predictions in (("before", before), ("after", after)):
        fovs = fov_arrays(task, predictions)
        known = fovs.labelled()
        if not known.any():
            return {}
        found = calibration(fovs.probabilities[known], fovs.targets[known])
        scores[name] = {
            "ece": found.error,
            "adaptive_ece": found.adaptive_error,
            "brier": found.brier,
            "nll": found.nll,
        }
    return {side: scores}
