"""One row of metrics for one explanation of one FOV."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Generator

from locgraph.errors import DataError
from locgraph.explain.base import Example, Explainer, n_clusters
from locgraph.explain.explanation import Explanation
from locgraph.explain.metrics import columns
from locgraph.explain.metrics.characterisation import Characterisation
from locgraph.explain.metrics.fidelity import by_accuracy, by_probability
from locgraph.explain.metrics.fidelity_curve import fidelity_curve
from locgraph.explain.metrics.probabilities import Parts, parts
from locgraph.explain.metrics.selection import Selection
from locgraph.explain.metrics.sparsity import concentration, normalised_entropy, sparsity
from locgraph.explain.metrics.stability import Stability
from locgraph.explain.metrics.unfaithfulness import unfaithfulness
from locgraph.nn.network import Network
from locgraph.settings import check_whole

Row = dict[str, float | None]
"""Name of the metric -> value; None where it does not exist for this FOV."""


@dataclass(frozen=True)
class JudgeSettings:
    """How explanations are judged.

    Args:
        selection: How scores become a selection of clusters.
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
    """Judges an explanation by what the network makes of the clusters that it selects.

    Metrics without ``truth`` in their name are of the class that is explained: on the model, where that is the
    predicted class.

    Args:
        network: The network, in evaluation mode.
        example: The FOV.
        explanation: What an explainer says of it.
        truth: Index of the true class; None where it is not known.
        settings: How to judge; None for the defaults.

    Returns:
        The metrics of `columns.JUDGED`.

    Raises:
        DataError: The scores do not fit the FOV, or are not finite.
    """
    settings = settings or JudgeSettings()
    check_fits(example, explanation)
    selected = settings.selection(explanation)
    found = parts(network, example.graph, selected)
    curve = fidelity_curve(network, example.graph, explanation.clusters, example.target, settings.curve_points)
    row = _fidelities(found, example.target, truth, settings.characterisation) | {
        columns.FIDELITY_PLUS_AREA: curve.plus_area,
        columns.FIDELITY_MINUS_AREA: curve.minus_area,
        columns.FIDELITY_AREA: curve.area,
        columns.UNFAITHFULNESS: unfaithfulness(found),
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
    """Judges an explanation by those of the jittered FOV: the metrics of `columns.REPEATED`.

    Args:
        network: The network, in evaluation mode.
        example: The FOV.
        explainer: The explainer.
        explanation: What it says of the FOV as it is.
        generator: Of the jitter, and handed to the explainer.
        stability: How much jitter, how often.
        selection: How scores become a selection of clusters.
        nm_per_unit: As the scaler has it; read only where the jitter is in nm.
    """
    check_fits(example, explanation)
    found = stability(network, example, explainer, explanation, selection, generator, nm_per_unit)
    return {columns.STABILITY: found.correlation, columns.STABILITY_OVERLAP: found.overlap}


def check_fits(example: Example, explanation: Explanation) -> None:
    """Refuses an explanation that is not one of this FOV.

    Raises:
        DataError: It has not one finite score for each cluster.
    """
    expected, scores = n_clusters(example.graph), explanation.clusters
    if scores.shape != (expected,) or not scores.isfinite().all():
        raise DataError(
            f"{example.fov_id}: expected a finite score for each of {expected} clusters, found {len(scores)} scores, "
            f"{int((~scores.isfinite()).sum())} of them not finite: choose another explainer"
        )


def _fidelities(found: Parts, target: int, truth: int | None, characterise: Characterisation) -> Row:
    on_model, accuracy = by_probability(found, target), by_accuracy(found, target)
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
    on_truth, accuracy = by_probability(found, truth), by_accuracy(found, truth)
    values = (on_truth.plus, on_truth.minus, accuracy.plus, accuracy.minus, characterise(on_truth))
    return row | dict(zip(of_truth, values, strict=True))
