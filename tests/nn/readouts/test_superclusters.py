"""Readout by way of superclusters."""

import pytest
import torch
from torch_geometric.data import Batch, HeteroData

from locgraph.errors import ConfigError
from locgraph.nn.readouts.superclusters import SuperclusterPooled


@pytest.fixture
def batch():
    """Two FOVs: clusters 0 and 1 form a supercluster, 2 is one by itself; cluster 3 is the only one of the second."""
    graphs = []
    for owners in ([0, 0, 1], [0]):
        graph = HeteroData()
        graph["cluster"].pos = torch.zeros(len(owners), 2)
        graph["supercluster"].pos = torch.zeros(max(owners) + 1, 2)
        graph["supercluster"].x = torch.full((max(owners) + 1, 3), 0.5)
        graph["cluster", "in", "supercluster"].edge_index = torch.stack(
            [torch.arange(len(owners)), torch.tensor(owners)]
        )
        graphs.append(graph)
    return Batch.from_data_list(graphs)


X = torch.tensor([[1.0, 2.0], [3.0, -2.0], [7.0, 9.0], [-4.0, 4.0]])


def test_by_hand(batch, make_sizes):
    readout = SuperclusterPooled(2, make_sizes(superlevels=1), 6, within=("mean", "max"), across=("sum", "max"))

    found = readout(X, batch)

    own = [0.5] * 3
    first, second, third = (
        readout.layers[0](torch.tensor(row))
        for row in ([2.0, 0, 3, 2, *own], [7.0, 9, 7, 9, *own], [-4.0, 4, -4, 4, *own])
    )
    torch.testing.assert_close(found[0], torch.cat([first + second, torch.maximum(first, second)]))
    torch.testing.assert_close(found[1], torch.cat([third, third]))


def test_clusters_count_within_their_supercluster(batch, make_sizes):
    readout = SuperclusterPooled(2, make_sizes(superlevels=1), 6, within=("mean",), across=("mean",))
    before = readout(X, batch)

    swapped = readout(X[[1, 0, 2, 3]], batch)
    moved = readout(X[[0, 2, 1, 3]], batch)

    torch.testing.assert_close(swapped, before)
    assert (moved[0] - before[0]).abs().max() > 1e-3


def test_scale_by_scale(make_graph, make_sizes):
    graph = make_graph(sizes=(4, 5, 6, 3, 2, 4), scales=(0.5, 2.0))
    batch = Batch.from_data_list([graph])
    readout = SuperclusterPooled(2, make_sizes(superlevels=2), 6, within=("max",), across=("max",))
    x = torch.randn(6, 2)

    found = readout(x, batch)

    lower, upper = (graph[name].x for name in ("supercluster", "supercluster_1"))
    of_lower, of_upper = (
        graph[below, "in", above].edge_index
        for below, above in (("cluster", "supercluster"), ("supercluster", "supercluster_1"))
    )
    assert len(lower) > len(upper) >= 1
    for edges, own, layer in ((of_lower, lower, readout.layers[0]), (of_upper, upper, readout.layers[1])):
        rows = [x[edges[0][edges[1] == row]].amax(dim=0) for row in range(len(own))]
        x = layer(torch.cat([torch.stack(rows), own], dim=1))
    torch.testing.assert_close(found, x.amax(dim=0, keepdim=True))


def test_a_store_without_superclusters(make_sizes):
    message = (
        r"model/readout=supercluster reads superclusters, the graph store has none; set graph/superclusters=linked"
    )
    with pytest.raises(ConfigError, match=message):
        SuperclusterPooled(4, make_sizes())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"within": []}, r"model\.readout\.within must be some of max, mean, sum, found \[\]"),
        ({"across": ["median"]}, r"model\.readout\.across must be some of max, mean, sum, found \['median'\]"),
        ({"channels": 0}, r"model\.readout\.channels must be one or more numbers, each at least 1, found \[0\]"),
    ],
)
def test_settings_that_cannot_work(changes, message, make_sizes):
    with pytest.raises(ConfigError, match=message):
        SuperclusterPooled(4, make_sizes(superlevels=1), **changes)
