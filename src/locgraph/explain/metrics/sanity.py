"""Sanity check: whether an explanation depends on the weights that the network has learned.

An explainer with the same scores for a network without training explains the picture, not the network.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
import polars as pl
import torch
from torch import Generator, nn

from locgraph.explain.base import Example, Explainer, Explanation
from locgraph.explain.metrics.comparison import SPEARMAN
from locgraph.explain.metrics.selection import check_finite
from locgraph.nn.network import Network
from locgraph.stats.correlation import spearman

PARTS: Final = ("head", "readout", "cluster_encoder", "loc_encoder")
"""Parts of a network from the last to the first."""
ALL: Final = "all"

RANDOMISED_TO: Final = "randomised_to"
N_WEIGHTS: Final = "n_weights"
SPEARMAN_ABSOLUTE: Final = "spearman_absolute"
_TYPES: Final = {
    RANDOMISED_TO: pl.String,
    N_WEIGHTS: pl.Int64,
    SPEARMAN: pl.Float64,
    SPEARMAN_ABSOLUTE: pl.Float64,
}


@dataclass(frozen=True)
class SanityCheck:
    """Which explanations are repeated with networks of random weights.

    Attributes:
        fovs: The first so many FOVs, of all classes in turn.
        cascade: Whether to go down part by part before all parts are drawn at once: up to five more explanations of
            each FOV in place of one.
    """

    fovs: int
    cascade: bool


def randomised_weights(
    network: Network,
    example: Example,
    explainer: Explainer,
    explanation: Explanation,
    generator: Generator,
    cascade: bool = True,
) -> pl.DataFrame:
    """Explain a FOV with networks whose weights are drawn anew, from the head down to ever earlier parts.

    An explainer passes where the correlation falls towards 0. One that was fitted keeps what it learned from the
    trained network; randomness of the explainer lowers the correlation too: see its stability.

    Args:
        network: The trained network, in evaluation mode; it stays as it is.
        example: The FOV.
        explainer: The explainer.
        explanation: Its explanation with the trained network.
        generator: Source of randomness of the weights and of the explainer.
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
    trained = check_finite(explanation.clusters).numpy()
    rows = []
    for name, parts in [*steps, (ALL, present)]:
        other = check_finite(explainer.explain(randomised(network, parts, generator), example, generator).clusters)
        correlations = spearman(trained, other.numpy()), spearman(np.abs(trained), other.abs().numpy())
        rows.append((name, _n_weights(network, parts), *correlations))
    return pl.DataFrame(rows, schema=_TYPES, orient="row")


def randomised(network: Network, parts: Sequence[str], generator: Generator) -> Network:
    """Return a copy of a network with the weights of some parts drawn anew.

    Layers are initialised as by their constructor; weights of no such layer are drawn from a normal distribution with
    their own mean and standard deviation.

    Args:
        network: The network; it stays as it is.
        parts: Names of its parts.
        generator: Source of randomness.

    Returns:
        The copy, in the same mode.
    """
    changed = copy.deepcopy(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        for name in parts:
            for layer in changed.get_submodule(name).modules():
                _initialise(layer)
    return changed


@runtime_checkable
class _Layer(Protocol):
    """A layer that can initialise its own weights, as those of torch and PyG do by convention."""

    def reset_parameters(self) -> None: ...


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, _Layer):
        layer.reset_parameters()
        return
    with torch.no_grad():
        for weight in layer.parameters(recurse=False):
            weight.copy_(weight.mean() + weight.std(correction=0) * torch.randn_like(weight))


def _n_weights(network: Network, parts: Sequence[str]) -> int:
    return sum(weight.numel() for name in parts for weight in network.get_submodule(name).parameters())
