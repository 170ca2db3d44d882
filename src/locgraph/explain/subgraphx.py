"""SubgraphX: the few connected clusters that together have the highest Shapley value."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from locgraph.explain.base import PROBABILITY, Example, Explainer, Explanation
from locgraph.explain.coalitions import Coalitions
from locgraph.explain.shapley import WeightedSets, draw_sets, drawn_sets, exact_sets, gains_by_size, shapley_values
from locgraph.explain.subgraph_search import SearchSettings, SearchTree, neighbourhood, prunable, within_hops
from locgraph.explain.time_limit import OutOfTimeError
from locgraph.nn.network import Network
from locgraph.settings import check_whole


class SubgraphX(Explainer):
    """The subgraph of at most ``max_clusters`` clusters with the highest Shapley value, found by tree search.

    The search starts with all clusters and prunes one after the other, so that those connected through others stay
    connected. The reward of a subgraph is its Shapley value as a single player, where each of the other clusters is a
    player of its own. It is estimated from one set of random coalitions that all subgraphs of a FOV share, so that
    differences between them are no noise, and exact where there are no more coalitions than ``samples``.

    The score of a cluster is its mean gain over all coalitions that the search has evaluated with and without it;
    coalitions of one size are averaged first, then the sizes, as a Shapley value weighs them. On planted motifs this
    ranks clusters better than the mean drop of the reward where they are pruned: the search keeps to large coalitions,
    in which a cluster that others can stand in for seems worthless.

    Args:
        max_clusters: Clusters of the subgraph. A FOV of no more is its own subgraph.
        rollouts: Paths from all clusters to so few; more finds better subgraphs.
        expand: Clusters that may be pruned from one subgraph, those of the lowest or highest degree.
        order: ``low_to_high``: clusters with few neighbours are pruned first; ``high_to_low``: those with many.
        samples: Random coalitions for each Shapley value.
        exploration: Weight of rarely visited subgraphs, against those that have led to high rewards.
        hops: Other players are the clusters within so many steps of the subgraph, and the rest is removed; None makes
            all of them players.
        neighbours: Nearest clusters in space that count as joined, where the edges of the graph join every pair.
        start_clusters: The search starts with so many clusters. Where a FOV has more, those with the lowest Shapley
            values are removed first: the time grows with the square of this number.

    Raises:
        ConfigError: A setting is out of range.

    Source: Yuan et al. 2021, "On explainability of graph neural networks via subgraph explorations", arXiv 2102.05152.
    Shared coalitions, scores of clusters, and ``start_clusters`` are additions. Clusters outside a coalition are
    removed, where the paper sets their features to 0.
    """

    unit = PROBABILITY

    def __init__(
        self,
        max_clusters: int = 5,
        rollouts: int = 10,
        expand: int = 12,
        order: str = "low_to_high",
        samples: int = 16,
        exploration: float = 5.0,
        hops: int | None = None,
        neighbours: int = 5,
        start_clusters: int = 30,
    ) -> None:
        self.search = SearchSettings(max_clusters, rollouts, expand, order, exploration)
        self.samples = check_whole("samples", samples, at_least=1)
        self.hops = None if hops is None else check_whole("hops", hops, at_least=0)
        self.neighbours = check_whole("neighbours", neighbours, at_least=1)
        self.start_clusters = check_whole("start_clusters", start_clusters, at_least=1)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score the clusters of one FOV, and select its subgraph."""
        coalitions = Coalitions(network, example.graph, example.target, against=example.against)
        near = neighbourhood(example.graph, self.neighbours)
        draws = draw_sets(self.samples, coalitions.n_clusters, generator)

        def reward(groups: Tensor) -> Tensor:
            players = torch.ones_like(groups) if self.hops is None else within_hops(near, groups, self.hops)
            others = players & ~groups
            rewards = shapley_values(coalitions, groups, [self._sets(each, draws) for each in others])
            if coalitions.out_of_time:
                raise OutOfTimeError("the search was not ended")
            return rewards

        each = torch.eye(coalitions.n_clusters, dtype=torch.bool)
        alone = shapley_values(coalitions, each, [self._sets(~one, draws) for one in each])
        if coalitions.out_of_time:
            return Explanation(alone, complete=False)
        try:
            subgraph = SearchTree(self._start(alone, near), near, reward, self.search).run()
        except OutOfTimeError:
            return Explanation(alone, complete=False)
        return Explanation(gains_by_size(*coalitions.known()), subgraph=subgraph.members)

    def evaluations(self, n_clusters: int) -> int:
        """Return how many graphs of a FOV with so many clusters the network evaluates at most."""
        steps = max(min(n_clusters, self.start_clusters) - self.search.max_clusters, 0)
        return 2 * self.samples * (n_clusters + self.search.rollouts * self.search.expand * steps)

    def _sets(self, players: Tensor, draws: Tensor) -> WeightedSets:
        """Return coalitions of other players: all of them where they are few."""
        return exact_sets(players) if 2 ** int(players.sum()) <= self.samples else drawn_sets(players, draws)

    def _start(self, scores: Tensor, near: Tensor) -> Tensor:
        """Return the clusters to start with, (C,) bool: low scores are removed, and the others stay connected."""
        lists = [row.nonzero()[:, 0].tolist() for row in near]
        left = frozenset(range(len(scores)))
        while len(left) > max(self.start_clusters, self.search.max_clusters):
            left -= {min(prunable(lists, left), key=lambda row: float(scores[row]))}
        return torch.zeros(len(scores), dtype=torch.bool).index_fill_(0, torch.tensor(sorted(left)), True)
