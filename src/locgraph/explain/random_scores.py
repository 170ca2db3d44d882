"""Random scores: the control that every explainer has to beat."""

from __future__ import annotations

import torch
from torch import Generator

from locgraph.explain.base import Example, Explainer, n_clusters
from locgraph.explain.explanation import Explanation
from locgraph.nn.network import Network


class RandomScores(Explainer):
    """Scores that know nothing: uniform between 0 and 1, whatever the network."""

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Scores the clusters of one FOV."""
        del network
        return Explanation(torch.rand(n_clusters(example.graph), generator=generator))
