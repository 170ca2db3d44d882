"""``locgraph suggest``: settings of clustering and of objects, with the evidence for them."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from locgraph.analysis.scales.suggest import Suggestion
from locgraph.analysis.scales.texts import describe_scales
from locgraph.api.config import plain
from locgraph.api.suggest import suggest_settings, write_suggestion
from locgraph.cli.console import TextConsole, path_setting, print_line
from locgraph.errors import renamed


def run(cfg: DictConfig) -> Suggestion:
    """Measure scales in raw files, print and write what they suggest.

    Raises:
        LocgraphError: No file can be read, or a setting cannot work.
    """
    source = path_setting(cfg, "folder", "locgraph suggest FOLDER")
    settings = plain(cfg)
    with renamed("source", "folder"):
        suggestion = suggest_settings(settings)
    folder = Path(cfg.paths.output_dir) / "suggest" / source.resolve().stem if cfg.output is None else Path(cfg.output)
    picture = write_suggestion(suggestion, settings, folder)
    console = TextConsole()
    for sentence in describe_scales(suggestion):
        print_line(console, sentence)
    print_line(console, f"clusters: {' '.join(suggestion.clustering_overrides())}", style="bold")
    if suggestion.object_overrides():
        print_line(console, f"objects: {' '.join(suggestion.object_overrides())}", style="bold")
    print_line(console, f"picture: {picture}")
    return suggestion
