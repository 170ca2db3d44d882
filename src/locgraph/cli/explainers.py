"""The explainers of the group ``explain``, made and checked against the model before any work."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from locgraph.cli import assemble
from locgraph.errors import ConfigError
from locgraph.explain.base import Explainer
from locgraph.nn.network import Network

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chosen:
    """Explainers that can explain the model.

    Attributes:
        explainers: Each by its name.
        left_out: Name -> reason of those that cannot.
    """

    explainers: dict[str, Explainer]
    left_out: dict[str, str]


def choose(leaves: Mapping[str, Any], network: Network) -> Chosen:
    """Makes explainers and asks each whether it can explain the network.

    Args:
        leaves: Name -> leaf of the configuration, at least one.
        network: The network.

    Returns:
        Those that can, and why the others cannot.

    Raises:
        ConfigError: Settings of an explainer cannot work, or none of the explainers can explain the network.
    """
    explainers, left_out = {}, {}
    for name, leaf in leaves.items():
        try:
            explainer = assemble.build(leaf)
        except ConfigError as error:
            # an explainer does not know by which name it goes
            words = re.sub(r"(?<![\w.])explainer\.", f"explain.explainers.{name}.", str(error))
            raise ConfigError(words if words != str(error) else f"explain.explainers.{name}: {error}") from error
        if not isinstance(explainer, Explainer):
            raise ConfigError(
                f"explain.explainers.{name}._target_={leaf['_target_']}: expected a class below "
                "locgraph.explain.base.Explainer"
            )
        try:
            explainer.check(network)
        except ConfigError as error:
            left_out[name] = str(error)
        else:
            explainers[name] = explainer
    if not explainers:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ConfigError(f"explain: no explainer can explain this model: {reasons}")
    for name, reason in left_out.items():
        log.warning("explainer %s is left out: %s", name, reason)
    return Chosen(explainers, left_out)
