"""Simple explainers that others are compared with: clusters left out or moved one at a time, and random scores."""

from __future__ import annotations

from typing import Final

import torch
from torch import Generator, Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.explain import outputs
from locgraph.explain.base import PROBABILITY, Example, Explainer, Explanation, n_clusters
from locgraph.explain.coalitions import Coalitions
from locgraph.explain.inputs import CLUSTER_POSITIONS, predict
from locgraph.explain.time_limit import OutOfTimeError
from locgraph.nn.network import Network
from locgraph.settings import check_whole

_OUT_OF_REACH: Final = 10.0
"""How many radii of the FOV a cluster is moved outwards, so that it is far from all others."""
_MAX_EDGES: Final = 30_000


class Occlusion(Explainer):
    """The probability with all clusters less that without each one.

    Fast and exact, but blind to redundancy: of two clusters that can stand in for each other neither gets a high score.
    """

    unit = PROBABILITY

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score the clusters of one FOV; nothing is random."""
        del generator
        coalitions = Coalitions(network, example.graph, example.target, against=example.against)
        without = ~torch.eye(coalitions.n_clusters, dtype=torch.bool)
        scores = (coalitions.whole - coalitions.values(without)).nan_to_num(0.0)
        return Explanation(scores, complete=not coalitions.out_of_time)

    def evaluations(self, n_clusters: int) -> int:
        """Return how many graphs of a FOV with so many clusters the network evaluates."""
        return n_clusters


class Displacement(Explainer):
    """The probability with all clusters in place less that with each one moved, its localisations along with it.

    As occlusion, but the number of clusters stays as it is, and a moved cluster leaves its arrangement without leaving
    the FOV: the model sees FOVs more like those it was trained on. Edges, superclusters and descriptors stay.

    Args:
        places: Random places, uniform in the smallest circle (in 3D, ball) about the mean of all clusters that holds
            them, which the mean is taken over; more is more exact and slower. 0 moves each cluster outwards instead,
            out of the reach of all others.

    Raises:
        ConfigError: ``places`` is below 0.

    Source: occlusion, Zeiler and Fergus 2014, arXiv 1311.2901, with other values in place of none as in Zintgraf et al.
    2017, "Visualizing deep neural network decisions", arXiv 1702.04595.
    """

    unit = PROBABILITY

    def __init__(self, places: int = 8) -> None:
        self.places = check_whole("places", places, at_least=0)

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score the clusters of one FOV."""
        graph, count = example.graph, n_clusters(example.graph)
        places = self._draw(graph, generator).flatten(0, 1)
        moved = torch.arange(len(places)) % count
        size = max(1, _MAX_EDGES // max(1, sum(graph[kind].num_edges for kind in graph.edge_types)))
        losses, known = torch.zeros(count), torch.zeros(count)
        complete = True
        with torch.no_grad():
            try:
                whole = outputs.value(network(graph), example.target, example.against)
                for some in torch.arange(len(places)).split(size):
                    positions = graph[schema.CLUSTER][schema.POS].repeat(len(some), 1, 1)
                    positions[torch.arange(len(some)), moved[some]] = places[some]
                    logits = predict(network, graph, {CLUSTER_POSITIONS: positions})
                    losses.index_add_(0, moved[some], whole - outputs.value(logits, example.target, example.against))
                    known.index_add_(0, moved[some], torch.ones(len(some)))
            except OutOfTimeError:
                complete = False
        return Explanation(losses / known.clamp(min=1), complete=complete)

    def evaluations(self, n_clusters: int) -> int:
        """Return how many graphs of a FOV with so many clusters the network evaluates."""
        return n_clusters * max(1, self.places)

    def _draw(self, graph: HeteroData, generator: Generator) -> Tensor:
        """Return where each cluster is moved to, (places, C, D)."""
        positions = graph[schema.CLUSTER][schema.POS]
        centre = positions.mean(dim=0)
        outwards = positions - centre
        radius = outwards.norm(dim=1).max()
        if not self.places:
            # one that lies at the centre has no outwards
            outwards = torch.where(outwards.norm(dim=1, keepdim=True) > 0, outwards, torch.ones_like(outwards))
            away = _OUT_OF_REACH * (radius if radius > 0 else 1.0)
            return (positions + away * torch.nn.functional.normalize(outwards, dim=1))[None]
        shape = (self.places, *positions.shape)
        directions = torch.nn.functional.normalize(torch.randn(shape, generator=generator), dim=2)
        distances = radius * torch.rand((*shape[:2], 1), generator=generator) ** (1 / shape[2])
        return centre + distances * directions


class RandomScores(Explainer):
    """Scores drawn uniformly between 0 and 1, whatever the network: the control that every explainer has to beat."""

    def caution(self, network: Network) -> str:
        """Return that these scores explain nothing."""
        del network
        return "a control, at chance by construction: it explains nothing"

    def explain(self, network: Network, example: Example, generator: Generator) -> Explanation:
        """Score the clusters of one FOV."""
        del network
        return Explanation(torch.rand(n_clusters(example.graph), generator=generator))
