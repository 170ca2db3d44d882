"""Data sets over the graph store: one or more random views of a FOV for training, all of them for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import torch
from torch import Generator
from torch.utils.data import Dataset
from torch_geometric.data import Batch, HeteroData

from locgraph import schema
from locgraph.data.augment import Transform
from locgraph.data.join import join
from locgraph.data.sampler import mix
from locgraph.data.scaling import Scaler
from locgraph.data.stored import JoinedViews


@dataclass(frozen=True)
class Sample:
    """One FOV, before it is joined to a batch.

    Attributes:
        fov_id: The FOV.
        target: Index of its class, or ``NO_LABEL``.
        graphs: One graph for each view, scaled.
    """

    fov_id: str
    target: int
    graphs: tuple[HeteroData, ...]


@dataclass(frozen=True)
class Draw:
    """What training draws of a FOV.

    Attributes:
        graphs: Number of graphs. Several are of different views, as far as there are.
        same_clusters: Whether they hold the same clusters in the same order: they are of one view then.
    """

    graphs: int = 1
    same_clusters: bool = False


class FovSet(Dataset[Sample]):
    """Base class of data sets: FOVs one by one, or whole batches, which are the same and faster made.

    Args:
        fov_ids: The FOVs.
        targets: Index of the class of each, or ``NO_LABEL``.
        load: FOV name to its raw graphs, one for each view; batches are made by `StoredGraphs.join` where it has it.
        scaler: The scaler of the fold.
    """

    def __init__(
        self,
        fov_ids: Sequence[str],
        targets: Sequence[int],
        load: Callable[[str], Sequence[HeteroData]],
        scaler: Scaler,
    ) -> None:
        self.fov_ids, self.targets, self.load, self.scaler = list(fov_ids), list(targets), load, scaler

    @cached_property
    def _scaled(self) -> JoinedViews | None:
        """All views, scaled; None where graphs are taken one by one."""
        join = getattr(self.load, "join", None)
        joined = None if join is None else join(self.fov_ids)
        return joined and replace(joined, columns=joined.columns.scaled(self.scaler, _READ))

    def __len__(self) -> int:
        """Return the number of FOVs."""
        return len(self.fov_ids)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_scaled"}

    def _batch(self, joined: JoinedViews, indices: Sequence[int], graphs: Sequence[Sequence[int]]) -> Batch:
        """Return the batch of FOVs, with some of the views of each, by their numbers among all graphs."""
        batch = joined.columns.batch(torch.tensor([row for rows in graphs for row in rows]))
        names, targets = [self.fov_ids[index] for index in indices], [self.targets[index] for index in indices]
        return _named(batch, names, targets, [len(rows) for rows in graphs])


class TrainingSet(FovSet):
    """Draws one view of a FOV, or several, augments and scales them.

    Args:
        fov_ids: The training FOVs.
        targets: Index of the class of each.
        load: FOV name to its raw graphs, one for each view.
        transforms: Augmentation, in this order.
        scaler: Applied last.
        seed: Seed of view and augmentation, together with the epoch and the FOV.
        draw: What is drawn of each FOV.
    """

    def __init__(
        self,
        fov_ids: Sequence[str],
        targets: Sequence[int],
        load: Callable[[str], Sequence[HeteroData]],
        transforms: Sequence[Transform],
        scaler: Scaler,
        seed: int,
        draw: Draw | None = None,
    ) -> None:
        super().__init__(fov_ids, targets, load, scaler)
        self.transforms, self.seed, self.draw = list(transforms), seed, draw or Draw()

    def __getitem__(self, key: tuple[int, ...]) -> Sample:
        """Return one FOV as drawn in one epoch; ``key`` is (epoch, index), with a third number where it is repeated."""
        index = key[1]
        views = self.load(self.fov_ids[index])
        generator = Generator().manual_seed(mix(self.seed, *key))
        graphs = tuple(_slim(self.scaler(graph)) for graph in self._drawn(views, generator))
        return Sample(self.fov_ids[index], self.targets[index], graphs)

    def __getitems__(self, keys: Sequence[tuple[int, ...]]) -> Batch | list[Sample]:
        """Return several FOVs: joined where nothing changes their graphs, else one by one."""
        joined = None if self.transforms else self._scaled
        if joined is None:
            return [self[key] for key in keys]
        starts, graphs = joined.starts.tolist(), []
        for key in keys:
            first, end = starts[key[1]], starts[key[1] + 1]
            generator = Generator().manual_seed(mix(self.seed, *key))
            chosen = self._chosen(end - first, generator)
            graphs.append([first + view for view in chosen * (self.draw.graphs if self.draw.same_clusters else 1)])
        return self._batch(joined, [key[1] for key in keys], graphs)

    def _chosen(self, n_views: int, generator: Generator) -> list[int]:
        """Return the views that are drawn of a FOV: one that serves for all graphs, or one for each."""
        if self.draw.graphs == 1 or self.draw.same_clusters:
            return [int(torch.randint(n_views, (), generator=generator))]
        order = torch.randperm(n_views, generator=generator).tolist()
        return [order[index % n_views] for index in range(self.draw.graphs)]

    def _drawn(self, views: Sequence[HeteroData], generator: Generator) -> list[HeteroData]:
        """Return the graphs that are drawn of a FOV, augmented."""
        number, same = self.draw.graphs, self.draw.same_clusters
        chosen = [views[view] for view in self._chosen(len(views), generator)]
        choosing = [transform for transform in self.transforms if transform.chooses_clusters]
        others = [transform for transform in self.transforms if not transform.chooses_clusters]
        chosen = [_transformed(graph, choosing, generator) for graph in chosen]
        return [_transformed(graph, others, generator) for graph in (chosen * number if same else chosen)]


class EvaluationSet(FovSet):
    """Return all views of each FOV, scaled, nothing random."""

    def __getitem__(self, index: int) -> Sample:
        """Return one FOV with all its views."""
        graphs = tuple(_slim(self.scaler(graph)) for graph in self.load(self.fov_ids[index]))
        return Sample(self.fov_ids[index], self.targets[index], graphs)

    def __getitems__(self, indices: Sequence[int]) -> Batch | list[Sample]:
        """Return several FOVs, joined where they are in memory."""
        joined = self._scaled
        if joined is None:
            return [self[index] for index in indices]
        starts = joined.starts.tolist()
        return self._batch(joined, indices, [range(starts[index], starts[index + 1]) for index in indices])


def _transformed(graph: HeteroData, transforms: Sequence[Transform], generator: Generator) -> HeteroData:
    for transform in transforms:
        graph = transform(graph, generator)
    return graph


_READ: Final = (schema.POS, schema.FEATURES, schema.LOC_LABEL)
"""What a model reads, or a loss compares with; the rest is not collated."""


def _slim(graph: HeteroData) -> HeteroData:
    slim = HeteroData()
    for node_type, node in graph.node_items():
        kept = slim[node_type]
        for key in _READ:
            if key in node:
                kept[key] = node[key]
    for edge_type, edges in graph.edge_items():
        slim[edge_type][schema.EDGE_INDEX] = edges[schema.EDGE_INDEX]
    return slim


def collate(samples: Sequence[Sample] | Batch) -> Batch:
    """Join the graphs of several FOVs.

    Args:
        samples: The FOVs, each with one or more views; or what a data set has joined already.

    Returns:
        The PyG batch of all graphs, with ``fov`` (graphs,) int64, the FOV of each graph, counted within the batch,
        ``y`` (FOVs,) int64, and ``fov_id``, the names of the FOVs.
    """
    if isinstance(samples, Batch):
        return samples
    batch = join([graph for sample in samples for graph in sample.graphs])
    names, targets = [sample.fov_id for sample in samples], [sample.target for sample in samples]
    return _named(batch, names, targets, [len(sample.graphs) for sample in samples])


def _named(batch: Batch, fov_ids: list[str], targets: list[int], n_graphs: list[int]) -> Batch:
    """Add to a batch the FOV of each graph, and names and targets of the FOVs."""
    batch[schema.FOV] = torch.repeat_interleave(torch.tensor(n_graphs))
    batch[schema.TARGET] = torch.tensor(targets)
    batch[schema.FOV_ID] = fov_ids
    return batch
