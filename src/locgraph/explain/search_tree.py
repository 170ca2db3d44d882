"""Monte-Carlo tree search for a subgraph: from many clusters, one less at a time, to a few."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from locgraph.errors import ConfigError
from locgraph.explain.neighbourhood import prunable
from locgraph.settings import check_number, check_whole

ORDERS: Final = ("low_to_high", "high_to_low")


@dataclass(frozen=True)
class SearchSettings:
    """How wide and how far a search looks.

    Attributes:
        max_clusters: Clusters of the subgraphs at which the search ends.
        rollouts: Ways from the first subgraph to one of these.
        expand: Clusters that may be pruned from one subgraph: those of the lowest or highest degree.
        order: ``low_to_high``: clusters with few neighbours are pruned first; ``high_to_low``: those with many.
        exploration: Weight of what was tried less often, against what has led to high rewards.

    Raises:
        ConfigError: A setting is out of range.
    """

    max_clusters: int
    rollouts: int
    expand: int
    order: str
    exploration: float

    def __post_init__(self) -> None:
        for name in ("max_clusters", "rollouts", "expand"):
            check_whole(f"explainer.{name}", getattr(self, name), at_least=1)
        if self.order not in ORDERS:
            raise ConfigError(f"explainer.order must be {' or '.join(ORDERS)}, found {self.order!r}")
        check_number("explainer.exploration", self.exploration, at_least=0.0)


@dataclass
class Subgraph:
    """A subgraph that the search has come to.

    Attributes:
        members: Its clusters (C,) bool.
        reward: How well it explains.
        visits: Ways that led through it.
        total: Sum of the rewards at their ends.
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
    """Prunes clusters in many ways; each way goes where rewards were high or where few have been.

    A subgraph that several ways lead to is one and the same, whatever was pruned first. Rewards of all children of a
    subgraph are asked for at once.

    Args:
        start: The clusters that the search starts with (C,) bool.
        near: Which clusters are joined (C, C) bool; those joined by way of others stay so.
        reward: Rewards of several subgraphs: (G, C) bool to (G,).
        settings: How wide and how far it looks.

    Source: Yuan et al. 2021, "On explainability of graph neural networks via subgraph explorations", arXiv 2102.05152,
    but for the first visit: it goes to the child of the highest reward, where the formula of the paper knows no order.
    """

    def __init__(
        self, start: Tensor, near: Tensor, reward: Callable[[Tensor], Tensor], settings: SearchSettings
    ) -> None:
        self.near, self.reward, self.settings = near, reward, settings
        self._lists = [row.nonzero()[:, 0].tolist() for row in near]
        self._found: dict[bytes, Subgraph] = {}
        (self.root,) = self._subgraphs(start[None])

    def run(self) -> Subgraph:
        """Searches, and gives the subgraph of the highest reward among those of no more than ``max_clusters``."""
        for _ in range(self.settings.rollouts):
            self._roll_out()
        ends = [subgraph for subgraph in self._found.values() if subgraph.size <= self.settings.max_clusters]
        return max(ends, key=lambda subgraph: subgraph.reward)

    def _roll_out(self) -> None:
        way = [self.root]
        while way[-1].size > self.settings.max_clusters:
            way.append(self._choose(way[-1]))
        for subgraph in way:
            subgraph.visits += 1
            subgraph.total += way[-1].reward

    def _choose(self, subgraph: Subgraph) -> Subgraph:
        """The child of the highest mean reward and bonus for few visits."""
        if subgraph.children is None:
            subgraph.children = self._expanded(subgraph)
        # the paper's square root is 0 at the first visit, and all children would be equal
        eagerness = self.settings.exploration * math.sqrt(1 + sum(child.visits for child in subgraph.children))

        def promise(child: Subgraph) -> float:
            return child.total / max(child.visits, 1) + eagerness * child.reward / (1 + child.visits)

        return max(subgraph.children, key=promise)

    def _expanded(self, subgraph: Subgraph) -> list[Subgraph]:
        members = frozenset(subgraph.members.nonzero()[:, 0].tolist())
        candidates = torch.tensor(prunable(self._lists, members))
        degrees = (self.near[candidates] & subgraph.members).sum(dim=1)
        by_degree = degrees.argsort(descending=self.settings.order == "high_to_low", stable=True)
        pruned = candidates[by_degree[: self.settings.expand]]
        children = subgraph.members.repeat(len(pruned), 1)
        children[torch.arange(len(pruned)), pruned] = False
        return self._subgraphs(children)

    def _subgraphs(self, members: Tensor) -> list[Subgraph]:
        """Subgraphs of (G, C) bool, with the rewards of new ones."""
        keys = [row.tobytes() for row in members.numpy()]
        new = [row for row, key in enumerate(keys) if key not in self._found]
        if new:
            rewards = self.reward(members[new]).tolist()
            for row, reward in zip(new, rewards, strict=True):
                self._found[keys[row]] = Subgraph(members[row], reward)
        return [self._found[key] for key in keys]
