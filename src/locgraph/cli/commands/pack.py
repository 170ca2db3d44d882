"""``locgraph pack RUN_OR_SWEEP NAME:VERSION``: a trained model as one file that others can predict with."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from locgraph.api.config import plain
from locgraph.cli.console import TextConsole, path_setting, print_line
from locgraph.errors import within


def run(cfg: DictConfig) -> Path:
    """Pack a model, and print where it is, its size and its hash.

    Returns:
        The file.

    Raises:
        LocgraphError: The model cannot be packed, or a setting cannot work.
    """
    source = path_setting(cfg, "source", "locgraph pack RUN_OR_SWEEP NAME:VERSION")
    settings = plain(cfg)
    from locgraph.api.packs.archive import file_sha256
    from locgraph.api.packs.card import CardSettings
    from locgraph.api.packs.pack import pack  # torch, after the settings are known to be complete

    with within("card"):
        card = CardSettings(**settings["card"])
    path = pack(
        source,
        settings["target"],
        **{name: settings[name] for name in ("output", "scores", "example")},
        card=card,
        trusted=settings["trusted_packages"],
    )
    print_line(TextConsole(), f"packed: {path} ({path.stat().st_size / 1e6:.2f} MB, SHA-256 {file_sha256(path)})")
    return path
