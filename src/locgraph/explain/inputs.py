"""Inputs of a network for one FOV, as tensors with gradients: features and positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.explain.base import n_clusters
from locgraph.explain.coalitions import subgraphs
from locgraph.nn.localisations import from_centre, owners
from locgraph.nn.network import Network

CLUSTER_FEATURES: Final = "cluster_features"
CLUSTER_POSITIONS: Final = "cluster_positions"
LOCALISATION_FEATURES: Final = "localisation_features"
LOCALISATION_POSITIONS: Final = "localisation_positions"
OF_CLUSTERS: Final = (CLUSTER_FEATURES, CLUSTER_POSITIONS)
OF_LOCALISATIONS: Final = (LOCALISATION_FEATURES, LOCALISATION_POSITIONS)


def inputs_of(graph: HeteroData) -> dict[str, Tensor]:
    """Return features and positions of the clusters of a graph, and of its localisations where it has any.

    Positions of localisations are relative to the centre of their cluster: they move along with it.

    Returns:
        By name, (C, F), (C, D), (N, F') and (N, D) float32; empty ones are left out.
    """
    cluster = graph[schema.CLUSTER]
    inputs = {CLUSTER_FEATURES: cluster[schema.FEATURES], CLUSTER_POSITIONS: cluster[schema.POS]}
    if schema.LOCALISATION in graph.node_types:
        inputs[LOCALISATION_FEATURES] = graph[schema.LOCALISATION][schema.FEATURES]
        inputs[LOCALISATION_POSITIONS] = from_centre(graph)
    return {name: values for name, values in inputs.items() if values.numel()}


def with_inputs(graph: HeteroData, inputs: Mapping[str, Tensor]) -> HeteroData:
    """Return copies of a graph with other inputs; the rest stays, as do edges, superclusters and descriptors.

    The levels of the sampling hierarchy follow their localisations.

    Args:
        graph: A PyG batch of one graph.
        inputs: Some of those of ``inputs_of``, each for M copies (M, n, F).

    Returns:
        The PyG batch of the M copies.
    """
    count = len(next(iter(inputs.values())))
    known = {name: values.expand(count, -1, -1) for name, values in inputs_of(graph).items()} | dict(inputs)
    batch = subgraphs(graph, torch.ones((count, n_clusters(graph)), dtype=torch.bool))
    centres = known[CLUSTER_POSITIONS]
    batch[schema.CLUSTER][schema.POS] = centres.flatten(0, 1)
    for name, node_type in ((CLUSTER_FEATURES, schema.CLUSTER), (LOCALISATION_FEATURES, schema.LOCALISATION)):
        if name in known:
            batch[node_type][schema.FEATURES] = known[name].flatten(0, 1)
    if LOCALISATION_POSITIONS in known:
        _place_localisations(batch, graph, known[LOCALISATION_POSITIONS] + centres[:, owners(graph)])
    return batch


def _place_localisations(batch: HeteroData, graph: HeteroData, positions: Tensor) -> None:
    """Set the positions of all levels from those of the localisations (M, N, D)."""
    index = 0
    while schema.level(index) in graph.node_types:
        if index:
            positions = positions[:, graph[schema.level(index)][schema.PARENT]]
        batch[schema.level(index)][schema.POS] = positions.flatten(0, 1)
        index += 1


def log_odds(logits: Tensor, target: int) -> Tensor:
    """Return the logarithm of p / (1 - p) of a class: (B, K) logits to (B,).

    It rises and falls with the probability p, and its gradient does not vanish where p is near 1, unlike that of the
    probability or of its logarithm.
    """
    others = torch.cat([logits[:, :target], logits[:, target + 1 :]], dim=1)
    return logits[:, target] - others.logsumexp(dim=1)


def gradients(
    network: Network, graph: HeteroData, target: int, inputs: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Return gradients of the log-odds of a class with respect to the inputs of a network.

    Args:
        network: The network, within a block of ``frozen``.
        graph: A PyG batch of one graph.
        target: Index of the class.
        inputs: Some of those of ``inputs_of``, each for M copies (M, n, F); None takes those of the graph, M = 1.

    Returns:
        By name, (M, n, F); inputs that the network does not read are left out.
    """
    inputs = {name: values[None] for name, values in inputs_of(graph).items()} if inputs is None else inputs
    leaves = {name: values.detach().clone().requires_grad_() for name, values in inputs.items()}
    output = log_odds(network(with_inputs(graph, leaves)), target)
    if not output.requires_grad:
        return {}
    slopes = torch.autograd.grad(output.sum(), list(leaves.values()), allow_unused=True)
    return {name: slope for name, slope in zip(leaves, slopes, strict=True) if slope is not None}


def per_row(values: Mapping[str, Tensor], names: tuple[str, ...], size: int) -> Tensor:
    """Return the sum over the entries of each cluster or localisation, of the inputs ``names``: (size,) float32."""
    return sum((values[name].sum(dim=1) for name in names if name in values), start=torch.zeros(size))


def of_clusters(graph: HeteroData, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Return sums of entrywise values over each cluster, its localisations included, and over each localisation.

    Args:
        graph: A PyG batch of one graph.
        values: Some of those of ``inputs_of``, with their shapes.

    Returns:
        (C,) and (N,) float32; None where there is no value of a localisation.
    """
    clusters = per_row(values, OF_CLUSTERS, n_clusters(graph))
    if not any(name in values for name in OF_LOCALISATIONS):
        return clusters, None
    owner = owners(graph)
    localisations = per_row(values, OF_LOCALISATIONS, len(owner))
    return clusters.index_add(0, owner, localisations), localisations


def of_features(values: Mapping[str, Tensor]) -> Tensor | None:
    """Return the mean magnitude of each feature's values over the clusters (F,); None where no feature is read."""
    return values[CLUSTER_FEATURES].abs().mean(dim=0) if CLUSTER_FEATURES in values else None
