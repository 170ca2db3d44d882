"""``locgraph prepare``: cluster, measure and build graphs, all that training needs."""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from locgraph.api.config import plain
from locgraph.api.prepare import prepare_settings
from locgraph.api.recipes import check_overrides
from locgraph.data.prepared import Prepared


def run(cfg: DictConfig) -> Prepared:
    """Prepare the data of a configuration; what is up to date is not done again.

    Args:
        cfg: The composed configuration of ``prepare.yaml``.

    Raises:
        LocgraphError: The data or the settings cannot be used.
    """
    settings = plain(cfg)
    check_overrides(settings, list(HydraConfig.get().overrides.task))
    return prepare_settings(settings)
