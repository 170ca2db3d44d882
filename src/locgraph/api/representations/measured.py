"""What embeds and decodes the units of a benchmark: a trained network, or the pair distances."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import polars as pl
import torch

from locgraph import schema
from locgraph.analysis.controls import fit_max_distance, fov_descriptor
from locgraph.analysis.representations.units import read_clouds
from locgraph.api.device import fixed_threads
from locgraph.api.models.model import Model
from locgraph.api.recipes import graph_recipe
from locgraph.data.dataset import EvaluationSet, collate
from locgraph.data.scaling import Scaler
from locgraph.data.stored import NO_LABEL
from locgraph.graphs.store import build_views
from locgraph.io.featextracted import ExtractedFov, read_fov
from locgraph.learn.vectors import Embedder
from locgraph.run_folder import THREADS

BATCH: Final = 16
"""FOVs in a batch, also of the times."""


class Embeds(Protocol):
    """Embeds the units of some FOVs again, as they are or rotated.

    Attributes:
        n_fovs: Number of FOVs F.
        dimensions: 2 or 3.
    """

    n_fovs: int
    dimensions: int

    def __call__(self, rotations: np.ndarray) -> np.ndarray:
        """Return the vectors (U, L) of the units of FOVs that are turned by rotations (F, D, D)."""

    def run(self) -> object:
        """Embed all units as they are, from what is in memory: what is timed."""


def time_runs(embeds: Embeds, repeats: int) -> np.ndarray:
    """Return the seconds (repeats,) that embedding all units takes."""
    embeds.run()  # loads what later runs find
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        embeds.run()
        seconds.append(time.perf_counter() - started)
    return np.array(seconds)


class NetworkEmbeds:
    """Embeds FOVs with a network: localisations and clusters are turned, then graphs are built as for training.

    Clusters and their features stay those of the tables: what a clusterer does to a turned FOV, and features that
    depend on orientation, are no part of it.

    Args:
        model: The model.
        tables: Folder of the prepared tables.
        fov_ids: The FOVs.
    """

    def __init__(self, model: Model, tables: Path, fov_ids: Sequence[str]) -> None:
        self.model = model
        self.fovs = [read_fov(tables, fov_id) for fov_id in fov_ids]
        self.n_fovs, self.dimensions = len(self.fovs), self.fovs[0].dimensions
        self._recipe = graph_recipe(model.record["settings"]["graph"])
        self._scaler = Scaler.from_plain(model.record["scaler"])
        self._embedder = None if model.task.embeds else Embedder(model.network, [schema.FOV])

    def __call__(self, rotations: np.ndarray) -> np.ndarray:
        """Return the vectors (U, L) of the units of turned FOVs, in the order of FOVs and clusters."""
        turned = [rotate_fov(fov, rotation) for fov, rotation in zip(self.fovs, rotations, strict=True)]
        return np.concatenate([self._embed(batch) for batch in self._batches(turned)])

    def run(self) -> object:
        """Embed all FOVs from graphs in memory, in batches of `BATCH`."""
        return [self._embed(batch) for batch in self._own]

    @cached_property
    def _own(self) -> list[list[Any]]:
        return self._batches(self.fovs)

    def _batches(self, fovs: Sequence[ExtractedFov]) -> list[list[Any]]:
        graphs = {fov.fov_id: build_views(fov, self._recipe) for fov in fovs}
        data = EvaluationSet(list(graphs), [NO_LABEL] * len(graphs), graphs.__getitem__, self._scaler)
        return [[data[i] for i in range(at, min(at + BATCH, len(data)))] for at in range(0, len(data), BATCH)]

    def _embed(self, samples: Sequence[Any]) -> np.ndarray:
        batch = collate(samples)
        with torch.no_grad(), fixed_threads(self.model.record.get(THREADS, 1)):
            if self._embedder is not None:
                vectors = self._embedder.predict_step(batch, 0).of[schema.FOV]
            else:
                vectors = self.model.task.predict(self.model.network, batch).vectors
        joined: np.ndarray = torch.cat(list(vectors)).double().numpy()
        return joined


class PairDistanceEmbeds:
    """Embeds units by their pair distances.

    Args:
        keys: The units.
        tables: Folder of the prepared tables.
    """

    def __init__(self, keys: pl.DataFrame, tables: Path) -> None:
        self.clouds, _ = read_clouds(keys, tables)
        fov_ids = keys[schema.FOV_ID].to_list()
        places = {name: place for place, name in enumerate(dict.fromkeys(fov_ids))}
        self._fov_of_unit = [places[name] for name in fov_ids]
        self.n_fovs, self.dimensions = len(places), self.clouds[0].shape[1]
        self._longest = fit_max_distance(self.clouds)

    def __call__(self, rotations: np.ndarray) -> np.ndarray:
        """Return the numbers (U, L) of turned units."""
        turned = [cloud @ rotations[fov].T for cloud, fov in zip(self.clouds, self._fov_of_unit, strict=True)]
        return self._embed(turned)

    def run(self) -> object:
        """Compute the numbers of all units from their localisations."""
        return self._embed(self.clouds)

    def _embed(self, clouds: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([fov_descriptor(each, max_distance_nm=self._longest, with_count=False) for each in clouds])


def rotate_fov(fov: ExtractedFov, rotation: np.ndarray) -> ExtractedFov:
    """Return a FOV whose localisations and cluster centres are turned by a rotation (D, D) about the origin."""
    return replace(
        fov,
        locs=_turned(fov.locs, schema.position_columns(fov.dimensions), rotation),
        clusters=_turned(fov.clusters, schema.centre_columns(fov.dimensions), rotation),
    )


def _turned(table: pl.DataFrame, columns: Sequence[str], rotation: np.ndarray) -> pl.DataFrame:
    places = table.select(columns).to_numpy() @ rotation.T
    return table.with_columns(pl.Series(name, places[:, axis]) for axis, name in enumerate(columns))
