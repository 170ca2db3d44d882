"""Time for one explanation: a limit that is looked at before each pass through the network, and words on the way."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from torch import nn

from locgraph.errors import LocgraphError
from locgraph.nn.network import Network

log = logging.getLogger(__name__)

_EVERY_S: Final = 30.0
"""Seconds between two messages about one FOV."""


class OutOfTimeError(LocgraphError):
    """An explanation takes longer than it may."""


@contextmanager
def time_limit(network: Network, seconds: float | None, name: str = "") -> Iterator[None]:
    """End the block with an error at the first pass through the network after some time.

    Args:
        network: The network.
        seconds: How long; None for as long as it takes.
        name: What is explained, for the log; every half minute a line states the time so far.

    Raises:
        OutOfTimeError: The time is over.
    """
    started = last = time.perf_counter()
    passes = 0

    def look_at_clock(module: nn.Module, inputs: object) -> None:
        nonlocal last, passes
        now = time.perf_counter()
        passes += 1
        if seconds is not None and now - started > seconds:
            raise OutOfTimeError(f"took longer than {seconds:g} s", setting="max_seconds_per_fov")
        if now - last > _EVERY_S:
            last = now
            log.info("%s: %.0f s, %d batches so far", name, now - started, passes)

    handle = network.readout.register_forward_pre_hook(look_at_clock)  # every pass comes by
    try:
        yield
    finally:
        handle.remove()
