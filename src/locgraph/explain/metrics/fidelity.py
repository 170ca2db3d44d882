"""Fidelity: the change of predicted probabilities without the selected clusters, and with these alone.

With the class that the network predicts, this is fidelity on the *model*; with the true class, on the *phenomenon*.
Clusters are removed with their localisations and edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.integrate import trapezoid
from scipy.special import rel_entr
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph.explain.coalitions import subgraphs
from locgraph.explain.metrics.selection import ranking
from locgraph.nn.network import Network
from locgraph.settings import check_number

_MAX_ROWS: Final = 200_000
"""Nodes and edges of one batch; a larger FOV forms a batch of its own."""


@dataclass(frozen=True)
class PartProbabilities:
    """Class probabilities, (K,) float32 each, of one FOV and of the two parts that a selection divides it into.

    Attributes:
        whole: All clusters.
        kept: The selected clusters alone.
        removed: All but the selected clusters.
    """

    whole: Tensor
    kept: Tensor
    removed: Tensor


def part_probabilities(network: Network, graph: HeteroData, selected: Tensor) -> PartProbabilities:
    """Predict class probabilities of a FOV, of its selected clusters and of the rest.

    Args:
        network: The network, in evaluation mode.
        graph: A PyG batch of one graph of C clusters, scaled.
        selected: (C,) bool.

    Returns:
        The probabilities.
    """
    masks = torch.stack([torch.ones_like(selected), selected, ~selected])
    return PartProbabilities(*class_probabilities(network, graph, masks))


def class_probabilities(network: Network, graph: HeteroData, masks: Tensor) -> Tensor:
    """Predict probabilities of all classes for sets of clusters.

    The empty set gives every class 1 / K, as in `locgraph.explain.coalitions.Coalitions`.

    Args:
        network: The network, in evaluation mode.
        graph: A PyG batch of one graph of C clusters, scaled.
        masks: The clusters that are kept, (M, C) bool.

    Returns:
        (M, K) float32.
    """
    rows = sum(int(graph[name].num_nodes) for name in graph.node_types)
    rows += sum(int(graph[name].num_edges) for name in graph.edge_types)
    with torch.no_grad():
        batches = masks.split(max(1, _MAX_ROWS // max(rows, 1)))
        probabilities = torch.cat([network(subgraphs(graph, batch)).float().softmax(dim=1) for batch in batches])
    probabilities[~masks.any(dim=1)] = 1 / probabilities.shape[1]
    return probabilities


@dataclass(frozen=True)
class Fidelity:
    """Loss of a class by removing and by keeping the selected clusters.

    Attributes:
        plus: Loss where the selected clusters are removed; higher is better: they are necessary.
        minus: Loss where they alone are kept; lower is better: they are sufficient.
    """

    plus: float
    minus: float


def by_probability(parts: PartProbabilities, target: int) -> Fidelity:
    """Return the fall of the probability of a class, p(whole) - p(part): in [-1, 1], below 0 where it rises.

    Args:
        parts: Class probabilities.
        target: Index of the class.

    Returns:
        Fidelity+ (higher is better) and fidelity- (lower is better).

    Source: Yuan et al. 2022, arXiv 2012.15445, the forms ``prob``.
    """
    whole, kept, removed = (float(part[target]) for part in (parts.whole, parts.kept, parts.removed))
    return Fidelity(whole - removed, whole - kept)


def by_accuracy(parts: PartProbabilities, target: int) -> Fidelity:
    """Return whether 'this class is predicted' changes, |1[predicted of whole] - 1[predicted of part]|: in [0, 1].

    Where m classes share the highest probability, each of them counts 1 / m: for the empty part, each of K classes
    counts 1 / K.

    Args:
        parts: Class probabilities.
        target: Index of the class.

    Returns:
        Fidelity+ (higher is better) and fidelity- (lower is better).

    Source: Amara et al. 2022, "GraphFramEx", arXiv 2206.09677; PyG's ``fidelity`` on the model is this with the class
    that is predicted, and on the phenomenon with the true one.
    """
    whole, kept, removed = (_is_predicted(part, target) for part in (parts.whole, parts.kept, parts.removed))
    return Fidelity(abs(whole - removed), abs(whole - kept))


def _is_predicted(probabilities: Tensor, target: int) -> float:
    """Return 1 where the class is the most probable one, 1 / m where m classes share the highest probability."""
    largest = probabilities == probabilities.max()
    return float(largest[target]) / int(largest.sum())


@dataclass(frozen=True)
class Characterisation:
    """Weighted harmonic mean of fidelity+ and 1 - fidelity-.

    In [0, 1], higher is better: 1 where the selected clusters are necessary and sufficient. Where fidelity+ is 0 or
    fidelity- is 1, it is 0. Fidelities below 0, where the class becomes more probable, count as 0.

    Args:
        plus: Weight of fidelity+, above 0; only the ratio of both weights matters.
        minus: Weight of fidelity-, above 0.

    Raises:
        ConfigError: A weight is not above 0.

    Source: Amara et al. 2022, "GraphFramEx", arXiv 2206.09677.
    """

    plus: float = 0.5
    minus: float = 0.5

    def __post_init__(self) -> None:
        check_number("plus", self.plus, above=0)
        check_number("minus", self.minus, above=0)

    def __call__(self, fidelity: Fidelity) -> float:
        """Return the mean, in [0, 1]."""
        necessary = max(fidelity.plus, 0.0)
        sufficient = 1.0 - max(fidelity.minus, 0.0)
        if necessary <= 0 or sufficient <= 0:
            return 0.0
        return (self.plus + self.minus) / (self.plus / necessary + self.minus / sufficient)


def unfaithfulness(parts: PartProbabilities) -> float:
    """Return GEF = 1 - exp(-KL(p(whole) || p(kept))): in [0, 1], lower is better; 0 where both are the same.

    PyG 2.8.1 takes the divergence the other way round, KL(p(kept) || p(whole)), against its documentation.

    Args:
        parts: Class probabilities.

    Returns:
        The unfaithfulness; 1 where a class of the whole FOV has probability 0 with the selected clusters.

    Source: Agarwal et al. 2023, "Evaluating explainability for graph neural networks", arXiv 2208.09339.
    """
    divergence = rel_entr(parts.whole.double().numpy(), parts.kept.double().numpy()).sum()
    # rounding may leave it slightly below 0
    return float(-np.expm1(-max(divergence, 0.0)))


@dataclass(frozen=True)
class FidelityCurve:
    """Fidelity by probability over the size of the selection.

    Attributes:
        selected: Part of the clusters that is selected, (P,) float64 from 0 to 1; sparsity is 1 minus this.
        plus: Fidelity+ (P,) float64: from 0 to p(whole) - 1 / K.
        minus: Fidelity- (P,) float64: from p(whole) - 1 / K to 0.
    """

    selected: np.ndarray
    plus: np.ndarray
    minus: np.ndarray

    @property
    def plus_area(self) -> float:
        """Mean of fidelity+ over all sizes, in [-1, 1]; higher is better."""
        return float(trapezoid(self.plus, self.selected))

    @property
    def minus_area(self) -> float:
        """Mean of fidelity- over all sizes, in [-1, 1]; lower is better."""
        return float(trapezoid(self.minus, self.selected))

    @property
    def area(self) -> float:
        """``plus_area - minus_area``, in [-1, 1]; higher is better.

        Whatever the network, a random order gives 0 on average, and the reverse order the negative value: the clusters
        kept by one are those removed by the other.
        """
        return self.plus_area - self.minus_area


def fidelity_curve(network: Network, graph: HeteroData, scores: Tensor, target: int, points: int = 10) -> FidelityCurve:
    """Return fidelity as clusters are selected one after the other, the highest score first.

    Args:
        network: The network, in evaluation mode.
        graph: A PyG batch of one graph of C clusters, scaled.
        scores: (C,) float32.
        target: Index of the class.
        points: Approximate number of steps from none to all; each takes two forward passes.

    Returns:
        The curve.

    Source: insertion and deletion of Petsiuk et al. 2018, "RISE", arXiv 1806.07421, with the fidelities of Amara et
    al. 2022, arXiv 2206.09677. Not PyG's ``fidelity_curve_auc``, a quotient that has no bound.
    """
    counts = _counts(len(scores), points)
    place = torch.argsort(ranking(scores))
    kept = place[None, :] < torch.tensor(counts)[:, None]
    values = class_probabilities(network, graph, torch.cat([kept, ~kept]))[:, target].double().numpy()
    with_them, without = np.split(values, 2)
    whole = with_them[-1]
    return FidelityCurve(np.array(counts) / len(scores), whole - without, whole - with_them)


def _counts(n: int, points: int) -> list[int]:
    """Return sizes from 0 to n that are symmetric about the middle, so that the area of a random order is 0."""
    lower = {round(n * step / points) for step in range(points // 2 + 1)}
    return sorted(lower | {n - count for count in lower})
