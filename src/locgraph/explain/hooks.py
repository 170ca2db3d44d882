"""Access to a network under study: frozen parameters, and forward hooks that record or weight intermediate values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from locgraph import schema
from locgraph.nn.messages import Aggregate, AttentionSum, EdgeType
from locgraph.nn.network import Network
from locgraph.nn.precision import no_autocast
from locgraph.nn.rows import gather


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Freeze a network within a block, whatever its mode, and whether or not gradients are enabled.

    Within the block it is in evaluation mode and computes in 32 bits, gradients are enabled, and its parameters require
    none: a backward pass leaves gradients at the inputs alone. Afterwards everything is restored, also after an error.

    Args:
        network: The network, on the CPU.
    """
    modes = [(module, module.training) for module in network.modules()]
    required = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    network.eval().requires_grad_(False)
    try:
        with torch.enable_grad(), no_autocast(torch.device("cpu")):
            yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad in required:
            parameter.requires_grad_(requires_grad)


def edge_messages(network: Network) -> list[MessagePassing]:
    """Return the modules that pass messages along the edges between clusters, one for each layer."""
    return [part for part in _messages(network) if edge_type(part) in (None, schema.CLUSTER_NEAR)]


def edge_type(part: MessagePassing) -> EdgeType | None:
    """Return the edge type along which a module passes messages; None for the edges that its layer is handed."""
    return part.edge_type if isinstance(part, (Aggregate, AttentionSum)) else None


@contextmanager
def edge_weights(network: Network, weights: Tensor) -> Iterator[None]:
    """Multiply, within a block, the messages along each edge between clusters in each layer.

    Messages of clusters to themselves and, in a heterogeneous encoder, those along other edges stay as they are.

    Args:
        network: The network.
        weights: (E,), one for each edge.
    """

    def weigh(messages: Tensor, edge_index: Tensor) -> Tensor:
        own = weights.new_ones(len(messages) - len(weights))
        return _scaled(messages, torch.cat([weights, own]))

    with messages_hooked(edge_messages(network), weigh):
        yield


@contextmanager
def cluster_weights(network: Network, weights: Tensor) -> Iterator[None]:
    """Multiply, within a block, the outputs of each cluster: its messages in each layer, and its vector at the readout.

    Args:
        network: The network.
        weights: (C,), one for each cluster.
    """

    def weigh_messages(messages: Tensor, edge_index: Tensor) -> Tensor:
        return _scaled(messages, gather(weights, edge_index[0]))

    def weigh_vectors(_: nn.Module, inputs: tuple[Tensor, ...], vectors: Tensor) -> Tensor:
        return _scaled(vectors, weights)

    senders = [part for part in _messages(network) if (edge_type(part) or schema.CLUSTER_NEAR)[0] == schema.CLUSTER]
    with messages_hooked(senders, weigh_messages), hooked([network.cluster_encoder], weigh_vectors):
        yield


@contextmanager
def recorded(parts: Iterable[nn.Module]) -> Iterator[list[Tensor]]:
    """Collect, within a block, the outputs of some parts of a network in the order of their calls."""
    outputs: list[Tensor] = []

    def record(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append(output.detach())

    with hooked(parts, record):
        yield outputs


@contextmanager
def hooked(parts: Iterable[nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    """Register a forward hook on some parts of a network within a block."""
    handles = [part.register_forward_hook(hook) for part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def messages_hooked(parts: Iterable[MessagePassing], hook: Callable[[Tensor, Tensor], Tensor]) -> Iterator[None]:
    """Replace, within a block, the messages of some parts of a network.

    Args:
        parts: Message passing of PyG, with layers of PyG among them.
        hook: Messages (E, ...), weighted where there is attention, and ``edge_index`` (2, E) to messages.
    """
    edges: dict[nn.Module, Tensor] = {}

    def note(part: nn.Module, inputs: tuple[Any, ...]) -> None:
        edges[part] = inputs[0]

    def replace(part: nn.Module, _: tuple[Any, ...], messages: Tensor) -> Tensor:
        return hook(messages, edges[part])

    handles = [
        handle
        for part in parts
        for handle in (part.register_propagate_forward_pre_hook(note), part.register_message_forward_hook(replace))
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _messages(network: Network) -> list[MessagePassing]:
    return [part for part in network.cluster_encoder.modules() if isinstance(part, MessagePassing)]


def _scaled(values: Tensor, weights: Tensor) -> Tensor:
    """Multiply (E, ...) values by (E,) weights."""
    return values * weights.view(-1, *[1] * (values.dim() - 1))
