"""Features of clusters and of localisations from their channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.preparation.features.base import Groups
from locgraph.schema import CHANNEL, Column

FRACTION: Final = "fraction"


class ChannelFractions:
    """Part of the localisations of a cluster in each channel.

    With n_c the localisations of channel c (``channel``) among the n of the cluster: ``fraction_<name>`` = n_c / n,
    without unit. Localisations in channels without a name count in n. Defined for any cluster.

    Args:
        channels: Index of each channel to its name.

    Raises:
        ConfigError: There is no channel, or two have the same index or name.
    """

    needs: tuple[str, ...] = (CHANNEL,)

    def __init__(self, channels: Mapping[int, str]) -> None:
        self.channels = check_channels("channels", channels)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return tuple(
            Column(f"{FRACTION}_{name}", pl.Float64, "1", f"part of localisations in channel {index}", schema.FRACTION)
            for index, name in self.channels.items()
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all clusters at once."""
        channel = groups.extra[CHANNEL]
        return {f"{FRACTION}_{name}": groups.means(channel == index) for index, name in self.channels.items()}


IN_CHANNEL: Final = "in"


class ChannelIndicator:
    """One column of 0 and 1 for each channel.

    ``in_<name>`` is 1 where the localisation is in that channel (``channel``), else 0: an index is no quantity, and a
    network should not read channel 2 as twice channel 1. In a channel without a name, all are 0.

    Args:
        channels: Index of each channel to its name.

    Raises:
        ConfigError: There is no channel, or two have the same index or name.
    """

    needs: tuple[str, ...] = (CHANNEL,)

    def __init__(self, channels: Mapping[int, str]) -> None:
        self.channels = check_channels("channels", channels)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """Return the columns in 2 or 3 dimensions."""
        return tuple(
            Column(f"{IN_CHANNEL}_{name}", pl.Int64, "1", f"1 in channel {index}, 0 elsewhere", schema.FRACTION)
            for index, name in self.channels.items()
        )

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measure all localisations at once."""
        channel = groups.extra[CHANNEL]
        return {f"{IN_CHANNEL}_{name}": (channel == index).astype(np.float64) for index, name in self.channels.items()}


def check_channels(setting: str, value: Any) -> dict[int, str]:
    """Return ``value`` as index of the channel to name.

    Args:
        setting: Name of the setting, for the message.
        value: What the user gave; an index may be a text of digits, as it is once it has been in JSON.

    Raises:
        ConfigError: It is no mapping of different indices from 0 to different names.
    """
    expected = "expected the index of each channel with a name of its own, such as {0: actin}"
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"{expected}, found {value!r}", setting=setting)
    if not all(isinstance(key, int | str) and str(key).isdecimal() for key in value):
        raise ConfigError(f"{expected}, found the indices {list(value)}", setting=setting)
    channels = {int(key): str(name) for key, name in value.items()}
    names = set(channels.values()) - {""}
    if len(channels) < len(value) or len(names) < len(value) or None in value.values():
        raise ConfigError(f"{expected}, found {dict(value)}", setting=setting)
    return channels
