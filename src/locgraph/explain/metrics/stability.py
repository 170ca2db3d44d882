"""Whether an explanation stays the same when the FOV hardly changes."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch_geometric.data import HeteroData
from torch_geometric.utils import scatter

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.explain.base import Example, Explainer
from locgraph.explain.explanation import Explanation
from locgraph.explain.metrics.ranks import overlap, spearman
from locgraph.explain.metrics.selection import Selection
from locgraph.nn.localisations import owners
from locgraph.nn.network import Network
from locgraph.settings import check_flag, check_number, check_whole


@dataclass(frozen=True)
class Stable:
    """How stable an explanation is.

    Attributes:
        correlation: Mean Spearman correlation of the scores before and after jitter, in [-1, 1]; higher is better. None
            where no repeat has one.
        overlap: Mean part of the selected clusters that is selected again, in [0, 1]; higher is better. None likewise.
        repeats: Repeats that count: those that did not change the predicted class.
    """

    correlation: float | None
    overlap: float | None
    repeats: int


@dataclass(frozen=True)
class Stability:
    """Explains a FOV again and again, jittered each time.

    Each cluster moves by a normal distribution along each axis, with all of its localisations; superclusters move with
    the mean of what they hold; edges stay. Repeats in which the predicted class changes are left out: another class
    has other reasons. Where the explainer itself draws at random, that counts as well.

    Args:
        repeats: How often.
        jitter: Standard deviation of the moves, in units of the model (positions are of order one there), or in nm.
        in_nm: Whether ``jitter`` is in nm.
        feature_jitter: Standard deviation of what is added to the features of clusters, which are scaled to [0, 1].

    Raises:
        ConfigError: A value is out of range, or nothing would be jittered.

    Source: Agarwal et al. 2023, arXiv 2208.09339 (graph explanation stability), with rank correlation in place of a
    distance, and with perturbations of positions in place of rewired edges.
    """

    repeats: int = 5
    jitter: float = 0.02
    in_nm: bool = False
    feature_jitter: float = 0.0

    def __post_init__(self) -> None:
        check_whole("stability.repeats", self.repeats, at_least=1)
        check_number("stability.jitter", self.jitter, at_least=0)
        check_flag("stability.in_nm", self.in_nm)
        check_number("stability.feature_jitter", self.feature_jitter, at_least=0)
        if not self.jitter and not self.feature_jitter:
            raise ConfigError(
                "stability needs stability.jitter or stability.feature_jitter above 0, found 0 for both; leave "
                "stability out (null) if it is not wanted"
            )

    def __call__(
        self,
        network: Network,
        example: Example,
        explainer: Explainer,
        explanation: Explanation,
        selection: Selection,
        generator: Generator,
        nm_per_unit: float | None = None,
    ) -> Stable:
        """Compares an explanation with those of the jittered FOV.

        Args:
            network: The network, in evaluation mode.
            example: The FOV; its graph stays as it is.
            explainer: The explainer.
            explanation: What it says of the FOV as it is.
            selection: How clusters are selected.
            generator: Of the jitter, and handed to the explainer.
            nm_per_unit: Nanometres in one unit of the model, as the scaler has it; None where each FOV is divided by
                its own extent.

        Returns:
            The stability.

        Raises:
            ConfigError: ``in_nm`` is set, and neither ``nm_per_unit`` nor the extent of the graph is known.
        """
        size = self.jitter / self._unit(example, nm_per_unit)
        before, selected = _predicted(network, example.graph), selection(explanation)
        correlations, overlaps, repeats = [], [], 0
        for _ in range(self.repeats):
            graph = jittered(example.graph, size, self.feature_jitter, generator)
            if _predicted(network, graph) != before:
                continue
            again = explainer.explain(network, Example(example.fov_id, graph, example.target), generator)
            correlations.append(spearman(explanation.clusters, again.clusters))
            overlaps.append(overlap(selected, selection(again)))
            repeats += 1
        return Stable(_mean(correlations), _mean(overlaps), repeats)

    def _unit(self, example: Example, nm_per_unit: float | None) -> float:
        if not self.in_nm:
            return 1.0
        if nm_per_unit is None and schema.EXTENT in example.graph:
            nm_per_unit = float(example.graph[schema.EXTENT].max())
        if not nm_per_unit:
            raise ConfigError(
                f"{example.fov_id}: stability.in_nm=true needs the nanometres of one unit of the model, and this FOV "
                "has no extent; set stability.in_nm=false and stability.jitter in units of the model"
            )
        return nm_per_unit


def jittered(graph: HeteroData, size: float, feature_size: float, generator: Generator) -> HeteroData:
    """Moves each cluster with its localisations, and adds to its features.

    Args:
        graph: A PyG batch of one graph, scaled.
        size: Standard deviation of the moves, in units of the model.
        feature_size: Standard deviation of what is added to each feature of a cluster.
        generator: Of the jitter.

    Returns:
        The jittered graph, a shallow copy.
    """
    changed = copy.copy(graph)
    node = changed[schema.CLUSTER]
    moves = size * torch.randn(node[schema.POS].shape, generator=generator)
    node[schema.POS] = node[schema.POS] + moves
    if feature_size:
        added = torch.randn(node[schema.FEATURES].shape, generator=generator)
        node[schema.FEATURES] = node[schema.FEATURES] + feature_size * added
    index = 0
    while schema.level_in(index) in changed.edge_types:
        points = changed[schema.level(index)]
        points[schema.POS] = points[schema.POS] + moves[owners(graph, index)]
        index += 1
    index = 0
    while schema.superlevel_in(index) in changed.edge_types:
        members, holders = changed[schema.superlevel_in(index)].edge_index
        above = changed[schema.superlevel(index)]
        moves = scatter(moves[members], holders, dim_size=above.num_nodes, reduce="mean")
        above[schema.POS] = above[schema.POS] + moves
        index += 1
    return changed


def _predicted(network: Network, graph: HeteroData) -> int:
    with torch.no_grad():
        logits: Tensor = network(graph)
    return int(logits[0].argmax())


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
