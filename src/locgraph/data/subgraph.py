"""Part of the nodes of a graph."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from locgraph import schema


def keep_nodes(graph: HeteroData, levels: Sequence[str], masks: Mapping[str, Tensor]) -> HeteroData:
    """Keep part of the nodes of some types, and the edges between what is kept.

    Args:
        graph: The graph; it stays as it is.
        levels: Node types of the sampling hierarchy among ``masks``, the localisations first.
        masks: Which nodes are kept (n,) bool, for each type of which some go; a node of the hierarchy needs its parent
            on the level below.

    Returns:
        The smaller graph, with edges and parents renumbered; a shallow copy.
    """
    new_row = {name: torch.cumsum(mask, 0) - 1 for name, mask in masks.items()}
    changed = copy.copy(graph)
    for name, mask in masks.items():
        for key, value in graph[name].items():
            changed[name][key] = value[mask]
    for below, name in pairwise(levels):
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
