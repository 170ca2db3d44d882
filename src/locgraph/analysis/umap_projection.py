"""All features of a field of view (FOV) as a point on a page, such that alike FOVs are neighbours: UMAP."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.projection import Projection, with_coordinates
from locgraph.analysis.standardised import standardise
from locgraph.preparation.clustering.backend import AUTO, CUML, check_backend, choose_backend, import_cuml
from locgraph.settings import check_flag, check_number, check_whole

NAMES: Final = ["umap_1", "umap_2"]
FEWEST: Final = 5
"""Rows below which neighbourhoods say nothing."""
SETTING: Final = "umap"


@dataclass(frozen=True)
class UmapSettings:
    """Settings of UMAP.

    Args:
        n_neighbors: Neighbours that shape the place of a point; larger shows more of the whole, smaller more detail.
        min_dist: How close points may come on the page, 0 to 1; smaller packs clusters tighter.
        supervised: Whether the classes are known to it. Then they are pulled apart: it shows what could be told apart
            in the best case, and is no evidence that the features do.
        seed: Of all that is random.
        backend: ``cpu`` (umap-learn), ``cuml`` (RAPIDS, on the GPU) or ``auto``, which takes cuML where it works.

    Raises:
        ConfigError: A setting is out of range.
        MissingPackageError: cuML is asked for and not installed.
    """

    n_neighbors: int = 15
    min_dist: float = 0.1
    supervised: bool = False
    seed: int = 0
    backend: str = AUTO

    def __post_init__(self) -> None:
        check_whole(f"{SETTING}.n_neighbors", self.n_neighbors, at_least=2)
        check_number(f"{SETTING}.min_dist", self.min_dist, at_least=0, at_most=1)
        check_flag(f"{SETTING}.supervised", self.supervised)
        check_whole(f"{SETTING}.seed", self.seed, at_least=0)
        check_backend(self.backend, f"{SETTING}.backend")


def umap_projection(features: FeatureTable, settings: UmapSettings | None = None) -> Projection:
    """UMAP of standardised features (McInnes et al. 2018, arXiv 1802.03426).

    On the CPU it starts from principal components rather than at random (Kobak and Linderman 2021,
    10.1038/s41587-020-00809-z) and runs on one thread, so that a seed gives the same points each time; cuML gives the
    same points on the same GPU alone. Distances between far groups mean nothing.

    Args:
        features: Features of FOVs, or of groups.
        settings: How; None is the default.

    Returns:
        Columns ``umap_1`` and ``umap_2`` beside the keys of the rows. With fewer than `FEWEST` rows or two features
        that vary: the reason in place of them.

    Raises:
        MissingPackageError: cuML does not import.
        ConfigError: cuML finds no GPU.
    """
    settings = settings or UmapSettings()
    found = standardise(features)
    reason = found.lacks(FEWEST, columns=2)
    targets = found.targets
    if reason is None and settings.supervised and len(set(targets.tolist()) - {-1}) < 2:
        reason = "with umap.supervised it needs at least two classes"
    if reason:
        return Projection(found.keys, found.left_out, f"UMAP: {reason}")
    n_neighbors = min(settings.n_neighbors, len(found.values) - 1)
    told: tuple[str, ...] = ()
    if n_neighbors < settings.n_neighbors:
        told = (
            f"UMAP: n_neighbors lowered from {settings.n_neighbors} to {n_neighbors}, one less than there are rows",
        )
    values = found.values.astype(np.float32)
    points = _embed(values, targets if settings.supervised else None, settings, n_neighbors)
    return Projection(with_coordinates(found, points, NAMES), found.left_out, None, told)


def _embed(values: np.ndarray, targets: np.ndarray | None, settings: UmapSettings, n_neighbors: int) -> np.ndarray:
    """Points (N, 2) of features (N, F) float32; a target of -1 is no class."""
    common: dict[str, Any] = {
        "n_components": 2,
        "n_neighbors": n_neighbors,
        "min_dist": settings.min_dist,
        "random_state": settings.seed,
    }
    if choose_backend(settings.backend) == CUML:
        module = import_cuml("cuml.manifold", f"{SETTING}.backend")
        y = None if targets is None else targets.astype(np.float32)
        return np.asarray(module.UMAP(**common).fit_transform(values, y=y))
    with warnings.catch_warnings():
        # of a part that needs TensorFlow and is not used
        warnings.simplefilter("ignore", ImportWarning)
        from umap import UMAP
    return np.asarray(UMAP(**common, init="pca", n_jobs=1).fit_transform(values, targets))
