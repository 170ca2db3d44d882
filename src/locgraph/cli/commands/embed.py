"""``locgraph embed``: vectors of the units of data, from a trained network or a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from locgraph.api.config import plain
from locgraph.cli.console import TextConsole, print_line
from locgraph.run_folder import EMBEDDINGS


def run(cfg: DictConfig) -> dict[str, Any]:
    """Embed data, and print what was written.

    Args:
        cfg: The composed configuration of ``embed.yaml``.

    Returns:
        The record of the embeddings, as written to ``embeddings.json``.

    Raises:
        LocgraphError: The model or the data cannot be used.
    """
    settings = plain(cfg)
    from locgraph.api.representations.embed import embed_settings

    folder = Path(HydraConfig.get().runtime.output_dir)
    record = embed_settings(settings, folder)
    console = TextConsole()
    print_line(
        console,
        f"{record['units']} {record['unit']}s embedded as {record['latent_channels']} numbers each "
        f"({record['learned']}), {record['seconds']:.1f} s",
    )
    for note in record.get("notes", ()):
        print_line(console, note)
    print_line(console, f"embeddings: {folder / EMBEDDINGS}")
    return record
