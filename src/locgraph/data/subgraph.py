"""Part of the localisations of a graph."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema


def keep_nodes(graph: HeteroData, levels: Sequence[str], masks: Mapping[str, Tensor]) -> HeteroData:
    """Keeps part of the localisations on every level of the sampling hierarchy, and the edges between what is kept.

    Args:
        graph: The graph; it stays as it is.
        levels: Node types of the hierarchy, the localisations first.
        masks: Which nodes of each level are kept (n,) bool; a node needs its parent on the level below.

    Returns:
        The smaller graph, with edges and parents renumbered; a shallow copy.
    """
    new_row = {name: torch.cumsum(mask, 0) - 1 for name, mask in masks.items()}
    changed = copy.copy(graph)
    for below, name in zip([None, *levels], levels, strict=False):
        for key, value in graph[name].items():
            changed[name][key] = value[masks[name]]
        if below is not None:
            changed[name][schema.PARENT] = new_row[below][changed[name][schema.PARENT]]
    for edge_type in changed.edge_types:
        source, target = edge_type[0], edge_type[2]
        edges = graph[edge_type].edge_index
        kept = torch.ones(edges.shape[1], dtype=torch.bool)
        for row, name in ((0, source), (1, target)):
            if name in masks:
                kept &= masks[name][edges[row]]
        edges = edges[:, kept]
        changed[edge_type].edge_index = torch.stack(
            [new_row[name][edges[row]] if name in masks else edges[row] for row, name in ((0, source), (1, target))]
        )
    return changed
