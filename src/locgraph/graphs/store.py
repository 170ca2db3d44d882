"""The graph store: one file for each FOV with all its views, the same for every fold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import safetensors.torch
import torch
from safetensors import safe_open
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import DataError
from locgraph.graphs.build import GRAPHS_VERSION, GraphRecipe, build_graph
from locgraph.graphs.layout import ABOUT, SEPARATOR, SIZES, SUFFIX, joined_axis
from locgraph.io.featextracted import ExtractedFov, read_fingerprint, read_fov
from locgraph.preparation.executors import Executor
from locgraph.preparation.stage import Progress, no_progress, stage
from locgraph.provenance import fingerprint, whole_file


class GraphStore:
    """Graphs of many FOVs in one folder, each FOV a file in the format of safetensors.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, fov_id: str) -> Path:
        """Return the file of one FOV."""
        return self.folder / f"{fov_id}{SUFFIX}"

    def save(self, fov_id: str, views: Sequence[HeteroData], made_from: str) -> None:
        """Write all views of one FOV, whole or not at all.

        Args:
            fov_id: The FOV.
            views: At least one, all of the same node and edge types and attributes.
            made_from: Fingerprint of tables and settings.
        """
        tensors, sizes = _pack(views)
        # one entry: several are written in an order that changes, and equal graphs shall give equal bytes
        about = {ABOUT: json.dumps({schema.META_FINGERPRINT: made_from, SIZES: sizes})}
        with whole_file(self.path(fov_id)) as temporary:
            temporary.write_bytes(safetensors.torch.save(tensors, about))

    def load(self, fov_id: str) -> list[HeteroData]:
        """Read all views of one FOV.

        Raises:
            DataError: The file is absent or damaged.
        """
        path = self.path(fov_id)
        try:
            with safe_open(path, "pt") as file:
                sizes = _about(file)[SIZES]  # in the order in which attributes were given
                return _unpack({name: file.get_tensor(name) for name in sizes}, sizes)
        except Exception as error:  # a damaged file may raise nearly anything
            raise DataError(
                f"{path}: expected the graphs of FOV {fov_id}, found none that can be read ({error}); delete the file "
                "if it is there, and run again"
            ) from error

    def fingerprint(self, fov_id: str) -> str | None:
        """Return the fingerprint of one FOV's file; None where the file is absent or damaged."""
        try:
            with safe_open(self.path(fov_id), "pt") as file:
                return str(_about(file)[schema.META_FINGERPRINT])
        except Exception:  # noqa: BLE001  # of whatever kind: the file is made anew
            return None


def _about(file: Any) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(file.metadata()[ABOUT])
    return about


def _pack(views: Sequence[HeteroData]) -> tuple[dict[str, torch.Tensor], dict[str, list[int]]]:
    """Return place and attribute -> tensor of all views joined, and the size of each: few large tensors load fast."""
    plain = [_to_plain(view) for view in views]
    tensors, sizes = {}, {}
    for name in plain[0]:
        parts = [view[name] for view in plain]
        tensors[name] = torch.cat(parts, joined_axis(name)) if len(parts) > 1 else parts[0].contiguous()
        sizes[name] = [part.shape[joined_axis(name)] for part in parts]
    return tensors, sizes


def _unpack(tensors: Mapping[str, torch.Tensor], sizes: Mapping[str, Sequence[int]]) -> list[HeteroData]:
    views = [HeteroData() for _ in sizes[schema.EXTENT]]
    for name, values in tensors.items():
        *place, key = name.split(SEPARATOR)
        for view, part in zip(views, values.split(list(sizes[name]), joined_axis(name)), strict=True):
            store = view[place[0] if len(place) == 1 else tuple(place)] if place else view._global_store
            store._mapping[key] = _own(part)  # its own way to be set looks for methods of this name, and takes longer
    return views


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """Return the values in memory of their own: a part that is written or sent would take the whole with it."""
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def _to_plain(graph: HeteroData) -> dict[str, torch.Tensor]:
    """Return the attributes by the types of their node or edge, if any, and their own name."""
    plain = dict(graph._global_store.items())
    for store in graph.stores:
        place = store._key if isinstance(store._key, tuple) else (store._key,)
        plain |= {SEPARATOR.join((*place, key)): value for key, value in store.items() if store._key is not None}
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
    views = build_views(read_fov(task.tables, task.fov_id), task.recipe)
    GraphStore(task.folder).save(task.fov_id, views, task.fingerprint)
    return len(views)


def build_views(fov: ExtractedFov, recipe: GraphRecipe) -> list[HeteroData]:
    """Build the graphs of all views of one FOV.

    Raises:
        DataError: The tables lack a wanted feature.
    """
    return [
        build_graph(locs, clusters, fov.dimensions, recipe, fov.fov_id)
        for locs, clusters in _split(fov.locs, fov.clusters)
    ]


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
