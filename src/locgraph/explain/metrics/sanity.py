"""Whether an explanation depends on what the network has learned.

An explainer that says the same of a network without training explains the picture, not the network.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final

import polars as pl
import torch
from torch import Generator, nn

from locgraph.explain.base import Example, Explainer
from locgraph.explain.explanation import Explanation
from locgraph.explain.metrics.ranks import spearman
from locgraph.nn.network import Network

PARTS: Final = ("head", "readout", "cluster_encoder", "loc_encoder")
"""Parts of a network from the last to the first."""
ALL: Final = "all"

RANDOMISED_TO: Final = "randomised_to"
N_WEIGHTS: Final = "n_weights"
SPEARMAN: Final = "spearman"
SPEARMAN_ABSOLUTE: Final = "spearman_absolute"
_TYPES: Final = {
    RANDOMISED_TO: pl.String,
    N_WEIGHTS: pl.Int64,
    SPEARMAN: pl.Float64,
    SPEARMAN_ABSOLUTE: pl.Float64,
}


def randomised_weights(
    network: Network,
    example: Example,
    explainer: Explainer,
    explanation: Explanation,
    generator: Generator,
    cascade: bool = True,
) -> pl.DataFrame:
    """Explains a FOV by networks whose weights are drawn anew, from the head down to ever earlier parts.

    An explainer passes where the correlation falls towards 0. One that was fitted keeps what it learned from the
    trained network, and one that draws at random loses correlation by that too: see its stability.

    Args:
        network: The trained network, in evaluation mode; it stays as it is.
        example: The FOV.
        explainer: The explainer.
        explanation: What it says of the trained network.
        generator: Of the weights, and handed to the explainer.
        cascade: Whether to go down part by part before all parts are drawn at once.

    Returns:
        One row for each step: ``randomised_to``, the lowest part that is drawn anew, with all parts above it, or
        ``all`` for one more draw of everything; ``n_weights``, how many numbers that is; ``spearman`` in [-1, 1]
        between the scores of both networks, and ``spearman_absolute`` between their sizes, null where one has no order.
        Parts without weights have no row.

    Source: Adebayo et al. 2018, "Sanity checks for saliency maps", arXiv 1810.03292.
    """
    present = [name for name in PARTS if _n_weights(network, [name])]
    steps = [(name, present[: index + 1]) for index, name in enumerate(present)] if cascade else []
    rows = []
    for name, parts in [*steps, (ALL, present)]:
        other = explainer.explain(randomised(network, parts, generator), example, generator).clusters
        trained = explanation.clusters
        rows.append((name, _n_weights(network, parts), spearman(trained, other), spearman(trained.abs(), other.abs())))
    return pl.DataFrame(rows, schema=_TYPES, orient="row")


def randomised(network: Network, parts: Sequence[str], generator: Generator) -> Network:
    """A copy of a network with the weights of some parts drawn anew.

    Layers draw as they do when they are made; weights that belong to no such layer are drawn from a normal distribution
    with the mean and standard deviation that they have.

    Args:
        network: The network; it stays as it is.
        parts: Names of its parts.
        generator: Of the weights.

    Returns:
        The copy, in the same mode.
    """
    changed = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        for name in parts:
            for layer in getattr(changed, name).modules():
                _draw(layer)
    return changed


def _draw(layer: nn.Module) -> None:
    reset = getattr(layer, "reset_parameters", None)
    if callable(reset):
        reset()
        return
    with torch.no_grad():
        for weight in layer.parameters(recurse=False):
            weight.copy_(weight.mean() + weight.std(correction=0) * torch.randn_like(weight))


def _n_weights(network: Network, parts: Sequence[str]) -> int:
    return sum(weight.numel() for name in parts for weight in getattr(network, name).parameters())
