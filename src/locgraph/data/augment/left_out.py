"""Transforms that leave nodes out: clusters, or localisations at random and around missing sites."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Generator, Tensor
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.data.augment.base import Transform
from locgraph.data.subgraph import keep_nodes
from locgraph.errors import ConfigError, DataError
from locgraph.settings import check_number, check_whole


class DrawClusters(Transform):
    """Keep a random part of the clusters: training on FOVs of many clusters needs less time and memory.

    Centre, extent and what describes the FOV as a whole keep their values, and superclusters stay all.

    Args:
        count: How many are kept; all where there are fewer.

    Raises:
        ConfigError: ``count`` is below 1.
    """

    chooses_clusters = True

    def __init__(self, count: int) -> None:
        check_whole("count", count, at_least=1)
        self.count = count

    def __call__(self, graph: HeteroData, generator: Generator) -> HeteroData:
        """Return the smaller graph."""
        n = int(graph[schema.CLUSTER].num_nodes)
        if n <= self.count:
            return graph
        kept = torch.zeros(n, dtype=torch.bool)
        kept[torch.randperm(n, generator=generator)[: self.count]] = True
        masks: dict[str, Tensor] = {schema.CLUSTER: kept}
        levels: list[str] = []
        while schema.level(len(levels)) in graph.node_types:
            owner = graph[schema.level_in(len(levels))].edge_index[1]
            levels.append(schema.level(len(levels)))
            masks[levels[-1]] = kept[owner]
        return keep_nodes(graph, levels, masks)


class LocalisationsLeftOut(Transform):
    """Base class of transforms that leave out localisations.

    One representative of each cluster always stays, on every level of the sampling hierarchy, so that no cluster is
    left without localisations. Cluster features and centres keep their values: to vary them too, store several views
    (config group ``views``).
    """

    name = ""

    def __call__(self, graph: HeteroData, generator: Generator) -> HeteroData:
        """Return the thinned graph.

        Raises:
            DataError: The graph has no localisations.
        """
        if schema.LOCALISATION not in graph.node_types:
            raise DataError(
                f"augment {self.name} needs localisation nodes, found node types {graph.node_types}; leave it out, or "
                "use views.count above 1, which thins before clustering"
            )
        kept = self.choose(graph, generator)
        levels = [schema.level(0)]
        ancestor = torch.arange(len(kept))
        while schema.level(len(levels)) in graph.node_types:
            ancestor = ancestor[graph[schema.level(len(levels))][schema.PARENT]]
            levels.append(schema.level(len(levels)))
        owner = graph[schema.level_in(len(levels) - 1)].edge_index[1]
        first = torch.ones_like(owner, dtype=torch.bool)
        first[1:] = owner[1:] != owner[:-1]
        kept[ancestor[first]] = True
        masks = {levels[0]: kept}
        for name in levels[1:]:
            kept = kept[graph[name][schema.PARENT]]
            masks[name] = kept
        return keep_nodes(graph, levels, masks)

    @abstractmethod
    def choose(self, graph: HeteroData, generator: Generator) -> Tensor:
        """Return which localisations stay, (N,) bool, before one of each cluster is put back."""


class Thinning(LocalisationsLeftOut):
    """Leave out a random part of the localisations, as a dimmer or shorter measurement would.

    Args:
        low: Smallest part left out.
        high: Largest part left out, below 1.

    Raises:
        ConfigError: The parts are out of order.
    """

    name = "thinning"

    def __init__(self, low: float, high: float) -> None:
        if not 0.0 <= low <= high < 1.0:
            raise ConfigError(f"expected 0 <= low <= high < 1, found low={low}, high={high}", setting="low")
        self.low, self.high = low, high

    def choose(self, graph: HeteroData, generator: Generator) -> Tensor:
        """Return which localisations stay, (N,) bool."""
        part = self.low + (self.high - self.low) * torch.rand((), generator=generator).item()
        return torch.rand(graph[schema.LOCALISATION].num_nodes, generator=generator) >= part


class DrawLocalisations(LocalisationsLeftOut):
    """Keep a number of localisations that does not depend on how many there were, as of measurements of equal length.

    Args:
        low: Smallest number that is kept.
        high: Largest number; where there are fewer than the number drawn, all stay.

    Raises:
        ConfigError: The numbers are out of order.
    """

    name = "draw_localisations"

    def __init__(self, low: int, high: int) -> None:
        self.low = check_whole("low", low, at_least=1)
        self.high = check_whole("high", high, at_least=low)

    def choose(self, graph: HeteroData, generator: Generator) -> Tensor:
        """Return which localisations stay, (N,) bool."""
        count = int(torch.randint(self.low, self.high + 1, (), generator=generator))
        kept = torch.zeros(int(graph[schema.LOCALISATION].num_nodes), dtype=torch.bool)
        kept[torch.randperm(len(kept), generator=generator)[:count]] = True
        return kept


class MissingSites(LocalisationsLeftOut):
    """Leave out all localisations of a cluster around some of them, as where a binding site is missing or not labelled.

    Args:
        radius_nm: Radius around a missing site.
        most: Largest number of missing sites of each cluster; each cluster draws its own, from 0.

    Raises:
        ConfigError: A number is out of range.
    """

    name = "missing_sites"

    def __init__(self, radius_nm: float, most: int = 1) -> None:
        self.radius_nm = check_number("radius_nm", radius_nm, above=0)
        self.most = check_whole("most", most, at_least=1)

    def choose(self, graph: HeteroData, generator: Generator) -> Tensor:
        """Return which localisations stay, (N,) bool."""
        positions, owner = graph[schema.LOCALISATION][schema.POS], graph[schema.LOCALISATION_IN].edge_index[1]
        n_clusters = int(graph[schema.CLUSTER].num_nodes)
        sizes = torch.bincount(owner, minlength=n_clusters)
        starts = torch.cumsum(sizes, 0) - sizes
        missing = torch.randint(self.most + 1, (n_clusters,), generator=generator)
        kept = torch.ones(len(positions), dtype=torch.bool)
        for index in range(self.most):
            place = (torch.rand(n_clusters, generator=generator) * sizes).long().clamp(max=(sizes - 1).clamp(min=0))
            site = positions[(starts + place)[owner]]
            within = (positions - site).square().sum(dim=1) <= self.radius_nm**2
            kept &= ~(within & (missing > index)[owner])
        return kept
