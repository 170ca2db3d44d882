"""Attention weights of the layers between clusters and of the readout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch_geometric.nn import MessagePassing

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.explain.base import Example, Explainer, Explanation, n_clusters
from locgraph.explain.hooks import edge_messages, frozen
from locgraph.nn.network import Network


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

    unit = "attention weight"

    def check(self, network: Network) -> None:
        """Refuse a network without attention between or over clusters.

        Raises:
            ConfigError: There is none, or the network does not predict classes of FOVs.
        """
        super().check(network)
        if not _attending(network) and network.readout.attention is None:
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
        readout = [] if network.readout.attention is None else [network.readout.attention]
        with (
            frozen(network),
            torch.no_grad(),
            _weights_recorded(_attending(network)) as in_layers,
            _weights_recorded(readout) as in_readout,
        ):
            network(graph)
        count, (source, target) = n_clusters(graph), graph[schema.CLUSTER_NEAR].edge_index
        edges = _mean_of_edges(in_layers, len(source))
        weights = _mean_of_clusters(in_readout, count)
        clusters = torch.zeros(count) if weights is None else weights
        if edges is None:
            return Explanation(clusters)
        received = edges if weights is None else edges * weights[target]
        return Explanation(clusters.index_add(0, source, received), edges=edges)


def _attending(network: Network) -> list[nn.Module]:
    """Return the modules of attention along edges between clusters, one for each layer."""
    return [
        part
        for part in edge_messages(network)
        if "alpha" in part.inspector.get_param_names("message") or "_alpha" in vars(part)
    ]


@contextmanager
def _weights_recorded(parts: list[nn.Module]) -> Iterator[list[Tensor]]:
    """Collect, within a block, the attention of some modules in the order of their calls.

    As PyG's ``AttentionExplainer`` they are read as ``alpha`` or ``_alpha`` when the messages pass; the weights of a
    ``MultiheadAttention`` (graphs, queries, keys) are its second output, which is asked for.
    """
    outputs: list[Tensor] = []

    def record(part: Any, inputs: tuple[Any, ...], _: Tensor) -> None:
        alpha = inputs[0].get("alpha")
        outputs.append((part._alpha if alpha is None else alpha).detach())

    def ask(_: nn.Module, inputs: tuple[Any, ...], arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return inputs, arguments | {"need_weights": True}

    def record_second(_: nn.Module, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        outputs.append(output[1][0].T.detach())

    handles = []
    for part in parts:
        if isinstance(part, MessagePassing):
            handles.append(part.register_message_forward_hook(record))
        else:
            handles += [
                part.register_forward_pre_hook(ask, with_kwargs=True),
                part.register_forward_hook(record_second),
            ]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _mean_of_edges(layers: list[Tensor], count: int) -> Tensor | None:
    """Mean over layers and heads (E,): those of each layer are (E, H), and other rows may follow."""
    return torch.stack([weights[:count].mean(dim=1) for weights in layers]).mean(dim=0) if layers else None


def _mean_of_clusters(outputs: list[Tensor], count: int) -> Tensor | None:
    """Mean over channels, or over seeds and heads (C,)."""
    return outputs[0].view(count, -1).mean(dim=1) if outputs else None
