"""Parts of a composed configuration as plain values and objects."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from locgraph.build import build

__all__ = ["build", "plain"]


def plain(node: Any) -> Any:
    """Return a part of the configuration as dicts, lists and values, resolved."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
