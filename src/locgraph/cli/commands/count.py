"""``locgraph count FILES``: objects of files counted by predicted class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf

from locgraph.api.config import plain
from locgraph.cli.console import TextConsole, print_line
from locgraph.cli.counts import show_counts
from locgraph.errors import ConfigError, renamed
from locgraph.storage import locked

if TYPE_CHECKING:
    from locgraph.api.objects.counts import Counts


def run(cfg: DictConfig) -> Counts:
    """Count the objects of files, print a row for each FOV, and write tables, pictures and exports.

    Raises:
        LocgraphError: The model, the files or a setting cannot be used.
    """
    given = None if OmegaConf.is_missing(cfg, "files") else cfg.files
    files = [str(each) for each in (given if isinstance(given, ListConfig) else [given]) if each]
    if not files:
        raise ConfigError(
            "expected files or a folder; found none. Call it as: locgraph count FILES model=RUN", setting="files"
        )
    OmegaConf.update(cfg, "files", files)
    settings = plain(cfg)
    from locgraph.api.objects.count_files import count_settings  # torch, after the settings are known to be complete

    folder = Path(HydraConfig.get().runtime.output_dir)
    with renamed("source", "files"), locked(folder, "paths.run_dir"):
        counts = count_settings(settings, folder)
    show_counts(folder, TextConsole())
    print_line(TextConsole(), f"counts: {folder}")
    return counts
