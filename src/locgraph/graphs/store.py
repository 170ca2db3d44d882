"""The graph store: one file for each FOV with all its views, the same for every fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import polars as pl
import torch
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import DataError
from locgraph.graphs.build import GRAPHS_VERSION, GraphRecipe, build_graph
from locgraph.io.featextracted import read_fingerprint, read_fov
from locgraph.preparation.executors import Executor
from locgraph.preparation.stage import Progress, no_progress, stage
from locgraph.provenance import fingerprint, whole_file

T = TypeVar("T")

_GRAPH: Final = ""  # stands for the graph itself where a node or edge type is named


class GraphStore:
    """Graphs of many FOVs in one folder.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, fov_id: str) -> Path:
        """Return the file of one FOV."""
        return self.folder / f"{fov_id}.pt"

    def save(self, fov_id: str, views: Sequence[HeteroData], made_from: str) -> None:
        """Write all views of one FOV, whole or not at all.

        Args:
            fov_id: The FOV.
            views: At least one, all of the same node and edge types and attributes.
            made_from: Fingerprint of tables and settings.
        """
        content = {schema.META_FINGERPRINT: made_from, "views": _pack(views)}
        # to a handle, as torch writes the name of a file into the file: equal graphs shall give equal bytes
        with whole_file(self.path(fov_id)) as temporary, temporary.open("wb") as handle:
            torch.save(content, handle)

    def load(self, fov_id: str) -> list[HeteroData]:
        """Read all views of one FOV.

        Raises:
            DataError: The file is absent or damaged.
        """
        return self._read(fov_id, lambda content: _unpack(content["views"]))

    def fingerprint(self, fov_id: str) -> str | None:
        """Return the fingerprint of one FOV's file; None where the file is absent or damaged."""
        try:
            return self._read(fov_id, lambda content: str(content[schema.META_FINGERPRINT]), mmap=True)
        except DataError:
            return None

    def _read(self, fov_id: str, part: Callable[[dict[str, Any]], T], mmap: bool = False) -> T:
        path = self.path(fov_id)
        try:
            return part(torch.load(path, weights_only=True, mmap=mmap))
        except Exception as error:  # a damaged file makes torch raise nearly anything
            raise DataError(
                f"{path}: expected the graphs of FOV {fov_id}, found none that can be read ({error}); delete the file "
                "if it is there, and run again"
            ) from error


def _pack(views: Sequence[HeteroData]) -> dict[str, dict[str, Any]]:
    """Return place -> attribute -> tensors of all views joined, and the size of each: few large tensors load fast."""
    plain = [_to_plain(view) for view in views]
    packed: dict[str, dict[str, Any]] = {}
    for place, attributes in plain[0].items():
        packed[place] = {}
        for key in attributes:
            parts = [view[place][key] for view in plain]
            joined = torch.cat(parts, _axis(key)) if len(parts) > 1 else _own(parts[0].contiguous())
            packed[place][key] = (joined, [part.shape[_axis(key)] for part in parts])
    return packed


def _unpack(packed: dict[str, dict[str, Any]]) -> list[HeteroData]:
    views = [HeteroData() for _ in packed[_GRAPH][schema.EXTENT][1]]
    for name, attributes in packed.items():
        for key, (values, sizes) in attributes.items():
            for view, part in zip(views, values.split(sizes, _axis(key)), strict=True):
                place: Any = view if name == _GRAPH else view[tuple(name.split("|"))] if "|" in name else view[name]
                place[key] = _own(part)
    return views


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """Return the values in memory of their own: a part that is written or sent would take the whole with it."""
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def _axis(key: str) -> int:
    """Return the axis along which views are joined."""
    return 1 if key == schema.EDGE_INDEX else 0


def _to_plain(graph: HeteroData) -> dict[str, dict[str, torch.Tensor]]:
    plain = {_GRAPH: dict(graph._global_store.items())}
    plain |= {node_type: dict(graph[node_type].items()) for node_type in graph.node_types}
    plain |= {"|".join(edge_type): dict(graph[edge_type].items()) for edge_type in graph.edge_types}
    return plain


@dataclass(frozen=True)
class GraphTask:
    """FOV whose graphs are to be built, with all that a worker process needs."""

    fov_id: str
    tables: Path
    folder: Path
    recipe: GraphRecipe
    fingerprint: str


def build_fov(task: GraphTask) -> int:
    """Build and save the graphs of all views of one FOV.

    Args:
        task: The FOV, where its tables are and where its graphs go.

    Returns:
        Number of views.

    Raises:
        DataError: The tables cannot be read, or lack a wanted feature.
    """
    fov = read_fov(task.tables, task.fov_id)
    views = [
        build_graph(locs, clusters, fov.dimensions, task.recipe, task.fov_id)
        for locs, clusters in _split(fov.locs, fov.clusters)
    ]
    GraphStore(task.folder).save(task.fov_id, views, task.fingerprint)
    return len(views)


def _split(locs: pl.DataFrame, clusters: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield both tables of each view, of at least one, without a copy: rows are sorted by view."""
    for index in np.unique(clusters[schema.VIEW].to_numpy()) if clusters.height else (0,):
        yield _rows(locs, index), _rows(clusters, index)


def _rows(table: pl.DataFrame, view: int) -> pl.DataFrame:
    first, end = np.searchsorted(table[schema.VIEW].to_numpy(), [view, view + 1])
    return table[int(first) : int(end)]


def build_store(
    fov_ids: Sequence[str],
    tables: Path,
    recipe: GraphRecipe,
    folder: Path,
    executor: Executor,
    progress: Progress = no_progress,
) -> dict[str, str]:
    """Build the graphs of every FOV whose file is not up to date.

    Args:
        fov_ids: The FOVs.
        tables: Featextracted folder.
        recipe: How graphs are made.
        folder: Folder of the store.
        executor: Runs the FOVs.
        progress: Shows progress.

    Returns:
        The FOVs that failed, with reasons.
    """
    store = GraphStore(folder)

    def plan(fov_id: str) -> GraphTask | None:
        wanted = fingerprint(GRAPHS_VERSION, dict(recipe.settings), read_fingerprint(tables, fov_id))
        return None if store.fingerprint(fov_id) == wanted else GraphTask(fov_id, tables, folder, recipe, wanted)

    return stage("graphs", folder, build_fov, {fov_id: fov_id for fov_id in fov_ids}, plan, executor, progress).failures
