"""Fields of view that tests of figures draw."""

import numpy as np
import polars as pl

from locgraph.show.figures.scored_fov import ScoredFov


def fov_tables(dimensions: int = 2, noise: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Four clusters of ten localisations within 100 nm, and noise: localisations and clusters."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, size=(40 + noise, 3))
    labels = np.append(np.repeat(np.arange(4), 10), np.full(noise, -1))
    means = np.stack([points[labels == label].mean(axis=0) for label in range(4)])
    locs = {name: points[:, axis] for axis, name in enumerate("xyz"[:dimensions])}
    clusters = {f"{name}_mean": means[:, axis] for axis, name in enumerate("xyz"[:dimensions])}
    return pl.DataFrame({**locs, "cluster_id": labels}), pl.DataFrame({"cluster_id": np.arange(4), **clusters})


def scored_fov(dimensions: int = 2, scores: tuple[float, ...] = (-1.0, 0.0, 0.5, 2.0), noise: int = 3) -> ScoredFov:
    """Four clusters with scores, of which the last two are outlined."""
    edges = np.array([[0, 1, 2, 3, 3], [1, 2, 3, 2, 3]])
    outlined = np.array([False, False, True, True])
    return ScoredFov(*fov_tables(dimensions, noise), np.array(scores), outlined, edges, dimensions)
