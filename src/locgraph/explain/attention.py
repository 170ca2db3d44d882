"""Attention weights of the layers between clusters and of the readout."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch
from torch import Generator, Tensor, nn

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.explain.base import Example, Explainer, Explanation, n_clusters
from locgraph.explain.hooks import frozen, recorded
from locgraph.nn.network import Network
from locgraph.nn.seams import NeighbourSoftmax


class Attention(Explainer):
    """Attention weights that the network computes in its forward pass, whatever the class.

    The score of an edge is the mean, over layers and heads (channels, where each has its own weight), of its attention
    weight at the target cluster; in a heterogeneous encoder localisations and superclusters have a part of these
    weights. The score of a cluster is the sum over the edges that leave it. Where the readout has attention too, each
    of these is multiplied by the weight of the target cluster in the readout, and the cluster's own weight in the
    readout is added; where the readout alone has attention, that weight is the score, and edges have none.

    Works for the cluster encoders ``point_transformer``, ``graph_transformer``, ``gatv2`` and ``hgt``, and the readouts
    ``attention`` and ``set_transformer``, alone or within ``with_descriptors``; of ``set_transformer`` the last
    attention counts, that of the seeds to the clusters. Attention within the localisation encoder is not read.

    Source: the mean over layers is that of the baseline of Ying et al. 2019, "GNNExplainer", arXiv 1903.03894.
    """

    def check(self, network: Network) -> None:
        """Refuse a network without attention between or over clusters.

        Raises:
            ConfigError: There is none, or the network does not predict classes of FOVs.
        """
        super().check(network)
        if not _of_edges(network) and not _of_readout(network):
            raise ConfigError(
                "Attention explains models whose clusters attend to each other (cluster encoder "
                "point_transformer, graph_transformer, gatv2 or hgt) or are read out by attention (readout "
                f"attention or set_transformer), found {type(network.cluster_encoder).__name__} with "
                f"{type(network.readout).__name__}; leave this explainer out, or train such a model"
            )

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score clusters, and edges where the cluster encoder has attention."""
        del generator
        graph = example.graph
        edge_weights, readout_weights = recorded(_of_edges(network)), recorded(_of_readout(network))
        with frozen(network), torch.no_grad(), edge_weights as in_layers, readout_weights as in_readout:
            network(graph)
        count, (source, target) = n_clusters(graph), graph[schema.CLUSTER_NEAR].edge_index
        edges, readout = _mean_of_edges(in_layers, len(source)), _mean_of_clusters(in_readout, count)
        clusters = torch.zeros(count) if readout is None else readout
        if edges is None:
            return Explanation(clusters)
        received = edges if readout is None else edges * readout[target]
        return Explanation(clusters.index_add(0, source, received), edges=edges)


def _of_edges(network: Network) -> list[NeighbourSoftmax]:
    """Return the modules of attention along edges between clusters, one for each layer."""
    return _softmaxes(network.cluster_encoder.modules(), (None, schema.CLUSTER_NEAR))


def _of_readout(network: Network) -> list[NeighbourSoftmax]:
    """Return the modules of attention over clusters in the readout."""
    return _softmaxes(network.readout.modules(), (schema.CLUSTER,))


def _softmaxes(parts: Iterable[nn.Module], rows: Collection[object]) -> list[NeighbourSoftmax]:
    return [part for part in parts if isinstance(part, NeighbourSoftmax) and part.rows in rows]


def _mean_of_edges(layers: list[Tensor], count: int) -> Tensor | None:
    """Mean over layers and heads (E,): those of each layer are (E, H), and other rows may follow."""
    return torch.stack([weights[:count].mean(dim=1) for weights in layers]).mean(dim=0) if layers else None


def _mean_of_clusters(outputs: list[Tensor], count: int) -> Tensor | None:
    """Mean over channels, or over seeds and heads (C,)."""
    return outputs[0].view(count, -1).mean(dim=1) if outputs else None
