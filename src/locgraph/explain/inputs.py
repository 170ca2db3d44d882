"""What a network reads of one FOV, as numbers that can be changed and that have gradients."""

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
    """Features and positions of the clusters of a graph, and of its localisations where it has any.

    Localisations are placed relative to the centre of their cluster: a cluster that moves takes them along.

    Returns:
        By name, (C, F), (C, D), (N, F') and (N, D) float32; empty ones are left out.
    """
    cluster = graph[schema.CLUSTER]
    found = {CLUSTER_FEATURES: cluster[schema.FEATURES], CLUSTER_POSITIONS: cluster[schema.POS]}
    if schema.LOCALISATION in graph.node_types:
        found[LOCALISATION_FEATURES] = graph[schema.LOCALISATION][schema.FEATURES]
        found[LOCALISATION_POSITIONS] = from_centre(graph)
    return {name: values for name, values in found.items() if values.numel()}


def with_inputs(graph: HeteroData, inputs: Mapping[str, Tensor]) -> HeteroData:
    """Copies of a graph with other inputs; what is not named stays, as do edges, superclusters and descriptors.

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
    """Sets the positions of all levels from those of the localisations (M, N, D)."""
    index = 0
    while schema.level(index) in graph.node_types:
        if index:
            positions = positions[:, graph[schema.level(index)][schema.PARENT]]
        batch[schema.level(index)][schema.POS] = positions.flatten(0, 1)
        index += 1


def log_odds(logits: Tensor, target: int) -> Tensor:
    """Logarithm of p / (1 - p) of a class: (B, K) logits to (B,).

    It rises and falls with the probability p, and its gradient does not vanish where p is near 1, unlike that of the
    probability or of its logarithm.
    """
    others = torch.cat([logits[:, :target], logits[:, target + 1 :]], dim=1)
    return logits[:, target] - others.logsumexp(dim=1)


def gradients(network: Network, graph: HeteroData, target: int) -> dict[str, Tensor]:
    """Gradients of the log-odds of a class with respect to what the network reads.

    Args:
        network: The network, held still by ``frozen``.
        graph: A PyG batch of one graph.
        target: Index of the class.

    Returns:
        Those of ``inputs_of`` that the network reads, with their shapes.
    """
    inputs = {name: values[None].clone().requires_grad_() for name, values in inputs_of(graph).items()}
    said = log_odds(network(with_inputs(graph, inputs)), target)
    if not said.requires_grad:
        return {}
    found = torch.autograd.grad(said.sum(), list(inputs.values()), allow_unused=True)
    return {name: gradient[0] for name, gradient in zip(inputs, found, strict=True) if gradient is not None}


def per_row(values: Mapping[str, Tensor], names: tuple[str, ...], size: int) -> Tensor:
    """Sum over the entries of each cluster or localisation of what is there of ``names``: (size,) float32."""
    return sum((values[name].sum(dim=1) for name in names if name in values), start=torch.zeros(size))


def of_clusters(graph: HeteroData, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Sums of entrywise values over each cluster, its localisations included, and over each localisation.

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
    """Mean over the clusters of the magnitude of each feature's values (F,); None where no feature is read."""
    return values[CLUSTER_FEATURES].abs().mean(dim=0) if CLUSTER_FEATURES in values else None
