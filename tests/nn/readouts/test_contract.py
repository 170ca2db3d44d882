"""What holds for every readout that configs/model/readout names."""

from functools import partial

import pytest
import torch
from torch_geometric.data import Batch

from locgraph.cli.app import config_dir
from locgraph.graphs.descriptors import Covariance
from locgraph.nn.readouts.call import read_out
from locgraph.nn.readouts.pooled import Pooled

NAMES = sorted(path.stem for path in (config_dir() / "model" / "readout").glob("*.yaml"))
IDLE = {"attention": ["weigh.3.bias"]}
"""A constant added to all scores leaves a softmax as it is."""

every_readout = pytest.mark.parametrize("name", NAMES)


def sizes_for(name, *sizes):
    """The clusters of each graph; a single one where the readout wants it so."""
    return tuple(each[:1] for each in sizes) if name == "single_cluster" else sizes


@pytest.fixture
def make_readout(make_part, make_sizes):
    def make(name, dimensions=2):
        numbers = {"in_channels": 5, "sizes": make_sizes(dimensions, superlevels=2, descriptors=dimensions)}
        other = {"readout": partial(Pooled, reduce=("mean", "max"))} if name == "with_descriptors" else {}
        return make_part("readout", name, numbers, **other)

    return make


@pytest.fixture
def make_graphs(make_graph):
    def make(name, *sizes, dimensions=2):
        settings = {"scales": (0.5, 2.0), "descriptors": {"covariance": Covariance()}, "dimensions": dimensions}
        return [make_graph(seed, each, **settings) for seed, each in enumerate(sizes_for(name, *sizes))]

    return make


def vectors(graphs):
    return torch.randn(
        sum(graph["cluster"].num_nodes for graph in graphs), 5, generator=torch.Generator().manual_seed(1)
    )


@every_readout
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("sizes", [((6, 5, 9), (4,)), ((1,),), ((7,),)], ids=["two", "one localisation", "one cluster"])
def test_one_vector_for_each_graph(name, dimensions, sizes, make_readout, make_graphs):
    readout, graphs = make_readout(name, dimensions), make_graphs(name, *sizes, dimensions=dimensions)

    found = read_out(readout, vectors(graphs), Batch.from_data_list(graphs))

    assert found.shape == (len(sizes), readout.out_channels)
    assert found.dtype == torch.float32
    assert found.isfinite().all()


@every_readout
def test_batch_equals_graphs_one_by_one(name, make_readout, make_graphs):
    readout, graphs = make_readout(name), make_graphs(name, (6, 9, 4, 5, 3), (1,), (5, 1, 30), (3, 3))
    x = vectors(graphs)
    parts = x.split([graph["cluster"].num_nodes for graph in graphs])

    alone = [read_out(readout, part, Batch.from_data_list([graph])) for part, graph in zip(parts, graphs, strict=True)]

    together = read_out(readout, x, Batch.from_data_list(graphs))
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


@every_readout
def test_order_of_clusters_changes_nothing(name, make_readout, make_graphs, reorder):
    readout, (graph,) = make_readout(name), make_graphs(name, (6, 5, 9, 7))
    x = vectors([graph])
    before = read_out(readout, x, Batch.from_data_list([graph]))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(3))
    reorder(graph, "cluster", order)

    torch.testing.assert_close(read_out(readout, x[order], Batch.from_data_list([graph])), before, atol=1e-5, rtol=1e-5)


@every_readout
def test_an_empty_graph_changes_no_other_and_has_a_finite_vector(name, make_readout, make_graphs, emptied):
    readout, graphs = make_readout(name), make_graphs(name, (6, 5), (4, 3))
    x = vectors(graphs)
    expected = read_out(readout, x, Batch.from_data_list(graphs))

    found = read_out(readout, x.requires_grad_(), Batch.from_data_list([graphs[0], emptied(graphs[0]), graphs[1]]))
    found.sum().backward()

    torch.testing.assert_close(found[[0, 2]], expected)
    assert found[1].isfinite().all()
    assert x.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in readout.parameters())


@every_readout
def test_gradients_reach_all_parameters(name, make_readout, make_graphs, check_gradients):
    readout, graphs = make_readout(name), make_graphs(name, (6, 9, 4, 5, 3), (5, 1, 30))

    if any(True for _ in readout.parameters()):
        found = read_out(readout, vectors(graphs), Batch.from_data_list(graphs))
        check_gradients(readout, found, idle=IDLE.get(name, []))


@every_readout
def test_32_bits_under_autocast(name, make_readout, make_graphs):
    readout, graphs = make_readout(name), make_graphs(name, (6, 9, 4, 5, 3), (5, 1, 30))
    batch, x = Batch.from_data_list(graphs), vectors(graphs)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = read_out(readout, x, batch)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, read_out(readout, x, batch), atol=0.1, rtol=0.1)
