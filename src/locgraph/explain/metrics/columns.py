"""The metrics of an explanation: one table of names, ranges, directions and sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HIGHER: Final = "higher"
LOWER: Final = "lower"
NEITHER: Final = "neither"
"""Better direction of a metric that describes more than it judges."""


@dataclass(frozen=True)
class Metric:
    """One column of the table of metrics, which has one row for each FOV and explainer.

    Attributes:
        name: The column's name.
        low: Smallest possible value.
        high: Largest possible value.
        better: Which direction is better.
        meaning: Its definition in one line.
        source: Publication that defines it; empty where it is plain counting.
    """

    name: str
    low: float
    high: float
    better: str
    meaning: str
    source: str = ""


FIDELITY_PLUS: Final = "fidelity_plus"
FIDELITY_MINUS: Final = "fidelity_minus"
FIDELITY_PLUS_ACCURACY: Final = "fidelity_plus_accuracy"
FIDELITY_MINUS_ACCURACY: Final = "fidelity_minus_accuracy"
FIDELITY_PLUS_TRUTH: Final = "fidelity_plus_truth"
FIDELITY_MINUS_TRUTH: Final = "fidelity_minus_truth"
FIDELITY_PLUS_TRUTH_ACCURACY: Final = "fidelity_plus_truth_accuracy"
FIDELITY_MINUS_TRUTH_ACCURACY: Final = "fidelity_minus_truth_accuracy"
CHARACTERISATION: Final = "characterisation"
CHARACTERISATION_TRUTH: Final = "characterisation_truth"
FIDELITY_PLUS_AREA: Final = "fidelity_plus_area"
FIDELITY_MINUS_AREA: Final = "fidelity_minus_area"
FIDELITY_AREA: Final = "fidelity_area"
UNFAITHFULNESS: Final = "unfaithfulness"
SPARSITY: Final = "sparsity"
CONCENTRATION: Final = "concentration"
ENTROPY: Final = "entropy"
STABILITY: Final = "stability"
STABILITY_OVERLAP: Final = "stability_overlap"
RANDOMISED_WEIGHTS: Final = "randomised_weights"
SECONDS: Final = "seconds"
"""Time of the explanation alone; no metric, but a column of the same table."""

_AMARA: Final = "Amara et al. 2022, arXiv 2206.09677"
_YUAN: Final = "Yuan et al. 2022, arXiv 2012.15445"
_ADEBAYO: Final = "Adebayo et al. 2018, arXiv 1810.03292"
_AGARWAL: Final = "Agarwal et al. 2023, arXiv 2208.09339"
_PETSIUK: Final = "Petsiuk et al. 2018, arXiv 1806.07421"

JUDGED: Final = {
    metric.name: metric
    for metric in (
        Metric(FIDELITY_PLUS, -1, 1, HIGHER, "fall of p(explained class) without the selected clusters", _YUAN),
        Metric(FIDELITY_MINUS, -1, 1, LOWER, "fall of p(explained class) with the selected clusters alone", _YUAN),
        Metric(FIDELITY_PLUS_ACCURACY, 0, 1, HIGHER, "1 where the prediction goes without the selected", _AMARA),
        Metric(FIDELITY_MINUS_ACCURACY, 0, 1, LOWER, "1 where the prediction goes with the selected alone", _AMARA),
        Metric(FIDELITY_PLUS_TRUTH, -1, 1, HIGHER, "fall of p(true class) without the selected clusters", _YUAN),
        Metric(FIDELITY_MINUS_TRUTH, -1, 1, LOWER, "fall of p(true class) with the selected clusters alone", _YUAN),
        Metric(FIDELITY_PLUS_TRUTH_ACCURACY, 0, 1, HIGHER, "1 where right or wrong swap without the selected", _AMARA),
        Metric(FIDELITY_MINUS_TRUTH_ACCURACY, 0, 1, LOWER, "1 where right or wrong swap with them alone", _AMARA),
        Metric(CHARACTERISATION, 0, 1, HIGHER, "harmonic mean of fidelity+ and 1 - fidelity-", _AMARA),
        Metric(CHARACTERISATION_TRUTH, 0, 1, HIGHER, "the same of the fidelities to the true class", _AMARA),
        Metric(FIDELITY_PLUS_AREA, -1, 1, HIGHER, "fidelity+ averaged over the part that is selected", _PETSIUK),
        Metric(FIDELITY_MINUS_AREA, -1, 1, LOWER, "fidelity- averaged over the part that is selected", _PETSIUK),
        Metric(FIDELITY_AREA, -1, 1, HIGHER, "difference of both areas; 0 for a random order", _PETSIUK),
        Metric(UNFAITHFULNESS, 0, 1, LOWER, "1 - exp(-KL(p(whole) || p(selected)))", _AGARWAL),
        Metric(SPARSITY, 0, 1, NEITHER, "part of the clusters that is not selected", _YUAN),
        Metric(CONCENTRATION, 0, 1, NEITHER, "Gini coefficient of the absolute scores; 1: one cluster has all"),
        Metric(ENTROPY, 0, 1, NEITHER, "normalised entropy of the absolute scores; 0: one cluster has all"),
    )
}
"""Metrics of every explanation, computed by `locgraph.explain.metrics.judge.judge`."""

REPEATED: Final = {
    metric.name: metric
    for metric in (
        Metric(STABILITY, -1, 1, HIGHER, "Spearman correlation of the scores before and after jitter", _AGARWAL),
        Metric(STABILITY_OVERLAP, 0, 1, HIGHER, "part of the selected clusters that is selected after jitter"),
    )
}
"""Metrics that need explanations of the jittered FOV."""

RANDOMISED: Final = {
    RANDOMISED_WEIGHTS: Metric(
        RANDOMISED_WEIGHTS,
        -1,
        1,
        NEITHER,
        "Spearman with the scores of a network without training; good near 0",
        _ADEBAYO,
    )
}
"""Metrics that need explanations with a network of random weights."""

METRICS: Final = {**JUDGED, **REPEATED, **RANDOMISED}
"""Every metric, in the order of the table."""
