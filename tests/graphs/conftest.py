"""Small tables, and recipes of graphs."""

import numpy as np
import polars as pl
import pytest

from locgraph.graphs.build import GraphRecipe
from locgraph.graphs.edges import Nearest
from locgraph.io.featextracted import ExtractedFov, write_fov


@pytest.fixture
def make_recipe():
    """Makes a recipe; what is not given is small."""

    def make(**changes):
        given = {
            "cluster_features": ("count", "area"),
            "localisation_features": (),
            "cluster_edges": Nearest(2),
            "localisations": True,
            "localisation_k": 3,
            "ratios": (0.5,),
        }
        given |= changes
        settings = {name: str(value) for name, value in given.items()}
        return GraphRecipe(**given, settings=settings)

    return make


@pytest.fixture
def make_tables():
    """Makes random tables of one view: localisations sorted by cluster, and clusters."""

    def make(seed=0, sizes=(4, 7, 5), dimensions=2, offset=0.0):
        rng = np.random.default_rng(seed)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        points = rng.normal(size=(len(owner), dimensions)) * 10 + rng.normal(size=(len(sizes), dimensions))[owner] * 100
        # exact in float64, also 1 m (1e9 nm) away
        points = np.round(points * 2**16) / 2**16 + offset
        axes = "xyz"[:dimensions]
        locs = pl.DataFrame({axis: points[:, i] for i, axis in enumerate(axes)}).with_columns(
            pl.Series("photons", rng.uniform(100, 1000, len(owner))), pl.Series("cluster_id", owner)
        )
        clusters = (
            locs.group_by("cluster_id", maintain_order=True)
            .agg(pl.len().cast(pl.Int64).alias("count"), *(pl.col(axis).mean().alias(f"{axis}_mean") for axis in axes))
            .with_columns(pl.Series("area", rng.uniform(50, 60, len(sizes))))
        )
        return locs, clusters

    return make


@pytest.fixture
def make_folder(tmp_path, make_tables):
    """Writes featextracted tables of some FOVs; returns the folder."""

    def make(*fov_ids, seed=0, views=1, folder=tmp_path / "tables"):
        for number, fov_id in enumerate(fov_ids):
            locs, clusters = [], []
            for view in range(views):
                tables = make_tables(seed=[seed, number, view])
                for parts, table in zip((locs, clusters), tables, strict=True):
                    parts.append(table.with_columns(pl.lit(view, pl.Int64).alias("view")))
            write_fov(
                folder,
                ExtractedFov(
                    fov_id=fov_id,
                    locs=pl.concat(locs),
                    clusters=pl.concat(clusters),
                    dimensions=2,
                    label="a",
                    class_names=("a",),
                    group=None,
                    fingerprint=f"seed {seed}",
                ),
            )
        return folder

    return make
