"""FOVs to explain, networks made by hand whose reasons are known, and those of configs/model."""

import copy
from functools import cache, partial

import numpy as np
import polars as pl
import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import nn
from torch_geometric.data import Batch, HeteroData

from locgraph import schema
from locgraph.api.config import config_dir, plain
from locgraph.api.training.network import make_network as make_network_of
from locgraph.explain.base import Example
from locgraph.graphs.build import GraphRecipe, build_graph
from locgraph.graphs.descriptors import Covariance, PairDistances
from locgraph.graphs.edges import AllPairs, Nearest
from locgraph.graphs.superclusters import SUPERCLUSTER_FEATURES, Linked
from locgraph.nn.base import ClusterEncoder, FovHead
from locgraph.nn.loc_encoders import NoEncoder
from locgraph.nn.messages import Aggregate
from locgraph.nn.network import Network
from locgraph.nn.readouts import Pooled
from locgraph.nn.sizes import DataSizes

N_CLASSES, N_FEATURES = 3, 2


class ByHand(nn.Module):
    """A network of two classes; ``says`` gives the logit of class 1, that of class 0 is 0."""

    predicts = (schema.FIELD_OF_VIEW,)
    uses_localisations = False

    def __init__(self, says):
        super().__init__()
        self.says, self.calls = says, 0

    def forward(self, graph):
        self.calls += 1
        logit = self.says(graph)
        return torch.stack([torch.zeros_like(logit), logit], dim=1)


def summed(values, graph):
    """(C,) to (B,): sum over the clusters of each graph."""
    return torch.zeros(graph.num_graphs).index_add_(0, graph["cluster"].batch, values)


@pytest.fixture
def by_hand():
    """Makes a network of two classes from a function of the batch to the logit of class 1, (B,)."""
    return ByHand


@pytest.fixture
def additive():
    """A network whose probability of class 1 is 0.5 + the sum of the clusters' first feature."""
    return ByHand(lambda graph: torch.logit(0.5 + summed(graph["cluster"].x[:, 0], graph)))


@pytest.fixture
def finds_motif():
    """Makes a network that looks for clusters of the planted kinds (second feature 1, 2, ...) at the planted places.

    Its logit rises with each pair of different kinds that lie within ``within`` of each other.
    """

    def make(within=1.0, slope=3.0, offset=-3.0):
        def says(graph):
            node = graph["cluster"]
            kind, batch = node.x[:, 1], node.batch
            near = torch.cdist(node.pos, node.pos) < within
            pair = (batch[:, None] == batch) & (kind[:, None] < kind) & (kind[:, None] > 0) & near
            return offset + slope * summed(pair.float().sum(dim=1), graph)

        return ByHand(says)

    return make


@pytest.fixture
def make_example():
    """Makes a FOV of clusters alone: positions of order one, two features, edges between the nearest or all."""

    def make(n=8, seed=0, k=3, features=None, positions=None, target=1, edges=None):
        rng = np.random.default_rng(seed)
        positions = rng.normal(size=(n, 2)) if positions is None else np.asarray(positions, dtype=float)
        features = rng.uniform(-0.4, 0.4, size=(n, 2)) / n if features is None else features
        graph = HeteroData()
        graph["cluster"].pos = torch.as_tensor(positions, dtype=torch.float32)
        graph["cluster"].x = torch.as_tensor(features, dtype=torch.float32)
        if edges is None:
            edges = (Nearest(k) if k else AllPairs())(positions)
        edges = torch.as_tensor(np.asarray(edges, dtype=np.int64).reshape(2, -1))
        graph["cluster", "near", "cluster"].edge_index = edges
        return Example(f"fov_{seed}", Batch.from_data_list([graph]), target)

    return make


@pytest.fixture
def make_motif(make_example):
    """Makes a FOV with a motif planted among clusters that mean nothing; also says which clusters it is, (C,) bool."""

    def make(seed=0, n=12, size=3, k=3):
        rng = np.random.default_rng(seed)
        positions, features = rng.normal(size=(n, 2)) * 2, np.zeros((n, 2))
        planted = rng.permutation(n)[:size]
        angles = 2 * np.pi * np.arange(size) / size
        positions[planted] = positions[planted[0]] + 0.4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        features[:, 0] = rng.uniform(-1, 1, size=n)
        features[planted, 1] = 1 + np.arange(size)
        return make_example(n, seed, k, features, positions), torch.isin(torch.arange(n), torch.as_tensor(planted))

    return make


@pytest.fixture
def make_full_example():
    """Makes a FOV with all that a graph may hold: localisations of three levels, superclusters, descriptors."""

    def make(seed=0, sizes=(6, 5, 9, 1, 7), scales=(0.6, 1.5), target=1, dimensions=2, features=N_FEATURES, edges=True):
        rng = np.random.default_rng(seed)
        owner, axes = np.repeat(np.arange(len(sizes)), sizes), "xyz"[:dimensions]
        points = 0.2 * rng.normal(size=(len(owner), dimensions)) + rng.normal(size=(len(sizes), dimensions))[owner]
        names = tuple(f"f{i}" for i in range(features))
        values = {axis: points[:, i] for i, axis in enumerate(axes)} | {"cluster_id": owner}
        locs = pl.DataFrame(values | {name: rng.uniform(size=len(owner)) for name in names})
        clusters = locs.group_by("cluster_id", maintain_order=True).agg(
            pl.len().cast(pl.Int64).alias("count"),
            *(pl.col(axis).mean().alias(f"{axis}_mean") for axis in axes),
            *(pl.col(name).max() for name in names),
        )
        describe = {"covariance": Covariance(), "pair_distances": PairDistances(5)}
        superclusters = Linked(scales, 2) if scales else None
        recipe = GraphRecipe(names, names, Nearest(3), True, 3, (0.5, 0.5), {}, superclusters, describe)
        graph = build_graph(locs, clusters, dimensions, recipe, "fov")
        if not edges:
            graph["cluster", "near", "cluster"].edge_index = torch.zeros((2, 0), dtype=torch.int64)
        return Example(f"fov_{seed}", Batch.from_data_list([graph]), target)

    return make


@cache
def model_settings(*overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        return plain(compose("train", list(overrides)).model)


@pytest.fixture
def make_network():
    """Makes a network of configs/model that fits `make_full_example`, in evaluation mode."""

    def make(name, *overrides, superlevels=2, dimensions=2, features=N_FEATURES):
        super_features, descriptors = len(SUPERCLUSTER_FEATURES) * bool(superlevels), dimensions + 5
        sizes = DataSizes(dimensions, N_CLASSES, features, features, 3, super_features, superlevels, descriptors, 4)
        torch.manual_seed(0)
        return make_network_of(model_settings(f"model={name}", *overrides), sizes).eval()

    return make


@pytest.fixture
def permuted():
    """The same FOV with its clusters in another order: new cluster i is old cluster ``order[i]``."""

    def change(example, order):
        graph = copy.copy(example.graph)
        for key in ("pos", "x"):
            graph["cluster"][key] = graph["cluster"][key][order]
        edges = torch.argsort(order)[graph["cluster", "near", "cluster"].edge_index]
        graph["cluster", "near", "cluster"].edge_index = edges
        return Example(example.fov_id, graph, example.target)

    return change


# -- networks of parts made by hand, for explainers that look into a network -------------------------------------------


class Passes(ClusterEncoder):
    """A cluster encoder that hands on what it is handed: vectors, then positions."""

    def __init__(self, in_channels, sizes):
        super().__init__(in_channels + sizes.dimensions)

    def encode(self, x, positions, edge_index):
        return torch.cat([x, positions], dim=1)


class Relays(ClusterEncoder):
    """A cluster encoder that hears the first feature of neighbours where its own second feature says so; and itself."""

    def __init__(self, in_channels, sizes):
        super().__init__(1 + in_channels)
        self.aggregate = Aggregate("sum")

    def encode(self, x, positions, edge_index):
        received = self.aggregate(x[edge_index[0]], edge_index, len(x))
        return torch.cat([received[:, :1] * x[:, 1:2], x], dim=1)


class Linear(FovHead):
    """A head of two classes: the log-odds of class 1 are a weighted sum and an offset."""

    def __init__(self, in_channels, sizes, weights, offset=0.0):
        super().__init__()
        self.weights, self.offset = nn.Parameter(torch.tensor([float(weight) for weight in weights])), offset

    def classify(self, x):
        said = x @ self.weights + self.offset
        return torch.stack([torch.zeros_like(said), said], dim=1)


@pytest.fixture
def linear_network():
    """Makes a network whose log-odds of class 1 are a weighted mean over the clusters of features and position."""

    def make(
        weights,
        loc_encoder=NoEncoder,
        localisation_features=0,
        dimensions=2,
        cluster_features=True,
        cluster_encoder=Passes,
    ):
        sizes = DataSizes(dimensions, 2, N_FEATURES, localisation_features, 3)
        head = partial(Linear, weights=weights)
        readout = partial(Pooled, reduce=("mean",))
        return Network(sizes, loc_encoder, cluster_encoder, readout, head, cluster_features).eval()

    return make


@pytest.fixture
def relay_network():
    """The log-odds of class 1 are -4, and 8 more for each edge from a first feature of 1 to a second feature of 1."""
    head = partial(Linear, weights=[8.0, 0.0, 0.0, 0.0], offset=-4.0)
    return Network(DataSizes(2, 2, 3, 0, 0), NoEncoder, Relays, partial(Pooled, reduce=("sum",)), head).eval()


@pytest.fixture
def make_relay(make_example):
    """Makes a FOV with one edge that `relay_network` needs, from cluster 2 to cluster 5; also says which edge it is."""

    def make(seed=0, n=8):
        rng = np.random.default_rng(seed)
        features = np.zeros((n, 3))
        features[2, 0] = features[5, 1] = 1
        features[:, 2] = rng.uniform(size=n)
        linked = rng.uniform(size=(n, n)) < 0.3
        np.fill_diagonal(linked, False)
        linked[2, 5] = True
        edges = np.argwhere(linked)
        return make_example(n, seed, features=features, edges=edges.T), int((edges == [2, 5]).all(axis=1).argmax())

    return make


@pytest.fixture
def generator():
    """Makes a generator from a seed."""
    return lambda seed=0: torch.Generator().manual_seed(seed)
