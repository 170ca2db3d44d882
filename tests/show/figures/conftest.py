"""What several tests of figures draw."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from locgraph.show.figures.explanation_panel import ScoredFov


@pytest.fixture
def scored() -> Callable[..., ScoredFov]:
    """Makes four clusters of ten localisations with scores, and some noise."""
    return make_scored


def make_scored(dimensions: int = 2, scores: tuple[float, ...] = (-1.0, 0.0, 0.5, 2.0), noise: int = 3) -> ScoredFov:
    """Four clusters, of which the last two are outlined."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, size=(40 + noise, 3))
    labels = np.append(np.repeat(np.arange(4), 10), np.full(noise, -1))
    means = np.stack([points[labels == label].mean(axis=0) for label in range(4)])
    locs = {name: points[:, axis] for axis, name in enumerate("xyz"[:dimensions])}
    clusters = {f"{name}_mean": means[:, axis] for axis, name in enumerate("xyz"[:dimensions])}
    return ScoredFov(
        pl.DataFrame({**locs, "cluster_id": labels}),
        pl.DataFrame({"cluster_id": np.arange(4), **clusters}),
        np.array(scores),
        np.array([False, False, True, True]),
        np.array([[0, 1, 2, 3, 3], [1, 2, 3, 2, 3]]),
        dimensions,
    )
