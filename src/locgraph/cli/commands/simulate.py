"""``locgraph simulate``: simulated fields of view as ordinary raw files."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from locgraph.api.config import plain
from locgraph.api.prepare import simulate


def run(cfg: DictConfig) -> list[Path]:
    """Write the simulated files that are not there yet.

    Returns:
        The raw files.

    Raises:
        LocgraphError: The settings cannot work, or the folder holds something else.
    """
    return simulate(plain(cfg)["simulation"])
