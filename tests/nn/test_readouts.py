"""Readouts: what holds for all that configs/model/readout names, and each by hand."""

from functools import partial

import pytest
import torch
from torch_geometric.data import Batch, HeteroData
from torch_geometric.nn.aggr import SetTransformerAggregation

from locgraph.api.config import config_dir
from locgraph.errors import ConfigError, DataError
from locgraph.graphs.descriptors import Covariance
from locgraph.nn.messages import AttentionSum
from locgraph.nn.readouts import (
    Attention,
    Pooled,
    SetTransformer,
    SingleCluster,
    SuperclusterPooled,
    WithDescriptors,
)

NAMES = sorted(path.stem for path in (config_dir() / "model" / "readout").glob("*.yaml"))
IDLE = {"attention": ["weigh.3.bias"], "set_transformer": ["in_proj_bias"]}
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

    found = readout(vectors(graphs), Batch.from_data_list(graphs))

    assert found.shape == (len(sizes), readout.out_channels)
    assert found.dtype == torch.float32
    assert found.isfinite().all()


@every_readout
def test_batch_equals_graphs_one_by_one(name, make_readout, make_graphs):
    readout, graphs = make_readout(name), make_graphs(name, (6, 9, 4, 5, 3), (1,), (5, 1, 30), (3, 3))
    x = vectors(graphs)
    parts = x.split([graph["cluster"].num_nodes for graph in graphs])

    alone = [readout(part, Batch.from_data_list([graph])) for part, graph in zip(parts, graphs, strict=True)]

    together = readout(x, Batch.from_data_list(graphs))
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


@every_readout
def test_order_of_clusters_changes_nothing(name, make_readout, make_graphs, reorder):
    readout, (graph,) = make_readout(name), make_graphs(name, (6, 5, 9, 7))
    x = vectors([graph])
    before = readout(x, Batch.from_data_list([graph]))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(3))
    reorder(graph, "cluster", order)

    torch.testing.assert_close(readout(x[order], Batch.from_data_list([graph])), before, atol=1e-5, rtol=1e-5)


@every_readout
def test_an_empty_graph_changes_no_other_and_has_a_finite_vector(name, make_readout, make_graphs, emptied):
    readout, graphs = make_readout(name), make_graphs(name, (6, 5), (4, 3))
    x = vectors(graphs)
    expected = readout(x, Batch.from_data_list(graphs))

    found = readout(x.requires_grad_(), Batch.from_data_list([graphs[0], emptied(graphs[0]), graphs[1]]))
    found.sum().backward()

    torch.testing.assert_close(found[[0, 2]], expected)
    assert found[1].isfinite().all()
    assert x.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in readout.parameters())


@every_readout
def test_gradients_reach_all_parameters(name, make_readout, make_graphs, check_gradients):
    readout, graphs = make_readout(name), make_graphs(name, (6, 9, 4, 5, 3), (5, 1, 30))

    if any(True for _ in readout.parameters()):
        found = readout(vectors(graphs), Batch.from_data_list(graphs))
        check_gradients(readout, found, idle=IDLE.get(name, []))


@every_readout
def test_32_bits_under_autocast(name, make_readout, make_graphs):
    readout, graphs = make_readout(name), make_graphs(name, (6, 9, 4, 5, 3), (5, 1, 30))
    batch, x = Batch.from_data_list(graphs), vectors(graphs)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = readout(x, batch)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, readout(x, batch), atol=0.1, rtol=0.1)


OF_GRAPHS, FULL = torch.tensor([0, 0, 2, 2, 2]), torch.tensor([0, 0, 0, 1])


X = torch.tensor([[1.0, -2.0], [3.0, -4.0], [-5.0, 7.0]])
BATCH = torch.tensor([0, 0, 2])
EXPECTED = {
    "max": [[3.0, -2.0], [0.0, 0.0], [-5.0, 7.0]],
    "mean": [[2.0, -3.0], [0.0, 0.0], [-5.0, 7.0]],
    "sum": [[4.0, -6.0], [0.0, 0.0], [-5.0, 7.0]],
}


@pytest.mark.parametrize("reduce", [["max"], ["mean"], ["sum"], ["mean", "max"], ["sum", "max", "mean"]])
def test_reductions_side_by_side(reduce, make_sizes):
    readout = Pooled(2, make_sizes(), reduce)

    expected = torch.cat([torch.tensor(EXPECTED[name]) for name in reduce], dim=1)
    assert torch.equal(readout.reduce(X, BATCH, 3), expected)
    assert readout.out_channels == expected.shape[1]


@pytest.mark.parametrize("by_channel", [False, True])
def test_attention_is_a_weighted_sum(by_channel, make_sizes):
    torch.manual_seed(0)
    readout, x = Attention(4, make_sizes(), hidden=6, by_channel=by_channel), torch.randn(3, 4)

    found = readout.reduce(x, BATCH, 3)

    weights = torch.softmax(readout.weigh(x[:2]), dim=0)
    torch.testing.assert_close(found[0], (weights * x[:2]).sum(dim=0))
    torch.testing.assert_close(found[2], x[2])
    assert found[1].tolist() == [0.0] * 4
    torch.testing.assert_close(readout.reduce(x[:1].expand(3, -1), BATCH, 3)[0], x[0])


def test_the_vector_of_the_only_cluster(make_sizes):
    x = torch.randn(2, 3)

    found = SingleCluster(3, make_sizes()).reduce(x, torch.tensor([0, 2]), 3)

    assert torch.equal(found, torch.stack([x[0], torch.zeros(3), x[1]]))


def test_several_clusters_are_refused_where_one_is_expected(make_sizes):
    with pytest.raises(DataError, match="found one of 3; prepare them"):
        SingleCluster(3, make_sizes()).reduce(torch.randn(4, 3), torch.tensor([0, 1, 1, 1]), 2)


SMALL_SET = {"channels": 8, "heads": 2, "inducing": 3}


@pytest.mark.parametrize("changes", [{}, {"layers": 0}, {"layers": 2}, {"seeds": 3}])
def test_set_transformer_reads_each_graph_alone_in_any_order(changes, make_sizes, check_gradients):
    torch.manual_seed(0)
    readout, x, batch = SetTransformer(4, make_sizes(), **SMALL_SET | changes), torch.randn(5, 4), OF_GRAPHS

    found = readout.reduce(x, batch, 3)

    assert found.shape == (3, readout.out_channels) == (3, 8 * changes.get("seeds", 1))
    for graph in (0, 2):
        part = x[batch == graph].flip(0)
        alone = readout.reduce(part, torch.zeros(len(part), dtype=torch.int64), 1)
        torch.testing.assert_close(found[graph], alone[0], atol=1e-5, rtol=1e-5)
    check_gradients(readout, found, idle=["in_proj_bias"])


def test_set_transformer_without_blocks_is_that_of_pyg(make_sizes):
    torch.manual_seed(0)
    readout = SetTransformer(4, make_sizes(), **SMALL_SET, layers=0)
    other = SetTransformerAggregation(8, 1, 0, 0, heads=2, layer_norm=True)
    other.load_state_dict(readout.aggregation.state_dict())
    x = torch.randn(4, 4)

    torch.testing.assert_close(readout.reduce(x, FULL, 2), other(readout.lift(x), FULL))


def test_set_transformer_of_no_cluster_at_all(make_sizes):
    readout = SetTransformer(4, make_sizes(), **SMALL_SET)

    assert readout.reduce(torch.empty(0, 4), torch.empty(0, dtype=torch.int64), 2).tolist() == [[0.0] * 8] * 2


def test_large_values_under_autocast(make_sizes, under_autocast):
    readout = SetTransformer(4, make_sizes(), **SMALL_SET)

    found = under_autocast(readout.reduce, 1e4 * torch.randn(5, 4), OF_GRAPHS, 3)

    assert found.dtype == torch.float32
    assert found.isfinite().all()


@pytest.fixture
def linked():
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


CLUSTERS = torch.tensor([[1.0, 2.0], [3.0, -2.0], [7.0, 9.0], [-4.0, 4.0]])


def test_superclusters_by_hand(linked, make_sizes):
    readout = SuperclusterPooled(2, make_sizes(superlevels=1), 6, within=("mean", "max"), across=("sum", "max"))

    found = readout(CLUSTERS, linked)

    own = [0.5] * 3
    first, second, third = (
        readout.layers[0](torch.tensor(row))
        for row in ([2.0, 0, 3, 2, *own], [7.0, 9, 7, 9, *own], [-4.0, 4, -4, 4, *own])
    )
    torch.testing.assert_close(found[0], torch.cat([first + second, torch.maximum(first, second)]))
    torch.testing.assert_close(found[1], torch.cat([third, third]))


def test_clusters_count_within_their_supercluster(linked, make_sizes):
    readout = SuperclusterPooled(2, make_sizes(superlevels=1), 6, within=("mean",), across=("mean",))
    before = readout(CLUSTERS, linked)

    swapped = readout(CLUSTERS[[1, 0, 2, 3]], linked)
    moved = readout(CLUSTERS[[0, 2, 1, 3]], linked)

    torch.testing.assert_close(swapped, before)
    assert (moved[0] - before[0]).abs().max() > 1e-3


def test_superclusters_scale_by_scale(make_graph, make_sizes):
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


@pytest.fixture
def described(make_batch):
    return make_batch((6, 5, 9), (4, 3), descriptors={"covariance": Covariance()}, scales=(1.0,))


def test_descriptors_stand_beside_the_other_readout(described, make_sizes):
    sizes = make_sizes(descriptors=2, superlevels=1)
    readout, x = WithDescriptors(3, sizes, partial(Pooled, reduce=("max",)), channels=6), torch.randn(5, 3)

    found = readout(x, described)

    assert readout.out_channels == 9
    assert torch.equal(found[:, :3], torch.stack([x[:3].amax(dim=0), x[3:].amax(dim=0)]))
    torch.testing.assert_close(found[:, 3:], readout.describe(described["field_of_view"].x))


def test_descriptors_of_one_fov_change_its_vector_alone(described, make_sizes):
    readout, x = WithDescriptors(3, make_sizes(descriptors=2), Pooled), torch.randn(5, 3)
    before = readout(x, described)
    described["field_of_view"].x = described["field_of_view"].x + torch.tensor([[0.0, 0.0], [1.0, 0.0]])

    after = readout(x, described)

    torch.testing.assert_close(after[0], before[0])
    assert (after[1] - before[1]).abs().max() > 1e-3


def test_around_a_readout_that_reads_the_graph(described, make_sizes):
    sizes = make_sizes(descriptors=2, superlevels=1)
    readout = WithDescriptors(3, sizes, partial(SuperclusterPooled, channels=4), channels=6)

    assert readout(torch.randn(5, 3), described).shape == (2, readout.out_channels) == (2, 14)


def test_dropout_of_descriptors_in_training_alone(described, make_sizes):
    torch.manual_seed(0)
    readout, x = WithDescriptors(3, make_sizes(descriptors=2), Pooled, dropout=0.9), torch.randn(5, 3)

    assert not torch.equal(readout(x, described), readout(x, described))
    readout.eval()
    assert torch.equal(readout(x, described), readout(x, described))


@pytest.mark.parametrize(
    ("make", "setting", "value"),
    [
        (Pooled, "reduce", ["max", "median"]),
        (Pooled, "reduce", []),
        (Attention, "hidden", 0),
        (SetTransformer, "heads", 3),
        (SetTransformer, "heads", 0),
        (SetTransformer, "layers", -1),
        (SetTransformer, "seeds", 0),
        (SetTransformer, "inducing", 0),
        (SuperclusterPooled, "within", []),
        (SuperclusterPooled, "across", ["median"]),
        (SuperclusterPooled, "channels", 0),
        (partial(WithDescriptors, readout=Pooled), "channels", 0),
        (partial(WithDescriptors, readout=Pooled), "dropout", 1.0),
    ],
)
def test_settings_out_of_range(make, setting, value, make_sizes):
    shown = "median" if "median" in str(value) else str(value).replace("[", r"\[")
    with pytest.raises(ConfigError, match=shown) as error:
        make(4, make_sizes(superlevels=1, descriptors=2), **{setting: value})
    assert error.value.setting == setting


def test_settings_of_the_other_readout_are_named(make_sizes):
    with pytest.raises(ConfigError) as error:
        WithDescriptors(4, make_sizes(descriptors=2), partial(Pooled, reduce=[]))
    assert error.value.setting == "readout.reduce"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (SuperclusterPooled, "prepare graphs with superclusters=linked"),
        (partial(WithDescriptors, readout=Pooled), "prepare graphs with descriptors=standard"),
    ],
)
def test_a_store_without_what_is_read(make, message, make_sizes):
    with pytest.raises(ConfigError, match=message):
        make(4, make_sizes())


def test_attention_is_the_module_that_weighs_clusters(make_sizes):
    sizes = make_sizes(descriptors=2)
    alone = {make: make(4, sizes).attention for make in (Pooled, Attention, SetTransformer)}
    beside = WithDescriptors(4, sizes, Attention)

    assert alone[Pooled] is None
    assert isinstance(alone[Attention], AttentionSum)
    assert isinstance(alone[SetTransformer], torch.nn.MultiheadAttention)
    assert beside.attention is beside.readout.attend
