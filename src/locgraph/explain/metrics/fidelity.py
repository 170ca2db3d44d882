"""Fidelity: what happens to a class when the selected clusters go, or are all that stays.

With the class that the network predicts, this is fidelity on the *model*; with the true class, on the *phenomenon*.
Clusters go with their localisations and edges.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from locgraph.explain.metrics.probabilities import Parts


@dataclass(frozen=True)
class Fidelity:
    """Both sides of it.

    Attributes:
        plus: What removing the selected clusters takes away; higher is better: they were needed.
        minus: What keeping them alone takes away; lower is better: they suffice.
    """

    plus: float
    minus: float


def by_probability(parts: Parts, target: int) -> Fidelity:
    """Fall of the probability of a class, p(whole) - p(part): in [-1, 1], below 0 where it rises.

    Args:
        parts: What the network says.
        target: Index of the class.

    Returns:
        Fidelity+ (higher is better) and fidelity- (lower is better).

    Source: Yuan et al. 2022, arXiv 2012.15445, the forms ``prob``.
    """
    whole, kept, removed = (float(found[target]) for found in (parts.whole, parts.kept, parts.removed))
    return Fidelity(whole - removed, whole - kept)


def by_accuracy(parts: Parts, target: int) -> Fidelity:
    """Whether the answer 'it is this class' changes, |1[whole says so] - 1[part says so]|: in [0, 1].

    Where m classes are equally probable, the most probable one is each of them to 1 / m: so the part that holds
    nothing says each of K classes to 1 / K.

    Args:
        parts: What the network says.
        target: Index of the class.

    Returns:
        Fidelity+ (higher is better) and fidelity- (lower is better).

    Source: Amara et al. 2022, "GraphFramEx", arXiv 2206.09677; PyG's ``fidelity`` on the model is this with the class
    that is predicted, and on the phenomenon with the true one.
    """
    whole, kept, removed = (_says(found, target) for found in (parts.whole, parts.kept, parts.removed))
    return Fidelity(abs(whole - removed), abs(whole - kept))


def _says(probabilities: Tensor, target: int) -> float:
    """1 where the class is the most probable one, 1 / m where it shares that with others."""
    largest = probabilities == probabilities.max()
    return float(largest[target]) / int(largest.sum())
