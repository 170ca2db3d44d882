"""Fidelity for every size of the selection, from no cluster to all of them in the order of their scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.integrate import trapezoid
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph.explain.metrics.probabilities import class_probabilities
from locgraph.explain.metrics.selection import ranking
from locgraph.nn.network import Network


@dataclass(frozen=True)
class FidelityCurve:
    """Fidelity by probability over the size of the selection.

    Attributes:
        selected: Part of the clusters that is selected, (P,) float64 from 0 to 1; sparsity is 1 minus this.
        plus: Fidelity+ (P,) float64: 0 first, and all that p has above 1 / K last.
        minus: Fidelity- (P,) float64: the other way round.
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

        Whatever the network, a random order gives 0 on average, and the opposite order gives the same with the other
        sign: what is kept of one is what is removed by the other.
        """
        return self.plus_area - self.minus_area


def fidelity_curve(network: Network, graph: HeteroData, scores: Tensor, target: int, points: int = 10) -> FidelityCurve:
    """Follows fidelity while clusters are selected one after the other, the highest score first.

    Args:
        network: The network, in evaluation mode.
        graph: A PyG batch of one graph of C clusters, scaled.
        scores: (C,) float32.
        target: Index of the class.
        points: Steps from none to all, about; each costs the network two subgraphs.

    Returns:
        The curve.

    Source: insertion and deletion of Petsiuk et al. 2018, "RISE", arXiv 1806.07421, with the fidelities of Amara et
    al. 2022, arXiv 2206.09677. Not PyG's ``fidelity_curve_auc``, a quotient that has no bound.
    """
    counts = _counts(len(scores), points)
    place = torch.argsort(ranking(scores))
    kept = place[None, :] < torch.tensor(counts)[:, None]
    found = class_probabilities(network, graph, torch.cat([kept, ~kept]))[:, target].double().numpy()
    with_them, without = np.split(found, 2)
    whole = with_them[-1]
    return FidelityCurve(np.array(counts) / len(scores), whole - without, whole - with_them)


def _counts(n: int, points: int) -> list[int]:
    """Sizes from 0 to n, as many above the middle as below it: else the area would prefer an order."""
    lower = {round(n * step / points) for step in range(points // 2 + 1)}
    return sorted(lower | {n - count for count in lower})
