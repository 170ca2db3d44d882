"""Data sets over the graph store: one or more random views of a FOV for training, all of them for evaluation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator
from torch.utils.data import Dataset
from torch_geometric.data import Batch, HeteroData

from locgraph import schema
from locgraph.data.augment import Transform
from locgraph.data.join import join
from locgraph.data.sampler import mix
from locgraph.data.scaling import Scaler
from locgraph.errors import DataError
from locgraph.graphs.store import GraphStore

NO_LABEL = -1


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


class StoredGraphs:
    """Raw graphs by name of the FOV. It goes to loading processes, so it holds nothing of the trainer.

    Args:
        store: The graph store.
        localisations: Whether localisation nodes are wanted; false keeps clusters and superclusters.
        in_memory: Keep what was read in memory.
        localisation_classes: Number of classes of localisations; above 0, localisation nodes get
            ``loc_label``, -1 where they have none.
    """

    def __init__(self, store: GraphStore, localisations: bool, in_memory: bool, localisation_classes: int = 0) -> None:
        self.store, self.localisations, self.in_memory = store, localisations, in_memory
        self.localisation_classes = localisation_classes
        self._memory: dict[str, list[HeteroData]] = {}

    def __call__(self, fov_id: str) -> list[HeteroData]:
        """Return the raw graphs of one FOV, one for each view.

        Raises:
            DataError: The file is absent or damaged, a view has no cluster, or a localisation is of no known class.
        """
        if fov_id in self._memory:
            return self._memory[fov_id]
        views = self.store.load(fov_id)
        if any(not view[schema.CLUSTER].num_nodes for view in views):
            raise DataError(
                f"{fov_id}: expected at least one cluster in each view, found none in {self.store.path(fov_id)}; "
                "delete this file, so that its graphs are made anew"
            )
        if not self.localisations:
            views = [without_localisations(view) for view in views]
        if self.localisation_classes:
            for view in views:
                self._label(view, fov_id)
        if self.in_memory:
            self._memory[fov_id] = views
        return views

    def _label(self, view: HeteroData, fov_id: str) -> None:
        """Give every localisation a class or ``NO_LABEL``, so that graphs with and without them can be joined."""
        node = view[schema.LOCALISATION]
        labels = node[schema.TARGET] if schema.TARGET in node else torch.full((len(node[schema.POS]),), NO_LABEL)
        strange = sorted({*labels.unique().tolist()} - {NO_LABEL, *range(self.localisation_classes)})
        if strange:
            raise DataError(
                f"{fov_id}: expected classes of localisations from 0 to {self.localisation_classes - 1}, or "
                f"{NO_LABEL} for none, found {strange[:5]} in {schema.LOC_LABEL}; name all classes"
            )
        node[schema.LOC_LABEL] = labels

    def __getstate__(self) -> dict[str, Any]:
        # where processes are spawned, reading again is cheaper than sending every tensor
        return self.__dict__ | {"_memory": {}}


@dataclass(frozen=True)
class Draw:
    """What training draws of a FOV.

    Attributes:
        graphs: Number of graphs. Several are of different views, as far as there are.
        same_clusters: Whether they hold the same clusters in the same order: they are of one view then.
    """

    graphs: int = 1
    same_clusters: bool = False


class TrainingSet(Dataset[Sample]):
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
        load: Callable[[str], list[HeteroData]],
        transforms: Sequence[Transform],
        scaler: Scaler,
        seed: int,
        draw: Draw | None = None,
    ) -> None:
        self.fov_ids, self.targets, self.load = list(fov_ids), list(targets), load
        self.transforms, self.scaler, self.seed, self.draw = list(transforms), scaler, seed, draw or Draw()

    def __len__(self) -> int:
        """Return the number of FOVs."""
        return len(self.fov_ids)

    def __getitem__(self, key: tuple[int, ...]) -> Sample:
        """Return one FOV as drawn in one epoch; ``key`` is (epoch, index), with a third number where it is repeated."""
        index = key[1]
        views = self.load(self.fov_ids[index])
        generator = Generator().manual_seed(mix(self.seed, *key))
        graphs = tuple(_slim(self.scaler(graph)) for graph in self._drawn(views, generator))
        return Sample(self.fov_ids[index], self.targets[index], graphs)

    def _drawn(self, views: Sequence[HeteroData], generator: Generator) -> list[HeteroData]:
        """Return the graphs that are drawn of a FOV, augmented."""
        number, same = self.draw.graphs, self.draw.same_clusters
        if number == 1 or same:
            chosen = [views[int(torch.randint(len(views), (), generator=generator))]]
        else:
            order = torch.randperm(len(views), generator=generator).tolist()
            chosen = [views[order[index % len(views)]] for index in range(number)]
        choosing = [transform for transform in self.transforms if transform.chooses_clusters]
        others = [transform for transform in self.transforms if not transform.chooses_clusters]
        chosen = [_transformed(graph, choosing, generator) for graph in chosen]
        return [_transformed(graph, others, generator) for graph in (chosen * number if same else chosen)]


class EvaluationSet(Dataset[Sample]):
    """Return all views of each FOV, scaled, nothing random.

    Args:
        fov_ids: The FOVs.
        targets: Index of the class of each, or ``NO_LABEL``.
        load: FOV name to its raw graphs, one for each view.
        scaler: The scaler of the fold.
    """

    def __init__(
        self,
        fov_ids: Sequence[str],
        targets: Sequence[int],
        load: Callable[[str], list[HeteroData]],
        scaler: Scaler,
    ) -> None:
        self.fov_ids, self.targets, self.load, self.scaler = list(fov_ids), list(targets), load, scaler

    def __len__(self) -> int:
        """Return the number of FOVs."""
        return len(self.fov_ids)

    def __getitem__(self, index: int) -> Sample:
        """Return one FOV with all its views."""
        graphs = tuple(_slim(self.scaler(graph)) for graph in self.load(self.fov_ids[index]))
        return Sample(self.fov_ids[index], self.targets[index], graphs)


def _transformed(graph: HeteroData, transforms: Sequence[Transform], generator: Generator) -> HeteroData:
    for transform in transforms:
        graph = transform(graph, generator)
    return graph


_READ = (schema.POS, schema.FEATURES)


def _slim(graph: HeteroData) -> HeteroData:
    """Leave out what no model reads and no loss compares with, so that it is not collated."""
    slim = HeteroData()
    for node_type, node in graph.node_items():
        kept = slim[node_type]
        for key in _READ:
            if key in node:
                kept[key] = node[key]
        if node_type == schema.LOCALISATION and schema.LOC_LABEL in node:
            kept[schema.LOC_LABEL] = node[schema.LOC_LABEL]
    for edge_type, edges in graph.edge_items():
        slim[edge_type][schema.EDGE_INDEX] = edges[schema.EDGE_INDEX]
    return slim


def collate(samples: Sequence[Sample]) -> Batch:
    """Join the graphs of several FOVs.

    Args:
        samples: The FOVs, each with one or more views.

    Returns:
        The PyG batch of all graphs, with ``fov`` (graphs,) int64, the FOV of each graph, counted within the batch,
        ``y`` (FOVs,) int64, and ``fov_id``, the names of the FOVs.
    """
    batch = join([graph for sample in samples for graph in sample.graphs])
    sizes = torch.tensor([len(sample.graphs) for sample in samples])
    batch["fov"] = torch.repeat_interleave(torch.arange(len(samples)), sizes)
    batch[schema.TARGET] = torch.tensor([sample.target for sample in samples])
    batch[schema.FOV_ID] = [sample.fov_id for sample in samples]
    return batch


def without_localisations(graph: HeteroData) -> HeteroData:
    """Return clusters, and superclusters where there are any, alone; a shallow copy."""
    clusters = copy.copy(graph)
    for node_type in graph.node_types:
        if _of_localisations(node_type):
            del clusters[node_type]
    for edge_type in graph.edge_types:
        if _of_localisations(edge_type[0]):
            del clusters[edge_type]
    return clusters


def _of_localisations(node_type: str) -> bool:
    return node_type.startswith(schema.LOCALISATION)
