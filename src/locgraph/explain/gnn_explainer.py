"""GNNExplainer: learned masks of clusters, edges and features; and the parts of the loss that masks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Generator, Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.explain import outputs
from locgraph.explain.base import Example, Explainer, Explanation, n_clusters
from locgraph.explain.hooks import cluster_weights, edge_messages, edge_weights, frozen
from locgraph.nn.network import Network
from locgraph.settings import check_number, check_whole

_TINY: Final = 1e-12


class GNNExplainer(Explainer):
    """Weights between 0 and 1, learned for one FOV, that fade out the parts which the class does not need.

    There is a weight for each cluster, which multiplies its first vector, its messages to its neighbours, and its
    vector at the readout; for each edge between clusters, which multiplies the messages along it in each layer; and for
    each feature of clusters. They are learned together, so that the probability of the class stays high with few
    weights above 0, each near 0 or 1. Scores are these weights.

    Works for every model that predicts the class of a FOV. ``edges`` is None where no messages pass between clusters,
    as with ``mlp``, and ``features`` where the model reads no features of clusters. In ``hgt`` only edges between
    clusters have weights of their own; the messages of a cluster to its localisations and superclusters are faded with
    it, and the vectors of these stay. Descriptors stay.

    Args:
        steps: Steps of learning.
        learning_rate: Size of a step (Adam).
        cluster_size: Price of keeping all clusters, against the negative logarithm of the probability: larger
            keeps fewer.
        edge_size: The same for edges.
        feature_size: The same for features.
        entropy: Price of weights that are neither near 0 nor near 1.

    Raises:
        ConfigError: A number is out of range.

    Source: Ying et al. 2019, "GNNExplainer", arXiv 1903.03894; it has masks of edges and features, and sums where there
    are means here, so that settings serve FOVs of all sizes.
    """

    unit = "weight of mask"

    def __init__(
        self,
        steps: int = 200,
        learning_rate: float = 0.05,
        cluster_size: float = 0.5,
        edge_size: float = 0.5,
        feature_size: float = 0.5,
        entropy: float = 0.1,
    ) -> None:
        self.steps = check_whole("steps", steps, at_least=1)
        self.learning_rate = check_number("learning_rate", learning_rate, above=0.0)
        self.sizes = {
            schema.CLUSTER: check_number("cluster_size", cluster_size, at_least=0.0),
            schema.EDGE: check_number("edge_size", edge_size, at_least=0.0),
            schema.FEATURE: check_number("feature_size", feature_size, at_least=0.0),
        }
        self.entropy = check_number("entropy", entropy, at_least=0.0)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score clusters, edges and features."""
        graph = example.graph
        logits = {
            name: (0.1 * torch.randn(size, generator=generator)).requires_grad_()
            for name, size in _mask_sizes(network, graph).items()
        }
        optimiser = torch.optim.Adam(logits.values(), lr=self.learning_rate)
        with frozen(network):
            with torch.no_grad():
                start = network.describe(graph)
            for _ in range(self.steps):
                optimiser.zero_grad()
                masks = {name: values.sigmoid() for name, values in logits.items()}
                loss = _masked_surprise(network, example, start, masks) + self._price(masks)
                loss.backward()
                optimiser.step()
        scores = {name: values.detach().sigmoid() for name, values in logits.items()}
        return Explanation(scores[schema.CLUSTER], edges=scores.get(schema.EDGE), features=scores.get(schema.FEATURE))

    def _price(self, masks: Mapping[str, Tensor]) -> Tensor:
        prices = [price(mask, self.sizes[name], self.entropy) for name, mask in masks.items() if len(mask)]
        return torch.stack(prices).sum()


def _mask_sizes(network: Network, graph: HeteroData) -> dict[str, int]:
    """Return the number of weights of each mask; masks of inputs that the network does not read are left out."""
    sizes = {schema.CLUSTER: n_clusters(graph)}
    if edge_messages(network):
        sizes[schema.EDGE] = graph[schema.CLUSTER_NEAR].edge_index.shape[1]
    if network.cluster_features and graph[schema.CLUSTER][schema.FEATURES].shape[1]:
        sizes[schema.FEATURE] = graph[schema.CLUSTER][schema.FEATURES].shape[1]
    return sizes


def _masked_surprise(
    network: Network, example: Example, start: tuple[Tensor, list[Tensor]], masks: Mapping[str, Tensor]
) -> Tensor:
    graph, (x, levels) = example.graph, start
    if schema.FEATURE in masks:
        features = masks[schema.FEATURE]
        # they come last in the first vector of a cluster
        x = x * torch.cat([features.new_ones(x.shape[1] - len(features)), features])
    x = x * masks[schema.CLUSTER][:, None]
    edges = masks.get(schema.EDGE, x.new_ones(graph[schema.CLUSTER_NEAR].edge_index.shape[1]))
    with cluster_weights(network, masks[schema.CLUSTER]), edge_weights(network, edges):
        return surprise(network, graph, (x, levels), example.target, example.against)


def price(mask: Tensor, size: float, entropy: float) -> Tensor:
    """Return the price of a mask: means, so that settings mean the same for small and large FOVs.

    Args:
        mask: Weights between 0 and 1, at least one.
        size: Price of a mask of ones: larger keeps less.
        entropy: Price of a mask of halves, in units of ln 2: larger makes weights come nearer to 0 or 1.

    Returns:
        A scalar.
    """
    uncertainty = -mask * (mask + _TINY).log() - (1 - mask) * (1 - mask + _TINY).log()
    return size * mask.mean() + entropy * uncertainty.mean()


def surprise(
    network: Network,
    graph: HeteroData,
    start: tuple[Tensor, list[Tensor]],
    target: int,
    against: int | None = None,
) -> Tensor:
    """Return the negative logarithm of the probability of a class.

    Args:
        network: The network, within a block of ``frozen``.
        graph: A PyG batch of one graph.
        start: Output of ``network.describe``, changed or not: the localisations are encoded only once.
        target: Index of the class.
        against: Index of another class, among which two the probability is; None for all classes.

    Returns:
        A scalar.
    """
    logits = network.classify(network.encode_clusters(graph, *start))[schema.FIELD_OF_VIEW]
    return outputs.surprise(logits, target, against)
