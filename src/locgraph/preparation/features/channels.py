"""Which channels a cluster is seen in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.channel_names import check_channels
from locgraph.preparation.features.grouping import Groups
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
        self.channels = check_channels("features.features.channels.channels", channels)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return tuple(
            Column(f"{FRACTION}_{name}", pl.Float64, "1", f"part of the localisations in channel {index}")
            for index, name in self.channels.items()
        )

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once; see :class:`locgraph.preparation.features.base.Feature`."""
        channel = groups.extra[CHANNEL]
        return {f"{FRACTION}_{name}": groups.means(channel == index) for index, name in self.channels.items()}
