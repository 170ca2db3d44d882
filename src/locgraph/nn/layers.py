"""Dense layers, blocks of layers, and checks of their sizes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from locgraph.errors import ConfigError

REDUCTIONS = ("max", "mean", "sum")


def mlp(channels: Sequence[int], dropout: float = 0.0, last_plain: bool = True) -> nn.Sequential:
    """Return linear layers with layer normalisation and SiLU between them.

    Layer normalisation reads one row at a time, so that predictions do not depend on what else is in the batch.

    Args:
        channels: Sizes from input to output.
        dropout: Probability that a hidden value is dropped in training.
        last_plain: Whether the last layer is linear alone.

    Raises:
        ConfigError: A size is below 1, or ``dropout`` is out of range.
    """
    check_sizes("channels", channels)
    check_dropout(dropout)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index, (size_in, size_out) in enumerate(pairwise(channels)):
        # numbered without dropout, so that weights have the same names whatever it is: a run may start from one trained
        # with another dropout
        first = 3 * index
        layers[f"{first}"] = nn.Linear(size_in, size_out)
        if index < len(channels) - 2 or not last_plain:
            layers[f"{first + 1}"], layers[f"{first + 2}"] = nn.LayerNorm(size_out), nn.SiLU()
            if dropout > 0:
                layers[f"{first + 2}_dropout"] = nn.Dropout(dropout)
    return nn.Sequential(layers)


def make_lift(in_channels: int, channels: int) -> tuple[nn.Sequential | None, nn.Parameter]:
    """Return what gives nodes their first vectors.

    Args:
        in_channels: Number of features, 0 or more.
        channels: Size of the first vectors.

    Returns:
        A dense layer on the features, None without features, and a vector (channels,) that is added to all nodes.
    """
    # without features the vector is all that a node has: at zero the first layer would send nothing
    if in_channels:
        return mlp([in_channels, channels]), nn.Parameter(torch.zeros(channels))
    return None, nn.Parameter(torch.randn(channels))


def lifted(x: Tensor, lift: nn.Module | None, start: Tensor) -> Tensor:
    """Return the first vectors of nodes: (N, in_channels) to (N, channels) float32."""
    return start.expand(len(x), -1) if lift is None else lift(x).float() + start


class Block(nn.Module):
    """Layer normalisation, a gather from neighbours, dense layers on what was gathered, and a residual path.

    Args:
        gather: Vectors (C, channels), ``edge_index`` and values of edges to gathered vectors (C, channels), as PyG's
            convolutions.
        channels: Size of the vectors.
        dropout: Probability that a hidden value of the update is dropped in training.
        residual: Whether the update is added to the vectors, or replaces them.
        normalise: Whether there is layer normalisation before the gather.
        update: Dense layers on what was gathered; None makes them.
    """

    def __init__(
        self,
        gather: nn.Module,
        channels: int,
        dropout: float,
        residual: bool = True,
        normalise: bool = True,
        update: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.gather = gather
        self.update = mlp([channels, channels, channels], dropout) if update is None else update
        self.norm = nn.LayerNorm(channels) if normalise else nn.Identity()
        self.residual = residual

    def forward(self, x: Tensor, *edges: Tensor) -> Tensor:
        """(C, channels), and what ``gather`` needs of the edges, to (C, channels) float32."""
        update = self.update(self.gather(self.norm(x), *edges)).float()
        return x + update if self.residual else update


def check_sizes(setting: str, sizes: Sequence[int]) -> None:
    """Check sizes of vectors.

    Args:
        setting: The argument, for the message.
        sizes: One or more.

    Raises:
        ConfigError: There is none, or one is below 1.
    """
    if not sizes or any(size < 1 for size in sizes):
        raise ConfigError(f"expected one or more numbers of at least 1, found {list(sizes)}", setting=setting)


def check_dropout(dropout: float) -> None:
    """Check a probability of dropping a value.

    Raises:
        ConfigError: ``dropout`` is out of range.
    """
    if not 0.0 <= dropout < 1.0:
        raise ConfigError(f"expected a number of at least 0 and below 1, found {dropout}", setting="dropout")


def check_heads(channels: int, heads: int) -> None:
    """Check that attention heads share the channels evenly.

    Raises:
        ConfigError: ``heads`` is below 1 or does not divide ``channels``.
    """
    if heads < 1 or channels % heads:
        raise ConfigError(f"expected at least 1 and a divisor of channels={channels}, found {heads}", setting="heads")


def check_reductions(setting: str, reduce: Sequence[str]) -> None:
    """Check a list of reductions.

    Raises:
        ConfigError: It is empty, or names something else than ``max``, ``mean`` and ``sum``.
    """
    if not reduce or any(name not in REDUCTIONS for name in reduce):
        raise ConfigError(f"expected some of {', '.join(REDUCTIONS)}, found {list(reduce)}", setting=setting)
