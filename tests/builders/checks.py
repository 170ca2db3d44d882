"""FOVs whose class, group and way of taking are chosen."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from locgraph.io.featextracted import ExtractedFov


@dataclass(frozen=True)
class Taken:
    """How a FOV was taken."""

    label: str
    group: str | None = None
    count: int = 40
    extent: float = 20.0
    precision: float = 3.0
    background: int = 0


def make_fov(fov_id: str, taken: Taken, rng: np.random.Generator) -> ExtractedFov:
    """One cluster of normally distributed localisations, and some without a cluster before them."""
    inside = np.repeat([-1, 0], [taken.background, taken.count - taken.background])
    points = rng.normal(0, taken.extent / np.sqrt(2), (taken.count, 2))
    spread = rng.uniform(0.9, 1.1, taken.count)
    columns = {"view": 0 * inside, "cluster_id": inside, "x": points[:, 0], "y": points[:, 1]}
    clusters = {"view": [0], "cluster_id": [0], "x_mean": [0.0], "y_mean": [0.0], "count": [taken.count], "size": [1.0]}
    tables = pl.DataFrame({**columns, "precision": taken.precision * spread}), pl.DataFrame(clusters)
    return ExtractedFov(fov_id, *tables, 2, taken.label, ("a", "b"), taken.group, {"size": "nm"}, {}, {}, "f")
