"""Inputs of a network for one FOV, as tensors with gradients: features, positions, and geometry of edges."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Final

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import DataError
from locgraph.explain.base import Example, n_clusters
from locgraph.explain.coalitions import subgraphs
from locgraph.explain.hooks import frozen, hooked, recorded
from locgraph.explain.outputs import log_odds
from locgraph.nn.localisations import from_centre, owners
from locgraph.nn.network import Network

CLUSTER_FEATURES: Final = "cluster_features"
CLUSTER_POSITIONS: Final = "cluster_positions"
LOCALISATION_FEATURES: Final = "localisation_features"
LOCALISATION_POSITIONS: Final = "localisation_positions"
EDGE_LENGTHS: Final = "edge_lengths"
EDGE_VALUES: Final = "edge_values"
OF_CLUSTERS: Final = (CLUSTER_FEATURES, CLUSTER_POSITIONS)
OF_LOCALISATIONS: Final = (LOCALISATION_FEATURES, LOCALISATION_POSITIONS)
OF_EDGES: Final = (EDGE_LENGTHS, EDGE_VALUES)


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


def with_inputs(graph: HeteroData, inputs: Mapping[str, Tensor], count: int) -> HeteroData:
    """Return copies of a graph with other inputs; the rest stays, as do edges, superclusters and descriptors.

    The levels of the sampling hierarchy follow their localisations.

    Args:
        graph: A PyG batch of one graph.
        inputs: Some of those of ``inputs_of``, each for M copies (M, n, F).
        count: Number of copies M.

    Returns:
        The PyG batch of the M copies.
    """
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


def edge_inputs(network: Network, graph: HeteroData) -> dict[str, Tensor]:
    """Return what a network reads of the edges between clusters instead of coordinates.

    Returns:
        Lengths (E, 1), and the values (E, G) that the layers read, float32; empty where it reads no lengths, or the
        graph has no edge.
    """
    geometry = network.cluster_encoder.edge_geometry
    if geometry is None or not graph[schema.CLUSTER_NEAR].edge_index.numel():
        return {}
    with frozen(network), torch.no_grad(), recorded([geometry.lengths, geometry.values]) as passed:
        network.encode(graph)
    lengths, values = passed
    return {EDGE_LENGTHS: lengths[:, None], EDGE_VALUES: values}


def gradients(network: Network, example: Example, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return gradients of the log-odds of the explained class with respect to inputs of a network.

    Args:
        network: The network, within a block of ``frozen``.
        example: The FOV.
        inputs: Some of those of ``inputs_of`` and ``edge_inputs``, each for M copies (M, n, F).

    Returns:
        By name, (M, n, F); inputs that the network does not read are left out. Where values of edges are given,
        positions that are read for these alone are, too.
    """
    leaves = {name: values.detach().clone().requires_grad_() for name, values in inputs.items()}
    output = log_odds(predict(network, example.graph, leaves), example.target, example.against)
    if not output.requires_grad:
        return {}
    slopes = torch.autograd.grad(output.sum(), list(leaves.values()), allow_unused=True)
    return {name: slope for name, slope in zip(leaves, slopes, strict=True) if slope is not None}


def predict(network: Network, graph: HeteroData, inputs: Mapping[str, Tensor]) -> Tensor:
    """Return the logits (M, K) of copies of a graph with other inputs.

    Args:
        network: The network.
        graph: A PyG batch of one graph.
        inputs: Some of those of ``inputs_of`` and ``edge_inputs``, each for M copies (M, n, F).
    """
    of_nodes = {name: values for name, values in inputs.items() if name not in OF_EDGES}
    count = len(next(iter(inputs.values())))
    with ExitStack() as replaced:
        for name in OF_EDGES:
            if name in inputs:
                replaced.enter_context(_edges_replaced(network, name, inputs[name]))
        logits: Tensor = network(with_inputs(graph, of_nodes, count))
    return logits


def _edges_replaced(network: Network, name: str, values: Tensor) -> AbstractContextManager[None]:
    """Replace, within a block, lengths or values of the edges of M copies (M, E, F)."""
    geometry = network.cluster_encoder.edge_geometry
    if geometry is None:
        raise DataError(f"expected a cluster encoder that reads lengths of edges, to replace {name}")
    flat = values.flatten(0, 1)
    part, passed = (geometry.lengths, flat[:, 0]) if name == EDGE_LENGTHS else (geometry.values, flat)

    def replace(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return passed

    return hooked([part], replace)


def per_row(values: Mapping[str, Tensor], names: tuple[str, ...], size: int) -> Tensor:
    """Return the sum over the entries of each cluster or localisation, of the inputs ``names``: (size,) float32."""
    return sum((values[name].sum(dim=1) for name in names if name in values), start=torch.zeros(size))


def of_clusters(graph: HeteroData, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Return sums of entrywise values over each cluster, and over each localisation.

    The sum of a cluster includes its localisations, and half of each edge that it is an end of.

    Args:
        graph: A PyG batch of one graph.
        values: Some of those of ``inputs_of`` and ``edge_inputs``, with their shapes.

    Returns:
        (C,) and (N,) float32; None where there is no value of a localisation.
    """
    clusters = per_row(values, OF_CLUSTERS, n_clusters(graph))
    edges = of_edges(values)
    if edges is not None:
        for ends in graph[schema.CLUSTER_NEAR].edge_index:
            clusters = clusters.index_add(0, ends, edges / 2)
    if not any(name in values for name in OF_LOCALISATIONS):
        return clusters, None
    owner = owners(graph)
    localisations = per_row(values, OF_LOCALISATIONS, len(owner))
    return clusters.index_add(0, owner, localisations), localisations


def of_edges(values: Mapping[str, Tensor]) -> Tensor | None:
    """Return the sum over the entries of each edge between clusters (E,); None where there is no value of an edge."""
    sums = [values[name].sum(dim=1) for name in OF_EDGES if name in values]
    return torch.stack(sums).sum(dim=0) if sums else None


def of_features(values: Mapping[str, Tensor]) -> Tensor | None:
    """Return the mean magnitude of each feature's values over the clusters (F,); None where no feature is read."""
    return values[CLUSTER_FEATURES].abs().mean(dim=0) if CLUSTER_FEATURES in values else None
