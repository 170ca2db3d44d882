"""Small random batches, as a network gets them: positions of order one, edges from the graph store."""

import copy
from importlib import import_module

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.api.config import config_dir
from locgraph.graphs.build import GraphRecipe, build_graph
from locgraph.graphs.edges import Nearest
from locgraph.graphs.superclusters import SUPERCLUSTER_FEATURES, Linked
from locgraph.nn.sizes import DataSizes

SMALL = {"channels": 8, "layers": 2, "heads": 2, "n_gaussians": 6, "harmonics": 3}


@pytest.fixture
def make_graph():
    """Makes the graph of a random FOV; what is not given is small."""

    def make(seed=0, sizes=(6, 5, 9, 7), dimensions=2, features=2, coincident=False, scales=(), descriptors=None):
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
        superclusters = Linked(scales, 2) if scales else None
        names = tuple(names)
        recipe = GraphRecipe(names, names, Nearest(3), True, 3, (0.5, 0.5), {}, superclusters, descriptors)
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

    def make(dimensions=2, features=2, n_classes=3, levels=3, superlevels=0, descriptors=0, localisation_classes=0):
        return DataSizes(
            dimensions,
            n_classes,
            features,
            features,
            levels,
            len(SUPERCLUSTER_FEATURES) * bool(superlevels),
            superlevels,
            descriptors,
            localisation_classes,
        )

    return make


@pytest.fixture
def make_part():
    """Makes a part of a network from its YAML, with small sizes."""

    def make(kind, name, numbers, **changes):
        leaf = yaml.safe_load((config_dir() / "model" / kind / f"{name}.yaml").read_text(encoding="utf-8"))
        module, _, of_class = leaf.pop("_target_").rpartition(".")
        settings = {key: SMALL.get(key, value) for key, value in leaf.items() if key not in ("_partial_", "defaults")}
        if isinstance(leaf.get("channels"), list):
            settings["channels"] = [6, 7, 8, 9][-len(leaf["channels"]) :]
        torch.manual_seed(0)
        return getattr(import_module(module), of_class)(**numbers, **settings | changes)

    return make


@pytest.fixture
def emptied():
    """A graph without its clusters and localisations, which the graph store would refuse."""

    def make(graph):
        empty = copy.copy(graph)
        for name in graph.node_types:
            if name != schema.FIELD_OF_VIEW:
                for key, value in graph[name].items():
                    empty[name][key] = value[:0]
        for edge_type in graph.edge_types:
            empty[edge_type].edge_index = graph[edge_type].edge_index[:, :0]
        return empty

    return make


@pytest.fixture
def reorder():
    """Reorders the nodes of one type, in place, and renumbers their edges."""

    def change(graph, node_type, order):
        for key in ("pos", "x"):
            if key in graph[node_type]:
                graph[node_type][key] = graph[node_type][key][order]
        new = torch.argsort(order)
        for edge_type in graph.edge_types:
            edges = graph[edge_type].edge_index
            rows = [new[edges[row]] if edge_type[2 * row] == node_type else edges[row] for row in (0, 1)]
            # edges to the cluster stay in the order of their source, as the graph store keeps them
            kept = torch.argsort(rows[0], stable=True) if edge_type[1] == "in" else slice(None)
            graph[edge_type].edge_index = torch.stack(rows)[:, kept]

    return change


@pytest.fixture
def map_positions():
    """Moves all nodes of a graph, in place."""

    def change(graph, matrix=None, shift=0.0):
        for node_type in graph.node_types:
            positions = graph[node_type].pos
            graph[node_type].pos = (positions if matrix is None else positions @ matrix.T) + shift

    return change


@pytest.fixture
def rotation():
    """A rotation that is no reflection, for each number of dimensions."""

    def make(dimensions):
        matrix, _ = torch.linalg.qr(torch.randn(dimensions, dimensions, generator=torch.Generator().manual_seed(2)))
        matrix[:, 0] *= torch.linalg.det(matrix).sign()
        return matrix

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
            assert parameter.grad.abs().max() > 0 or any(part in name for part in idle), name

    return check


@pytest.fixture
def under_autocast():
    """Calls in bfloat16 autocast, as a mixed-precision trainer does."""

    def call(module, *arguments):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return module(*arguments)

    return call
