"""Shapley values of clusters and of groups of clusters in the probability of a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Generator, Tensor

from locgraph.explain.base import PROBABILITY, Example, Explainer, Explanation
from locgraph.explain.coalitions import Coalitions
from locgraph.nn.network import Network
from locgraph.settings import check_whole

_MAX_MASK: Final = 20_000_000
"""Entries of the masks of sets that are evaluated at once."""


class Shapley(Explainer):
    """The Shapley value of each cluster: its mean gain in probability as clusters are added one after the other.

    The scores sum to the probability of the class less 1 / K. They are exact where evaluating all sets of clusters
    costs no more than sampling does; elsewhere orders are drawn at random, each together with its reverse, which
    removes much of the noise.

    Args:
        pairs: Number of random orders, each with its reverse; more is more exact and takes longer.

    Raises:
        ConfigError: ``pairs`` is below 1.

    Source: Shapley 1953, "A value for n-person games"; antithetic orders: Mitchell et al. 2022, "Sampling
    permutations for Shapley value estimation", arXiv 2104.12199.
    """

    unit = PROBABILITY

    def __init__(self, pairs: int = 32) -> None:
        self.pairs = check_whole("pairs", pairs, at_least=1)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score the clusters of one FOV."""
        coalitions = Coalitions(network, example.graph, example.target, against=example.against)
        count = coalitions.n_clusters
        if 2**count <= 2 * self.pairs * count:
            each = torch.eye(count, dtype=torch.bool)
            scores = shapley_values(coalitions, each, [exact_sets(~one) for one in each])
            return Explanation(scores, complete=not coalitions.out_of_time)
        orders = torch.rand((self.pairs, count), generator=generator).argsort(dim=1)
        scores = _mean_gains(coalitions, torch.cat([orders, orders.flip(1)], dim=1).view(-1, count))
        return Explanation(scores, complete=not coalitions.out_of_time)

    def evaluations(self, n_clusters: int) -> int:
        """Return how many graphs of a FOV with so many clusters the network evaluates."""
        return min(2**n_clusters, 2 * self.pairs * n_clusters)


def _mean_gains(coalitions: Coalitions, orders: Tensor) -> Tensor:
    """Return the mean gain of each cluster over orders (P, C) of addition, as far as time allows: (C,) float32."""
    count = orders.shape[1]
    total, known = torch.zeros(count, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    for part in orders.split(max(1, _MAX_MASK // (count * (count + 1)))):
        arrived = part.argsort(dim=1)[:, None] < torch.arange(count + 1)[:, None]
        values = coalitions.values(arrived.flatten(0, 1)).view(len(part), count + 1)
        gains = values.double().diff(dim=1).flatten()
        total.index_add_(0, part.flatten(), gains.nan_to_num(0.0))
        known.index_add_(0, part.flatten(), (~gains.isnan()).double())
    return (total / known.clamp(min=1)).float()


WeightedSets = tuple[Tensor, Tensor]
"""Sets of clusters (S, C) bool, and the weight of each (S,) float32; the weights sum to 1."""


def shapley_values(coalitions: Coalitions, groups: Tensor, others: Sequence[WeightedSets]) -> Tensor:
    """Return the mean gain of several groups of clusters, each a single player, when they join sets of other players.

    Args:
        coalitions: The game; all groups are evaluated together.
        groups: Groups of clusters (G, C) bool.
        others: For each group the sets of other players that it joins: all of them by ``exact_sets``, for its
            Shapley value, or some by ``drawn_sets``, for an estimate without bias.

    Returns:
        (G,) float32; where time is over before the end, the mean over the sets that were reached.
    """
    lengths = [len(sets) for sets, _ in others]
    # the first set of each group comes first, then the second of each, so that time serves all alike
    turn = torch.cat([torch.arange(length) for length in lengths]).argsort(stable=True)
    owner = torch.repeat_interleave(torch.tensor(lengths, dtype=torch.int64))[turn]
    sets, weights = (torch.cat(parts)[turn] for parts in zip(*others, strict=True))
    pairs = torch.stack([sets | groups[owner], sets & ~groups[owner]], dim=1).flatten(0, 1)
    gains = coalitions.values(pairs).view(-1, 2).diff(dim=1)[:, 0].neg()
    known = ~gains.isnan()
    total = torch.zeros(len(groups)).index_add_(0, owner, weights * gains.nan_to_num(0.0))
    if known.all():
        return total
    reached = torch.zeros(len(groups)).index_add_(0, owner, weights * known)
    return torch.where(reached > 0, total / reached.clamp(min=torch.finfo(torch.float32).tiny), 0.0)


def exact_sets(players: Tensor) -> WeightedSets:
    """Return all sets of the players (C,) bool, weighted by the probability that one more player joins each of them."""
    rows = players.nonzero()[:, 0]
    count = len(rows)
    members = (torch.arange(2**count)[:, None] >> torch.arange(count)) & 1 == 1
    by_size = torch.tensor([1 / ((count + 1) * math.comb(count, size)) for size in range(count + 1)])
    sets = torch.zeros((len(members), len(players)), dtype=torch.bool)
    sets[:, rows] = members
    return sets, by_size[members.sum(dim=1)]


def drawn_sets(players: Tensor, draws: Tensor) -> WeightedSets:
    """Return the players (C,) bool within each of the sets of ``draw_sets``, with equal weights."""
    return draws & players, torch.full((len(draws),), 1 / len(draws))


def draw_sets(samples: int, n_clusters: int, generator: Generator) -> Tensor:
    """Draw sets of clusters for Shapley values of any group: all sizes from none to all are equally likely.

    Such a set without the members of any group is distributed as Shapley's formula weighs the sets of the other
    players: one draw serves all groups, whose values then share their noise and can be compared.

    Args:
        samples: Number of sets; the second half are the complements of the first.
        n_clusters: Number of clusters C.
        generator: Source of randomness.

    Returns:
        (samples, C) bool.
    """
    half = (samples + 1) // 2
    # one size from each of as many equal parts of the range
    at = (torch.arange(half) + torch.rand(half, generator=generator)) / half
    sizes = (at * (n_clusters + 1)).floor().long()
    ranks = torch.rand((half, n_clusters), generator=generator).argsort(dim=1).argsort(dim=1)
    sets = ranks < sizes[:, None]
    return torch.cat([sets, ~sets])[:samples]


def gains_by_size(masks: Tensor, values: Tensor) -> Tensor:
    """Return the mean gain of each cluster over the given pairs of sets that differ by it alone.

    Gains with others of the same number are averaged first, then these means, as the formula of the Shapley value
    does; with the values of all sets it is the Shapley value.

    Args:
        masks: Different sets of clusters (M, C) bool.
        values: Their values (M,).

    Returns:
        (C,) float32; 0 for a cluster that no two sets differ by.
    """
    count = masks.shape[1]
    # a set is known by the sum of random numbers of its members: 2 of 10^6 sets share one with a probability of 10^-8
    numbers = torch.randint(-(2**62), 2**62, (count,), generator=Generator().manual_seed(0))
    names = torch.cat([torch.where(part, numbers, 0).sum(dim=1) for part in masks.split(max(1, _MAX_MASK // count))])
    sorted_names, order = names.sort()
    sizes = masks.sum(dim=1)
    means = []
    for cluster in range(count):
        without = (~masks[:, cluster]).nonzero()[:, 0]
        wanted = names[without] + numbers[cluster]
        place = torch.searchsorted(sorted_names, wanted).clamp(max=len(names) - 1)
        there = sorted_names[place] == wanted
        without, joined_rows = without[there], order[place[there]]
        gains = (values[joined_rows] - values[without]).double()
        total = torch.zeros(count, dtype=torch.float64).index_add_(0, sizes[without], gains)
        counts = torch.bincount(sizes[without], minlength=count)
        means.append((total / counts.clamp(min=1)).sum() / (counts > 0).sum().clamp(min=1))
    return torch.stack(means).float()
