"""Which channel a localisation is seen in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from locgraph.preparation.features.channel_names import check_channels
from locgraph.preparation.features.grouping import Groups
from locgraph.schema import CHANNEL, Column

IN_CHANNEL: Final = "in"


class ChannelIndicator:
    """One column of 0 and 1 for each channel.

    ``in_<name>`` is 1 where the localisation is in that channel (``channel``), else 0: an index is no quantity, and a
    network should not take channel 2 for twice channel 1. In a channel without a name, all are 0.

    Args:
        channels: Index of each channel to its name.

    Raises:
        ConfigError: There is no channel, or two have the same index or name.
    """

    needs: tuple[str, ...] = (CHANNEL,)

    def __init__(self, channels: Mapping[int, str]) -> None:
        self.channels = check_channels("features.localisations.channel_indicator.channels", channels)

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        return tuple(
            Column(f"{IN_CHANNEL}_{name}", pl.Int64, "1", f"1 in channel {index}, 0 elsewhere")
            for index, name in self.channels.items()
        )

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all localisations at once; see :class:`locgraph.preparation.features.base.LocalisationFeature`."""
        channel = groups.extra[CHANNEL]
        return {f"{IN_CHANNEL}_{name}": (channel == index).astype(np.float64) for index, name in self.channels.items()}
