"""Dense layers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from locgraph.errors import ConfigError


def mlp(channels: Sequence[int], dropout: float = 0.0, last_plain: bool = True) -> nn.Sequential:
    """Linear layers with layer normalisation and SiLU between them.

    Layer normalisation sees one row at a time, so that predictions do not depend on what else is in the batch.

    Args:
        channels: Sizes from input to output.
        dropout: Probability that a hidden value is dropped in training.
        last_plain: Whether the last layer is linear alone.

    Returns:
        The layers.

    Raises:
        ConfigError: A size is below 1, or ``dropout`` is out of range.
    """
    check_sizes("model: sizes of layers", channels)
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


def check_sizes(setting: str, sizes: Sequence[int]) -> None:
    """Refuses sizes of vectors that no layer can have.

    Args:
        setting: Where the sizes come from, for the message.
        sizes: One or more.

    Raises:
        ConfigError: There is none, or one is below 1.
    """
    if not sizes or any(size < 1 for size in sizes):
        raise ConfigError(f"{setting} must be one or more numbers, each at least 1, found {list(sizes)}")


def check_dropout(dropout: float) -> None:
    """Refuses what is no probability of dropping a value.

    Raises:
        ConfigError: ``dropout`` is out of range.
    """
    if not 0.0 <= dropout < 1.0:
        raise ConfigError(f"model: dropout must be at least 0 and below 1, found {dropout}")
