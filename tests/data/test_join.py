"""Joining graphs: the same as PyG's own batch."""

import pytest
import torch
from torch_geometric.data import Batch

from locgraph.data.dataset import EvaluationSet
from locgraph.data.join import join
from locgraph.data.scaling import Scaler
from locgraph.errors import DataError


@pytest.mark.parametrize(
    "settings",
    [{}, {"dimensions": 3}, {"localisations": False}, {"scales": (60.0, 250.0)}, {"ratios": ()}],
    ids=["2D", "3D", "clusters alone", "superclusters", "no levels"],
)
@pytest.mark.parametrize("sizes", [((6, 1, 9), (1,), (2, 2)), ((3, 4),)], ids=["three graphs", "one graph"])
def test_it_equals_the_batch_of_pyg(make_graph, settings, sizes):
    pairs = enumerate(zip("abc", sizes, strict=False))
    raw = {name: [make_graph(seed=seed, sizes=each, **settings)] for seed, (name, each) in pairs}
    data = EvaluationSet(list(raw), [0] * len(raw), raw.__getitem__, Scaler(10.0, {}))
    graphs = [data[index].graphs[0] for index in range(len(raw))]
    before = [[store.to_dict() for store in graph.stores] for graph in graphs]

    found, expected = join(graphs), Batch.from_data_list(graphs)

    assert found.num_graphs == expected.num_graphs
    assert found.node_types == expected.node_types
    assert found.edge_types == expected.edge_types
    for one, other in zip(found.stores, expected.stores, strict=True):
        assert set(one.keys()) == set(other.keys())
        for key in other.keys():  # noqa: SIM118 (a storage is no mapping)
            assert torch.equal(one[key], other[key]), key
            assert one[key].dtype == other[key].dtype
    for graph, stores in zip(graphs, before, strict=True):
        for store, kept in zip(graph.stores, stores, strict=True):
            assert all(torch.equal(store[key], value) for key, value in kept.items())


def test_graphs_that_hold_different_things_are_not_joined(make_graph):
    with pytest.raises(DataError, match=r"graphs of one batch hold different things.*'localisation'.*same settings"):
        join([clean(make_graph()), clean(make_graph(localisations=False))])


def clean(graph):
    return EvaluationSet(["a"], [0], {"a": [graph]}.__getitem__, Scaler(10.0, {}))[0].graphs[0]
