"""Search for a connected subgraph: which clusters are joined, which can be pruned, and the tree search itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.explain.base import n_clusters
from locgraph.settings import check_number, check_whole

ORDERS: Final = ("low_to_high", "high_to_low")


@dataclass(frozen=True)
class SearchSettings:
    """Width and length of a search.

    Attributes:
        max_clusters: Size of the subgraphs at which the search ends.
        rollouts: Number of paths from the first subgraph to one of these.
        expand: Clusters that may be pruned from one subgraph: those of the lowest or highest degree.
        order: ``low_to_high``: clusters with few neighbours are pruned first; ``high_to_low``: those with many.
        exploration: Weight of rarely visited subgraphs, against those that have led to high rewards.

    Raises:
        ConfigError: A setting is out of range.
    """

    max_clusters: int
    rollouts: int
    expand: int
    order: str
    exploration: float

    def __post_init__(self) -> None:
        check_whole("max_clusters", self.max_clusters, at_least=1)
        check_whole("rollouts", self.rollouts, at_least=1)
        check_whole("expand", self.expand, at_least=1)
        if self.order not in ORDERS:
            raise ConfigError(f"expected {' or '.join(ORDERS)}, found {self.order!r}", setting="order")
        check_number("exploration", self.exploration, at_least=0.0)


@dataclass
class Subgraph:
    """A node of the search tree.

    Attributes:
        members: Its clusters (C,) bool.
        reward: How well it explains.
        visits: Number of paths through it.
        total: Sum of the rewards at the ends of these paths.
        children: Subgraphs of one cluster less; None before it was expanded.
    """

    members: Tensor
    reward: float
    visits: int = 0
    total: float = 0.0
    children: list[Subgraph] | None = None

    @property
    def size(self) -> int:
        """Number of clusters."""
        return int(self.members.sum())


class SearchTree:
    """Monte-Carlo tree search for a subgraph: clusters are pruned one at a time along many paths.

    Each path follows children with high rewards or few visits. Paths that prune the same clusters in another order meet
    at the same node. Rewards of all children of a subgraph are evaluated together.

    Args:
        start: The clusters that the search starts with (C,) bool.
        near: Which clusters are joined (C, C) bool; those joined by way of others stay so.
        reward: Rewards of several subgraphs: (G, C) bool to (G,).
        settings: Width and length of the search.

    Source: Yuan et al. 2021, "On explainability of graph neural networks via subgraph explorations", arXiv 2102.05152,
    but for the first visit, which takes the child of the highest reward: the formula of the paper gives all the same.
    """

    def __init__(
        self, start: Tensor, near: Tensor, reward: Callable[[Tensor], Tensor], settings: SearchSettings
    ) -> None:
        self.near, self.reward, self.settings = near, reward, settings
        self._lists = [row.nonzero()[:, 0].tolist() for row in near]
        self._nodes: dict[bytes, Subgraph] = {}
        (self.root,) = self._subgraphs(start[None])

    def run(self) -> Subgraph:
        """Return the subgraph of the highest reward among those visited of no more than ``max_clusters``."""
        for _ in range(self.settings.rollouts):
            self._roll_out()
        ends = [subgraph for subgraph in self._nodes.values() if subgraph.size <= self.settings.max_clusters]
        return max(ends, key=lambda subgraph: subgraph.reward)

    def _roll_out(self) -> None:
        path = [self.root]
        while path[-1].size > self.settings.max_clusters:
            path.append(self._best_child(path[-1]))
        for subgraph in path:
            subgraph.visits += 1
            subgraph.total += path[-1].reward

    def _best_child(self, subgraph: Subgraph) -> Subgraph:
        """Return the child of the highest mean reward plus bonus for few visits."""
        if subgraph.children is None:
            subgraph.children = self._expand(subgraph)
        # the paper's square root is 0 at the first visit, and all children would be equal
        bonus = self.settings.exploration * math.sqrt(1 + sum(child.visits for child in subgraph.children))

        def priority(child: Subgraph) -> float:
            return child.total / max(child.visits, 1) + bonus * child.reward / (1 + child.visits)

        return max(subgraph.children, key=priority)

    def _expand(self, subgraph: Subgraph) -> list[Subgraph]:
        members = frozenset(subgraph.members.nonzero()[:, 0].tolist())
        candidates = torch.tensor(prunable(self._lists, members))
        degrees = (self.near[candidates] & subgraph.members).sum(dim=1)
        by_degree = degrees.argsort(descending=self.settings.order == "high_to_low", stable=True)
        pruned = candidates[by_degree[: self.settings.expand]]
        children = subgraph.members.repeat(len(pruned), 1)
        children[torch.arange(len(pruned)), pruned] = False
        return self._subgraphs(children)

    def _subgraphs(self, members: Tensor) -> list[Subgraph]:
        """Return the nodes of subgraphs (G, C) bool, new ones with their rewards."""
        keys = [row.tobytes() for row in members.numpy()]
        new = [row for row, key in enumerate(keys) if key not in self._nodes]
        if new:
            rewards = self.reward(members[new]).tolist()
            for row, reward in zip(new, rewards, strict=True):
                self._nodes[keys[row]] = Subgraph(members[row], reward)
        return [self._nodes[key] for key in keys]


def neighbourhood(graph: HeteroData, neighbours: int) -> Tensor:
    """Return which clusters are joined: by the edges of the graph, or in space where the edges join all of them.

    Args:
        graph: A PyG batch of one graph of C clusters.
        neighbours: Nearest clusters that each one is joined with, where the edges join every pair.

    Returns:
        (C, C) bool, the same both ways, without loops.
    """
    count = n_clusters(graph)
    source, target = graph[schema.CLUSTER_NEAR].edge_index
    near = torch.eye(count, dtype=torch.bool)
    near[source, target] = True
    if near.all() and count > neighbours + 1:
        positions = graph[schema.CLUSTER][schema.POS].double()
        apart = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = apart.fill_diagonal_(torch.inf).topk(neighbours, largest=False).indices
        near = torch.zeros_like(near).scatter_(1, nearest, torch.ones_like(nearest, dtype=torch.bool))
    near = near | near.T
    return near.fill_diagonal_(False)


def within_hops(near: Tensor, groups: Tensor, hops: int) -> Tensor:
    """Return groups of clusters with all within ``hops`` steps of them: (C, C) and (G, C) bool to (G, C) bool."""
    for _ in range(hops):
        groups = groups | (groups.float() @ near.float() > 0)
    return groups


def prunable(near: Sequence[Sequence[int]], members: frozenset[int]) -> list[int]:
    """Return the clusters whose removal leaves those that are connected through other clusters connected.

    Args:
        near: Clusters that each cluster is joined with.
        members: The clusters of the subgraph.

    Returns:
        All members but the cut vertices, in order.

    Source: Tarjan 1972, "Depth-first search and linear graph algorithms".
    """
    entered: dict[int, int] = {}
    lowest: dict[int, int] = {}
    cuts = set()
    for root in members:
        if root in entered:
            continue
        entered[root] = lowest[root] = len(entered)
        branches = 0
        stack = [(root, root, iter(near[root]))]
        while stack:
            here, parent, rest = stack[-1]
            follow = next((other for other in rest if other in members), None)
            if follow is None:
                stack.pop()
                if parent != here:
                    lowest[parent] = min(lowest[parent], lowest[here])
                    if parent != root and lowest[here] >= entered[parent]:
                        cuts.add(parent)
            elif follow in entered:
                lowest[here] = min(lowest[here], entered[follow])
            else:
                entered[follow] = lowest[follow] = len(entered)
                branches += here == root
                stack.append((follow, here, iter(near[follow])))
        if branches > 1:
            cuts.add(root)
    return sorted(members - cuts)
