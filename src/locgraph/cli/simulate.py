"""``locgraph simulate``: simulated fields of view as ordinary raw files."""

from __future__ import annotations

import logging
from pathlib import Path

from omegaconf import DictConfig

from locgraph.cli import assemble
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
        folder, assemble.build(_sample(settings)), settings.fovs_per_class, settings.seed, settings.format
    )
    log.info("%d simulated FOVs in %s", len(paths), folder)
    return paths


def _sample(settings: DictConfig) -> DictConfig:
    """The part that says what to draw, which goes by its own name in each file of the group: the one with a target."""
    return next(part for part in settings.values() if isinstance(part, DictConfig) and "_target_" in part)
