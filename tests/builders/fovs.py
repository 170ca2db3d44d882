"""Made-up FOVs for tests of what is unlike training: sites in a pattern, as featextracted tables or as measures."""

from pathlib import Path

import numpy as np
import polars as pl

from locgraph.io.featextracted import ExtractedFov, write_fov

SITES = {
    "square": np.array([[0, 0], [0, 60], [60, 0], [60, 60]], dtype=float),
    "bar": np.array([[0, 0], [0, 30], [0, 60], [0, 90]], dtype=float),
}
"""Binding sites in nm of two classes."""


def draw_points(sites: np.ndarray, rng: np.random.Generator, n: int | None = None) -> np.ndarray:
    """Localisations (N, 2) nm about sites (S, 2), 6 nm apart from them, in a random pose."""
    n = int(rng.integers(90, 130)) if n is None else n
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return sites[rng.integers(len(sites), size=n)] @ turn.T + rng.normal(scale=6.0, size=(n, 2))


def write_tables(folder: Path, fovs: dict[str, np.ndarray], **columns: dict[str, np.ndarray]) -> Path:
    """Write FOVs as featextracted tables with clusters of ten localisations, and return the folder."""
    for fov_id, points in fovs.items():
        cluster = np.arange(len(points)) // 10
        locs = pl.DataFrame({"x": points[:, 0], "y": points[:, 1], "view": 0, "cluster_id": cluster})
        locs = locs.with_columns(pl.Series(name, values[fov_id]) for name, values in columns.items())
        clusters = locs.group_by("view", "cluster_id", maintain_order=True).agg(
            count=pl.len(),
            radius=(pl.col("x").var(ddof=0) + pl.col("y").var(ddof=0)).sqrt(),
            x_mean=pl.col("x").mean(),
            y_mean=pl.col("y").mean(),
        )
        units = {"x": "nm", "y": "nm", "radius": "nm", "count": "1", "precision": "nm", "photons": "photons"}
        write_fov(folder, ExtractedFov(fov_id, locs, clusters, 2, None, (), None, units, fingerprint="same"))
    return folder
