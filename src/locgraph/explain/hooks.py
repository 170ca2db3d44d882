"""Access to a network under study: frozen parameters, and forward hooks that record or weight intermediate values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from locgraph import schema
from locgraph.nn.network import Network
from locgraph.nn.precision import no_autocast
from locgraph.nn.rows import gather
from locgraph.nn.seams import Messages


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


def edge_messages(network: Network) -> list[Messages]:
    """Return the modules that messages along the edges between clusters pass, one for each layer."""
    return [part for part in _messages(network) if part.relation in (None, schema.CLUSTER_NEAR)]


@contextmanager
def edge_weights(network: Network, weights: Tensor) -> Iterator[None]:
    """Multiply, within a block, the messages along each edge between clusters in each layer.

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
    """Multiply, within a block, the outputs of each cluster: its messages in each layer, and its vector at the readout.

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


def _messages(network: Network) -> list[Messages]:
    return [part for part in network.cluster_encoder.modules() if isinstance(part, Messages)]


def _scaled(values: Tensor, weights: Tensor) -> Tensor:
    """Multiply (E, ...) values by (E,) weights."""
    return values * weights.view(-1, *[1] * (values.dim() - 1))
