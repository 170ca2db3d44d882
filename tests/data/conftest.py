"""Manifests, and small random graphs."""

import numpy as np
import polars as pl
import pytest
import torch

from locgraph.graphs.build import GraphRecipe, build_graph
from locgraph.graphs.edges import Nearest
from locgraph.graphs.superclusters import Linked
from locgraph.io.manifest import Manifest


@pytest.fixture
def make_manifest():
    """Makes a manifest from FOV -> class name, and FOV -> group."""

    def make(labels, groups=None):
        n, groups = len(labels), groups or {}
        table = pl.DataFrame(
            {
                "fov_id": list(labels),
                "path": [f"raw/{name}.csv" for name in labels],
                "label": pl.Series(list(labels.values()), dtype=pl.String),
                "group": pl.Series([groups.get(name) for name in labels], dtype=pl.String),
                "dimensions": [2] * n,
                "n_localisations": [100] * n,
                "n_clusters": [5] * n,
            }
        )
        return Manifest(table, tuple(sorted({label for label in labels.values() if label is not None})))

    return make


@pytest.fixture
def make_graph():
    """Makes the graph of a random FOV, lengths in nm times ``unit``; what is not given is small."""

    def make(
        seed=0,
        sizes=(6, 1, 9),
        dimensions=2,
        ratios=(0.5, 0.5),
        localisations=True,
        precision=True,
        unit=1.0,
        scales=(),
        descriptors=None,
    ):
        rng = np.random.default_rng(seed)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        axes = "xyz"[:dimensions]
        points = rng.normal(size=(len(owner), dimensions)) * 10 + rng.normal(size=(len(sizes), dimensions))[owner] * 100
        columns = {axis: unit * points[:, i] for i, axis in enumerate(axes)}
        columns |= {"cluster_id": owner, "photons": rng.uniform(100, 1000, len(owner))}
        locs = pl.DataFrame(columns | ({"precision": unit * rng.uniform(5, 10, len(owner))} if precision else {}))
        clusters = locs.group_by("cluster_id", maintain_order=True).agg(
            pl.len().cast(pl.Int64).alias("count"), *(pl.col(axis).mean().alias(f"{axis}_mean") for axis in axes)
        )
        area = pl.Series("area", unit**2 * rng.uniform(50, 60, len(sizes)))
        density = pl.Series("density", rng.uniform(1, 2, len(sizes)) / unit**2)
        superclusters = Linked([unit * scale for scale in scales]) if scales else None
        features = ("count", "area", "density")
        recipe = GraphRecipe(
            features, ("photons",), Nearest(2), localisations, 3, ratios, {}, superclusters, descriptors
        )
        return build_graph(locs, clusters.with_columns(area, density), dimensions, recipe, "fov")

    return make


@pytest.fixture
def same_graph():
    """Says whether two graphs hold the same values under the same names."""

    def same(one, other):
        if one.node_types != other.node_types or one.edge_types != other.edge_types:
            return False
        stores = [(one._global_store, other._global_store)]
        stores += [(one[name], other[name]) for name in (*one.node_types, *one.edge_types)]
        return all(
            set(a.keys()) == set(b.keys()) and all(torch.equal(a[key], b[key]) for key in a.keys())  # noqa: SIM118
            for a, b in stores
        )

    return same
