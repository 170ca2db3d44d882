"""FOVs as explainers see them: view 0 in 32 bits, scaled as the network expects it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from locgraph import schema
from locgraph.cli.prepare import Prepared
from locgraph.data.dataset import EvaluationSet, Sample, StoredGraphs, collate
from locgraph.data.scaling import Scaler
from locgraph.explain.base import Example
from locgraph.graphs.store import GraphStore
from locgraph.nn.network import Network


class Examples:
    """Makes examples of the FOVs of a graph store.

    Args:
        record: What the checkpoint records.
        prepared: Manifest, tables and graphs.

    Attributes:
        prepared: The same.
    """

    def __init__(self, record: Mapping[str, Any], prepared: Prepared) -> None:
        self.prepared = prepared
        classes = len(record.get("localisation_classes") or ())
        localisations = record["settings"]["graph"]["localisations"]
        self._load = StoredGraphs(GraphStore(prepared.store), localisations, False, classes)
        self._scaler = Scaler.from_plain(record["scaler"])

    def __call__(self, fov_id: str, target: int) -> Example:
        """View 0 of a FOV, and the class to explain.

        Raises:
            DataError: The FOV cannot be read.
        """
        graph = EvaluationSet([fov_id], [target], self._load, self._scaler)[0].graphs[0]
        # explainers follow a localisation from level to level, which no model does
        for node_type, parents in self._load(fov_id)[0].collect(schema.PARENT, allow_empty=True).items():
            graph[node_type][schema.PARENT] = parents
        return Example(fov_id, collate([Sample(fov_id, target, (graph,))]), target)

    def nm_per_unit(self, fov_id: str) -> float:
        """Nanometres of one unit of the positions of view 0."""
        if self._scaler.nm_per_unit is not None:
            return self._scaler.nm_per_unit
        # a FOV of one point has no extent: any unit will do
        return float(self._load(fov_id)[0][schema.EXTENT]) or 1.0

    def predicted(self, network: Network, fov_id: str) -> int:
        """Index of the class that the network gives view 0."""
        with torch.no_grad():
            return int(network(self(fov_id, 0).graph)[0].argmax())
