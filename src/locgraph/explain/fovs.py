"""The FOVs that are explained, and from which explainers learn: their choice, and their graphs."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import torch

from locgraph import schema
from locgraph.data.dataset import EvaluationSet, Sample, collate
from locgraph.data.scaling import Scaler
from locgraph.data.stored import StoredGraphs
from locgraph.errors import ConfigError
from locgraph.explain.base import Example
from locgraph.explain.settings import similar_names
from locgraph.graphs.store import GraphStore
from locgraph.io.manifest import Manifest
from locgraph.nn.network import Network

_SHOWN: Final = 5


class PreparedData(Protocol):
    """Prepared data, as far as explanations read them."""

    @property
    def manifest(self) -> Manifest:
        """The good FOVs, and the failed ones with reasons."""
        ...

    @property
    def tables(self) -> Path:
        """Folder of the featextracted tables."""
        ...

    @property
    def store(self) -> Path:
        """Folder of the graph store."""
        ...


def check_fovs(names: Sequence[str] | None, evaluated: Sequence[str], sides: Mapping[str, Sequence[str]]) -> None:
    """Refuse names that are not among the evaluated FOVs.

    Args:
        names: Names of FOVs; None where none are given.
        evaluated: The FOVs that are evaluated.
        sides: Other FOVs of the run, by side; empty for new files.

    Raises:
        ConfigError: Lists the unknown names, and similar ones.
    """
    known = set(evaluated)
    unknown = [name for name in names or () if name not in known]
    if not unknown:
        return
    side_of = {name: side for side, fov_ids in sides.items() for name in fov_ids}
    remarks = [
        f"{name!r} is a FOV of the {side_of[name]} side"
        if name in side_of
        else f"{name!r} is unknown{similar_names(name, evaluated)}"
        for name in unknown[:_SHOWN]
    ]
    more = f"; and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    raise ConfigError(
        f"expected names among the {len(evaluated)} FOVs that are evaluated, such as {', '.join(evaluated[:3])}; "
        f"found: {'; '.join(remarks)}{more}",
        setting="fovs",
    )


def choose_first(fov_ids: Sequence[str], classes: Mapping[str, str | None], number: int) -> list[str]:
    """Return the first FOVs, taken from all classes in turn.

    Args:
        fov_ids: The FOVs.
        classes: Class of each; those without one count as a class of their own.
        number: How many at most.

    Returns:
        Names in their order in ``fov_ids``.
    """
    queues: dict[str | None, list[str]] = {}
    for fov_id in fov_ids:
        queues.setdefault(classes.get(fov_id), []).append(fov_id)
    rounds = [
        queue[index]
        for index in range(max(map(len, queues.values()), default=0))
        for queue in queues.values()
        if index < len(queue)
    ]
    chosen = set(rounds[:number])
    return [fov_id for fov_id in fov_ids if fov_id in chosen]


def choose_random(fov_ids: Sequence[str], classes: Mapping[str, str | None], number: int, seed: int) -> list[str]:
    """Return FOVs as `choose_first` does, after a random permutation."""
    shuffled = random.Random(seed).sample(sorted(fov_ids), len(fov_ids))
    return choose_first(shuffled, classes, number)


class Examples:
    """The FOVs of a graph store as explainers read them: view 0 in 32 bits, scaled as the network expects it.

    Args:
        record: Record of the checkpoint.
        prepared: Manifest, tables and graphs.
    """

    def __init__(self, record: Mapping[str, Any], prepared: PreparedData) -> None:
        classes = len(record.get("localisation_classes") or ())
        localisations = record["settings"]["graph"]["localisations"]
        self._load = StoredGraphs(GraphStore(prepared.store), localisations, False, classes)
        self._scaler = Scaler.from_plain(record["scaler"])

    def __call__(self, fov_id: str, target: int, against: int | None = None) -> Example:
        """Return view 0 of a FOV, the class to explain, and the one that it is explained against.

        Raises:
            DataError: The FOV cannot be read.
        """
        graph = EvaluationSet([fov_id], [target], self._load, self._scaler)[0].graphs[0]
        # explainers follow a localisation from level to level, which no model does
        for node_type, parents in self._load(fov_id)[0].collect(schema.PARENT, allow_empty=True).items():
            graph[node_type][schema.PARENT] = parents
        return Example(fov_id, collate([Sample(fov_id, target, (graph,))]), target, against)

    def nm_per_unit(self, fov_id: str) -> float:
        """Return the nanometres of one unit of the positions of view 0."""
        if self._scaler.nm_per_unit is not None:
            return self._scaler.nm_per_unit
        # a FOV of one point has no extent: any unit will do
        return float(self._load(fov_id)[0][schema.EXTENT]) or 1.0

    def predict(self, network: Network, fov_id: str) -> int:
        """Return the index of the class that the network predicts for view 0."""
        with torch.no_grad():
            return int(network(self(fov_id, 0).graph)[0].argmax())
