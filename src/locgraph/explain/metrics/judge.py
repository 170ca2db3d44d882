"""All metrics of one explanation of one FOV, as one row of a table."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Generator

from locgraph.errors import DataError
from locgraph.explain.base import Example, Explainer, Explanation, n_clusters
from locgraph.explain.metrics import columns
from locgraph.explain.metrics.fidelity import (
    Characterisation,
    PartProbabilities,
    by_accuracy,
    by_probability,
    fidelity_curve,
    part_probabilities,
    unfaithfulness,
)
from locgraph.explain.metrics.selection import Selection, concentration, normalised_entropy, sparsity
from locgraph.explain.metrics.stability import Stability
from locgraph.nn.network import Network
from locgraph.settings import check_whole

Row = dict[str, float | None]
"""Name of the metric -> value; None where it does not exist for this FOV."""


@dataclass(frozen=True)
class JudgeSettings:
    """Settings of the metrics.

    Args:
        selection: Rule that selects clusters.
        characterisation: Weights of both fidelities.
        curve_points: Steps of the fidelity curve from no cluster to all of them, 2 or more; each costs two passes.

    Raises:
        ConfigError: ``curve_points`` is below 2.
    """

    selection: Selection = field(default_factory=Selection)
    characterisation: Characterisation = field(default_factory=Characterisation)
    curve_points: int = 10

    def __post_init__(self) -> None:
        check_whole("curve_points", self.curve_points, at_least=2)


def judge(
    network: Network,
    example: Example,
    explanation: Explanation,
    truth: int | None,
    settings: JudgeSettings | None = None,
) -> Row:
    """Compute the metrics of an explanation from probabilities predicted for the clusters that it selects.

    Metrics without ``truth`` in their name are about the explained class: fidelity on the model, where that is the
    predicted class.

    Args:
        network: The network, in evaluation mode.
        example: The FOV.
        explanation: An explanation of it.
        truth: Index of the true class; None where it is not known.
        settings: Settings of the metrics; None for the defaults.

    Returns:
        The metrics of `columns.JUDGED`.

    Raises:
        DataError: The scores do not fit the FOV, or are not finite.
    """
    settings = settings or JudgeSettings()
    check_fits(example, explanation)
    selected = settings.selection(explanation)
    parts = part_probabilities(network, example.graph, selected)
    curve = fidelity_curve(network, example.graph, explanation.clusters, example.target, settings.curve_points)
    row = _fidelities(parts, example.target, truth, settings.characterisation) | {
        columns.FIDELITY_PLUS_AREA: curve.plus_area,
        columns.FIDELITY_MINUS_AREA: curve.minus_area,
        columns.FIDELITY_AREA: curve.area,
        columns.UNFAITHFULNESS: unfaithfulness(parts),
        columns.SPARSITY: sparsity(selected),
        columns.CONCENTRATION: concentration(explanation.clusters),
        columns.ENTROPY: normalised_entropy(explanation.clusters),
    }
    return {name: row[name] for name in columns.JUDGED}


def judge_stability(
    network: Network,
    example: Example,
    explainer: Explainer,
    explanation: Explanation,
    generator: Generator,
    stability: Stability,
    selection: Selection,
    nm_per_unit: float | None = None,
) -> Row:
    """Compare an explanation with those of the jittered FOV: the metrics of `columns.REPEATED`.

    Args:
        network: The network, in evaluation mode.
        example: The FOV.
        explainer: The explainer.
        explanation: Its explanation of the FOV as it is.
        generator: Source of randomness of the jitter and of the explainer.
        stability: Size of the jitter, and number of repeats.
        selection: Rule that selects clusters.
        nm_per_unit: Nanometres in one unit of the model; read only where the jitter is in nm.
    """
    check_fits(example, explanation)
    scores = stability(network, example, explainer, explanation, selection, generator, nm_per_unit)
    return {columns.STABILITY: scores.correlation, columns.STABILITY_OVERLAP: scores.overlap}


def check_fits(example: Example, explanation: Explanation) -> None:
    """Refuse an explanation that is not one of this FOV.

    Raises:
        DataError: It has not one finite score for each cluster.
    """
    expected, scores = n_clusters(example.graph), explanation.clusters
    if scores.shape != (expected,) or not scores.isfinite().all():
        raise DataError(
            f"{example.fov_id}: expected a finite score for each of {expected} clusters, found {len(scores)} scores, "
            f"{int((~scores.isfinite()).sum())} of them not finite: choose another explainer"
        )


def _fidelities(parts: PartProbabilities, target: int, truth: int | None, characterise: Characterisation) -> Row:
    on_model, accuracy = by_probability(parts, target), by_accuracy(parts, target)
    row: Row = {
        columns.FIDELITY_PLUS: on_model.plus,
        columns.FIDELITY_MINUS: on_model.minus,
        columns.FIDELITY_PLUS_ACCURACY: accuracy.plus,
        columns.FIDELITY_MINUS_ACCURACY: accuracy.minus,
        columns.CHARACTERISATION: characterise(on_model),
    }
    of_truth = (
        columns.FIDELITY_PLUS_TRUTH,
        columns.FIDELITY_MINUS_TRUTH,
        columns.FIDELITY_PLUS_TRUTH_ACCURACY,
        columns.FIDELITY_MINUS_TRUTH_ACCURACY,
        columns.CHARACTERISATION_TRUTH,
    )
    if truth is None:
        return row | dict.fromkeys(of_truth)
    on_truth, accuracy = by_probability(parts, truth), by_accuracy(parts, truth)
    values = (on_truth.plus, on_truth.minus, accuracy.plus, accuracy.minus, characterise(on_truth))
    return row | dict(zip(of_truth, values, strict=True))
