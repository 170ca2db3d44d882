"""Stability: whether an explanation stays the same under a small change of the FOV."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor
from torch_geometric.data import HeteroData
from torch_geometric.utils import scatter

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.explain.base import Example, Explainer, Explanation
from locgraph.explain.metrics.selection import Selection, check_finite
from locgraph.nn.localisations import owners
from locgraph.nn.network import Network
from locgraph.settings import check_flag, check_number, check_whole
from locgraph.stats.correlation import overlap, spearman


@dataclass(frozen=True)
class StabilityScores:
    """Agreement of an explanation with those of the jittered FOV.

    Attributes:
        correlation: Mean Spearman correlation of the scores before and after jitter, in [-1, 1]; higher is better. None
            where no repeat has one.
        overlap: Mean part of the selected clusters that is selected again, in [0, 1]; higher is better. None likewise.
        repeats: Number of repeats with the same predicted class; others are left out.
    """

    correlation: float | None
    overlap: float | None
    repeats: int


@dataclass(frozen=True)
class Stability:
    """Repeated explanation of a jittered FOV.

    Each cluster moves by a normal distribution along each axis, with all of its localisations; superclusters move with
    the mean of their members; edges stay. Repeats in which the predicted class changes are left out: another class
    has other reasons. Randomness of the explainer itself lowers stability as well.

    Args:
        repeats: Number of repeats.
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
        check_whole("repeats", self.repeats, at_least=1)
        check_number("jitter", self.jitter, at_least=0)
        check_flag("in_nm", self.in_nm)
        check_number("feature_jitter", self.feature_jitter, at_least=0)
        if not self.jitter and not self.feature_jitter:
            raise ConfigError("expected this or feature_jitter above 0, found 0 for both", setting="jitter")

    def __call__(
        self,
        network: Network,
        example: Example,
        explainer: Explainer,
        explanation: Explanation,
        selection: Selection,
        generator: Generator,
        nm_per_unit: float | None = None,
    ) -> StabilityScores:
        """Compare an explanation with those of the jittered FOV.

        Args:
            network: The network, in evaluation mode.
            example: The FOV; its graph stays as it is.
            explainer: The explainer.
            explanation: Its explanation of the FOV as it is.
            selection: How clusters are selected.
            generator: Source of randomness of the jitter and of the explainer.
            nm_per_unit: Nanometres in one unit of the model, as the scaler has it; None where each FOV is divided by
                its own extent.

        Returns:
            The stability.

        Raises:
            ConfigError: ``in_nm`` is set, and neither ``nm_per_unit`` nor the extent of the graph is known.
        """
        size = self.jitter / self._unit(example, nm_per_unit)
        before, scores = _predicted(network, example.graph), check_finite(explanation.clusters).numpy()
        selected = selection(explanation).numpy()
        correlations, overlaps, repeats = [], [], 0
        for _ in range(self.repeats):
            graph = jittered(example.graph, size, self.feature_jitter, generator)
            if _predicted(network, graph) != before:
                continue
            again = explainer.explain(network, replace(example, graph=graph), generator)
            correlations.append(spearman(scores, check_finite(again.clusters).numpy()))
            overlaps.append(overlap(selected, selection(again).numpy()))
            repeats += 1
        return StabilityScores(_mean(correlations), _mean(overlaps), repeats)

    def _unit(self, example: Example, nm_per_unit: float | None) -> float:
        if not self.in_nm:
            return 1.0
        if nm_per_unit is None and schema.EXTENT in example.graph:
            nm_per_unit = float(example.graph[schema.EXTENT].max())
        if not nm_per_unit:
            raise ConfigError(
                f"{example.fov_id}: expected false, since neither the nanometres of one unit of the model nor the "
                "extent of this FOV are known; give jitter in units of the model",
                setting="in_nm",
            )
        return nm_per_unit


def jittered(graph: HeteroData, size: float, feature_size: float, generator: Generator) -> HeteroData:
    """Move each cluster with its localisations, and add noise to its features.

    Args:
        graph: A PyG batch of one graph, scaled.
        size: Standard deviation of the moves, in units of the model.
        feature_size: Standard deviation of what is added to each feature of a cluster.
        generator: Source of randomness.

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
