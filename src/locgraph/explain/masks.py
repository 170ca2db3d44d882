"""What explainers that learn masks share: the price of a mask, and what a network says of a masked FOV."""

from __future__ import annotations

from typing import Final

from torch import Tensor, int64
from torch.nn.functional import cross_entropy
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.nn.network import Network

_TINY: Final = 1e-12


def price(mask: Tensor, size: float, entropy: float) -> Tensor:
    """What a mask costs: means, so that settings mean the same for small and large FOVs.

    Args:
        mask: Weights between 0 and 1, at least one.
        size: Price of a mask of ones: larger keeps less.
        entropy: Price of a mask of halves, in units of ln 2: larger makes weights come nearer to 0 or 1.

    Returns:
        A scalar.
    """
    unsure = -mask * (mask + _TINY).log() - (1 - mask) * (1 - mask + _TINY).log()
    return size * mask.mean() + entropy * unsure.mean()


def surprise(network: Network, graph: HeteroData, start: tuple[Tensor, list[Tensor]], target: int) -> Tensor:
    """Negative logarithm of the probability of a class.

    Args:
        network: The network, held still by ``frozen``.
        graph: A PyG batch of one graph.
        start: What ``network.describe`` gives of it, changed or not: the localisations are encoded once alone.
        target: Index of the class.

    Returns:
        A scalar.
    """
    logits = network.classify(network.encode_clusters(graph, *start))[schema.FIELD_OF_VIEW]
    return cross_entropy(logits, logits.new_full((1,), target, dtype=int64))
