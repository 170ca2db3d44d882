"""All metrics of one explanation of one FOV, as one row of a table."""

from __future__ import annotations

from dataclasses import dataclass, field

from locgraph.explain.base import Example, Explanation
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
    explanation.check(example.graph)
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
