"""GNNExplainer: the clusters, edges and features that are enough for the class, found by learning what to fade out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Generator, Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.explain.base import Example, Explainer, n_clusters
from locgraph.explain.explanation import Explanation
from locgraph.explain.frozen import frozen
from locgraph.explain.hooks import cluster_weights, edge_messages, edge_weights
from locgraph.explain.masks import price, surprise
from locgraph.nn.network import Network
from locgraph.settings import check_number, check_whole


class GNNExplainer(Explainer):
    """Learns, for one FOV, weights between 0 and 1 that fade out all that the class does not need.

    There is a weight for each cluster, which multiplies the vector that it starts with, all that it tells its
    neighbours, and what it hands to the readout; for each edge between clusters, which multiplies what it carries in
    each layer; and for each feature of clusters. Learned together, they keep the probability of the class high and
    themselves few and clear. Scores are these weights.

    Works for every model that names the class of a FOV. ``edges`` is None where clusters do not hear each other, as
    with ``mlp``, and ``features`` where the model reads no features of clusters. In ``hgt`` only edges between clusters
    have weights of their own; what a cluster tells its localisations and superclusters is faded with it, and what these
    are by themselves stays. Descriptors stay.

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

    def __init__(
        self,
        steps: int = 200,
        learning_rate: float = 0.05,
        cluster_size: float = 0.5,
        edge_size: float = 0.5,
        feature_size: float = 0.5,
        entropy: float = 0.1,
    ) -> None:
        self.steps = check_whole("explainer.steps", steps, at_least=1)
        self.learning_rate = check_number("explainer.learning_rate", learning_rate, above=0.0)
        self.sizes = {
            schema.CLUSTER: check_number("explainer.cluster_size", cluster_size, at_least=0.0),
            schema.EDGE: check_number("explainer.edge_size", edge_size, at_least=0.0),
            schema.FEATURE: check_number("explainer.feature_size", feature_size, at_least=0.0),
        }
        self.entropy = check_number("explainer.entropy", entropy, at_least=0.0)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Scores clusters, edges and features."""
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
                loss = _masked_surprise(network, graph, start, example.target, masks) + self._price(masks)
                loss.backward()
                optimiser.step()
        found = {name: values.detach().sigmoid() for name, values in logits.items()}
        return Explanation(found[schema.CLUSTER], edges=found.get(schema.EDGE), features=found.get(schema.FEATURE))

    def _price(self, masks: Mapping[str, Tensor]) -> Tensor:
        prices = [price(mask, self.sizes[name], self.entropy) for name, mask in masks.items() if len(mask)]
        return torch.stack(prices).sum()


def _mask_sizes(network: Network, graph: HeteroData) -> dict[str, int]:
    """Number of weights of each mask; those that the network has no use for are left out."""
    sizes = {schema.CLUSTER: n_clusters(graph)}
    if edge_messages(network):
        sizes[schema.EDGE] = graph[schema.CLUSTER_NEAR].edge_index.shape[1]
    if network.cluster_features and graph[schema.CLUSTER][schema.FEATURES].shape[1]:
        sizes[schema.FEATURE] = graph[schema.CLUSTER][schema.FEATURES].shape[1]
    return sizes


def _masked_surprise(
    network: Network,
    graph: HeteroData,
    start: tuple[Tensor, list[Tensor]],
    target: int,
    masks: Mapping[str, Tensor],
) -> Tensor:
    x, levels = start
    if schema.FEATURE in masks:
        features = masks[schema.FEATURE]
        # they come last among what describes a cluster
        x = x * torch.cat([features.new_ones(x.shape[1] - len(features)), features])
    x = x * masks[schema.CLUSTER][:, None]
    edges = masks.get(schema.EDGE, x.new_ones(graph[schema.CLUSTER_NEAR].edge_index.shape[1]))
    with cluster_weights(network, masks[schema.CLUSTER]), edge_weights(network, edges):
        return surprise(network, graph, (x, levels), target)
