"""Hooks into a network: what passes through some of its parts is recorded or weighed, and the hooks always go again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from locgraph import schema
from locgraph.nn.network import Network
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages


def edge_messages(network: Network) -> list[Messages]:
    """Where messages along the edges between clusters pass, one for each layer; none where clusters do not hear."""
    return [part for part in _messages(network) if part.relation in (None, schema.CLUSTER_NEAR)]


@contextmanager
def edge_weights(network: Network, weights: Tensor) -> Iterator[None]:
    """Multiplies, within a block, what each edge between clusters carries in each layer.

    Messages of clusters to themselves and, in a heterogeneous encoder, those along other edges stay as they are.

    Args:
        network: The network.
        weights: (E,), one for each edge.
    """

    def weigh(_: nn.Module, inputs: tuple[Tensor, ...], messages: Tensor) -> Tensor:
        own = weights.new_ones(len(messages) - len(weights))
        return _scaled(messages, torch.cat([weights, own]))

    with hooked(edge_messages(network), weigh):
        yield


@contextmanager
def cluster_weights(network: Network, weights: Tensor) -> Iterator[None]:
    """Multiplies, within a block, what each cluster gives away: to its neighbours in each layer, and to the readout.

    Args:
        network: The network.
        weights: (C,), one for each cluster.
    """

    def weigh_messages(_: nn.Module, inputs: tuple[Tensor, ...], messages: Tensor) -> Tensor:
        return _scaled(messages, gather(weights, inputs[1][0]))

    def weigh_vectors(_: nn.Module, inputs: tuple[Tensor, ...], vectors: Tensor) -> Tensor:
        return _scaled(vectors, weights)

    senders = [part for part in _messages(network) if part.relation is None or part.relation[0] == schema.CLUSTER]
    with hooked(senders, weigh_messages), hooked([network.cluster_encoder], weigh_vectors):
        yield


@contextmanager
def recorded(parts: Iterable[nn.Module]) -> Iterator[list[Tensor]]:
    """Collects, within a block, what some parts of a network give, one after the other."""
    found: list[Tensor] = []

    def record(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        found.append(output.detach())

    with hooked(parts, record):
        yield found


@contextmanager
def hooked(parts: Iterable[nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    """Sets a forward hook of torch on some parts of a network, within a block."""
    handles = [part.register_forward_hook(hook) for part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _messages(network: Network) -> list[Messages]:
    return [part for part in network.cluster_encoder.modules() if isinstance(part, Messages)]


def _scaled(values: Tensor, weights: Tensor) -> Tensor:
    """(E, ...) by (E,)."""
    return values * weights.view(-1, *[1] * (values.dim() - 1))
