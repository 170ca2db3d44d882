"""Small random batches, as a network gets them: positions of order one, edges from the graph store."""

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.data import Batch

from locgraph.graphs.build import GraphRecipe, build_graph
from locgraph.graphs.cluster_edges import Nearest
from locgraph.models.sizes import DataSizes


@pytest.fixture
def make_graph():
    """Makes the graph of a random FOV; what is not given is small."""

    def make(seed=0, sizes=(6, 5, 9, 7), dimensions=2, features=2, coincident=False):
        rng = np.random.default_rng(seed)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        axes = "xyz"[:dimensions]
        points = rng.normal(size=(len(owner), dimensions)) * 0.2 + rng.normal(size=(len(sizes), dimensions))[owner]
        if coincident:
            points[:] = 0.0
        names = [f"f{i}" for i in range(features)]
        extra = {name: rng.uniform(size=len(owner)) for name in names}
        locs = pl.DataFrame({axis: points[:, i] for i, axis in enumerate(axes)} | {"cluster_id": owner} | extra)
        clusters = locs.group_by("cluster_id", maintain_order=True).agg(
            pl.len().cast(pl.Int64).alias("count"),
            *(pl.col(axis).mean().alias(f"{axis}_mean") for axis in axes),
            *(pl.col(name).max() for name in names),
        )
        recipe = GraphRecipe(tuple(names), tuple(names), Nearest(3), True, 3, (0.5, 0.5), {})
        return build_graph(locs, clusters, dimensions, recipe, "fov")

    return make


@pytest.fixture
def make_batch(make_graph):
    """Makes a batch of random FOVs, one for each tuple of cluster sizes."""

    def make(*sizes, **changes):
        sizes = sizes or ((6, 5, 9, 7), (8, 4, 3))
        return Batch.from_data_list([make_graph(seed=i, sizes=each, **changes) for i, each in enumerate(sizes)])

    return make


@pytest.fixture
def make_sizes():
    """Sizes that fit `make_batch`."""

    def make(dimensions=2, features=2, n_classes=3):
        return DataSizes(dimensions, n_classes, features, features, levels=3)

    return make


@pytest.fixture
def check_gradients():
    """Checks that the gradient of each parameter is finite and, but for the named ones, not 0."""

    def check(module, output, idle=()):
        module.zero_grad()
        (output.float() + 0.3).square().sum().backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0 or name.endswith(tuple(idle)), name

    return check


@pytest.fixture
def under_autocast():
    """Calls in bfloat16 autocast, as a mixed-precision trainer does."""

    def call(module, *arguments):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return module(*arguments)

    return call
