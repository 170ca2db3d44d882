"""``locgraph simulate``: simulated DNA-PAINT origami as ordinary raw files."""

from __future__ import annotations

import logging
from pathlib import Path

from omegaconf import DictConfig

from locgraph.commands import assemble
from locgraph.simulate.dataset import simulate_dataset

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> list[Path]:
    """Writes the simulated files that are not there yet.

    Returns:
        The raw files.

    Raises:
        LocgraphError: The settings cannot work, or the folder holds something else.
    """
    settings = cfg.simulation
    folder = Path(settings.folder)
    paths = simulate_dataset(
        folder, assemble.build(settings.origami), settings.fovs_per_class, settings.seed, settings.format
    )
    log.info("%d simulated FOVs in %s", len(paths), folder)
    return paths
