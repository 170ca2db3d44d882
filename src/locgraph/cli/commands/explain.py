"""``locgraph explain CKPT``: why FOVs were classified so; the same as ``locgraph eval`` with an explainer."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig

from locgraph.cli.commands import evaluate
from locgraph.errors import ConfigError


def run(cfg: DictConfig) -> dict[str, Any]:
    """Evaluate a checkpoint and explain its predictions.

    Args:
        cfg: The composed configuration of ``explain.yaml``.

    Returns:
        The metrics, as written to ``metrics.json``.

    Raises:
        LocgraphError: The checkpoint or the data cannot be used, or none of the explainers can explain the model.
    """
    if not cfg.explain.get("explainers"):
        raise ConfigError(
            "expected at least one, found none; choose explain=subgraphx, or explain=help for all there are",
            setting="explain.explainers",
        )
    return evaluate.run(cfg)
