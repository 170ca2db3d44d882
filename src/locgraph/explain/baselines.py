"""Simple explainers that others are compared with: occlusion of single clusters, and random scores."""

from __future__ import annotations

import torch
from torch import Generator

from locgraph.explain.base import Example, Explainer, Explanation, n_clusters
from locgraph.explain.coalitions import Coalitions
from locgraph.nn.network import Network


class Occlusion(Explainer):
    """The probability with all clusters less that without each one.

    Fast and exact, but blind to redundancy: of two clusters that can stand in for each other neither gets a high score.
    """

    unit = "change of probability"

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score the clusters of one FOV; nothing is random."""
        del generator
        coalitions = Coalitions(network, example.graph, example.target)
        without = ~torch.eye(coalitions.n_clusters, dtype=torch.bool)
        scores = (coalitions.whole - coalitions.values(without)).nan_to_num(0.0)
        return Explanation(scores, complete=not coalitions.out_of_time)

    def evaluations(self, n_clusters: int) -> int:
        """Return how many graphs of a FOV with so many clusters the network evaluates."""
        return n_clusters


class RandomScores(Explainer):
    """Scores drawn uniformly between 0 and 1, whatever the network: the control that every explainer has to beat."""

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score the clusters of one FOV."""
        del network
        return Explanation(torch.rand(n_clusters(example.graph), generator=generator))
