"""Occlusion: what the probability of a class loses with each cluster."""

from __future__ import annotations

import torch
from torch import Generator

from locgraph.explain.base import Example, Explainer
from locgraph.explain.coalitions import Coalitions
from locgraph.explain.explanation import Explanation
from locgraph.nn.network import Network


class Occlusion(Explainer):
    """Leaves out one cluster at a time: the score is the probability with all clusters less that without this one.

    Fast and exact, but blind to what is there twice: of two clusters that could stand in for each other neither is
    missed.
    """

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Scores the clusters of one FOV; nothing is random."""
        del generator
        coalitions = Coalitions(network, example.graph, example.target)
        without = ~torch.eye(coalitions.n_clusters, dtype=torch.bool)
        return Explanation(coalitions.whole - coalitions.values(without))
