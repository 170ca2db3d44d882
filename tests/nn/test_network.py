"""Whole networks, as configs/model composes them."""

from functools import partial

import pytest
import torch
from torch_geometric.data import Batch

from locgraph.nn.cluster_encoders.continuous_filter import ContinuousFilter
from locgraph.nn.cluster_encoders.point_transformer import PointTransformerClusters
from locgraph.nn.heads.classify import ClassifyFov
from locgraph.nn.loc_encoders.none import NoEncoder
from locgraph.nn.loc_encoders.point_transformer import PointTransformerEncoder
from locgraph.nn.network import Network
from locgraph.nn.readouts.attention import Attention
from locgraph.nn.readouts.pooled import Pooled

LOCALISATIONS = partial(PointTransformerEncoder, channels=(6, 8))
PARTS = {
    "clusternet": (NoEncoder, partial(PointTransformerClusters, channels=(6, 8)), Pooled),
    "locclusternet": (LOCALISATIONS, partial(PointTransformerClusters, channels=(6, 8)), Pooled),
    "invariantnet": (NoEncoder, partial(ContinuousFilter, channels=8), partial(Pooled, reduce=("mean", "max"))),
    "mixed": (LOCALISATIONS, partial(ContinuousFilter, channels=8), partial(Attention, hidden=4)),
}
IDLE = ["attention.2.bias", "weigh.3.bias"]  # a constant added to all scores leaves a softmax as it is

pytestmark = pytest.mark.parametrize("name", PARTS)


@pytest.fixture
def make_network(make_sizes):
    def make(name, dimensions=2, features=2, cluster_features=True):
        torch.manual_seed(0)
        return Network(make_sizes(dimensions, features), *PARTS[name], partial(ClassifyFov, hidden=8), cluster_features)

    return make


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("features", "cluster_features"), [(0, True), (2, True), (2, False)])
@pytest.mark.parametrize("sizes", [((6, 5, 9), (4,)), ((1,),), ((7,),)], ids=["two", "one localisation", "one cluster"])
def test_logits_of_each_graph(name, dimensions, features, cluster_features, sizes, make_network, make_batch):
    batch = make_batch(*sizes, dimensions=dimensions, features=features)

    logits = make_network(name, dimensions, features, cluster_features)(batch)

    assert logits.shape == (len(sizes), 3)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_batch_equals_graphs_one_by_one(name, dimensions, make_network, make_graph):
    graphs = [make_graph(seed, sizes, dimensions) for seed, sizes in enumerate([(6, 9, 4), (1,), (5, 1, 30), (3, 3)])]
    network = make_network(name, dimensions)

    alone = torch.cat([network(Batch.from_data_list([graph])) for graph in graphs])

    torch.testing.assert_close(network(Batch.from_data_list(graphs)), alone, atol=1e-5, rtol=0)


def test_order_of_clusters_changes_nothing(name, make_network, make_graph):
    graph, network = make_graph(), make_network(name)
    before = network(Batch.from_data_list([graph]))
    order = torch.tensor([2, 0, 3, 1])
    for key in ("pos", "x"):
        graph["cluster"][key] = graph["cluster"][key][order]
    for edge_type in graph.edge_types:
        edges = graph[edge_type].edge_index
        rows = [torch.argsort(order)[edges[row]] if edge_type[2 * row] == "cluster" else edges[row] for row in (0, 1)]
        graph[edge_type].edge_index = torch.stack(rows)

    torch.testing.assert_close(network(Batch.from_data_list([graph])), before, atol=1e-5, rtol=0)


def test_shift_changes_nothing_where_positions_enter_as_distances(name, make_network, make_graph):
    graph, network = make_graph(), make_network(name)
    before = network(Batch.from_data_list([graph]))
    for node_type in graph.node_types:
        graph[node_type].pos = graph[node_type].pos + 1.0
    after = network(Batch.from_data_list([graph]))

    same = torch.allclose(after, before, atol=1e-4)
    assert same is (name in ("invariantnet", "mixed"))


@pytest.mark.parametrize("coincident", [False, True])
def test_gradients_reach_all_parameters(name, coincident, make_network, make_batch, check_gradients):
    network = make_network(name)
    batch = make_batch((16, 15, 19, 17), (18, 14, 13), coincident=coincident)

    check_gradients(network, network(batch), idle=[*IDLE, *(["position.0.weight"] if coincident else [])])


def test_32_bits_under_autocast(name, make_network, make_batch, under_autocast):
    network, batch = make_network(name), make_batch()

    found = under_autocast(network, batch)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, network(batch), atol=0.1, rtol=0.1)


def test_same_batch_same_logits(name, make_network, make_batch):
    network, batch = make_network(name), make_batch()

    assert torch.equal(network(batch), network(batch))


def test_cluster_features_are_read_where_wanted(name, make_network, make_batch):
    for wanted in (True, False):
        network, batch = make_network(name, cluster_features=wanted), make_batch()
        before = network(batch)
        batch["cluster"].x = batch["cluster"].x + 1.0
        assert torch.equal(network(batch), before) is not wanted


def test_localisations_are_read_by_their_encoder_alone(name, make_network, make_batch):
    network, batch = make_network(name), make_batch()
    before = network(batch)
    for level in ("localisation", "localisation_1"):
        batch[level].pos = batch[level].pos * 1.5

    assert torch.equal(network(batch), before) is not network.uses_localisations
    assert network.uses_localisations == (name in ("locclusternet", "mixed"))


def test_logits_by_what_they_are_of(name, make_network, make_batch):
    network, batch = make_network(name), make_batch()

    assert network.predicts == ("field_of_view",)
    assert list(network.logits(batch)) == ["field_of_view"]
    assert torch.equal(network.logits(batch)["field_of_view"], network(batch))


def test_what_is_encoded(name, make_network, make_batch):
    network, batch = make_network(name), make_batch()

    encoded = network.encode(batch)

    assert encoded.graph is batch
    assert encoded.clusters.shape == (7, network.cluster_encoder.out_channels)
    assert torch.equal(encoded.fovs, network.embed(batch))
    sizes = [6, 8] if network.uses_localisations else []
    assert [level.shape[1] for level in encoded.levels] == sizes


def test_an_encoder_of_earlier_days_gives_clusters_alone(name, make_network, make_batch):
    network, batch = make_network(name), make_batch()
    before = network(batch)
    if network.uses_localisations:
        del network.loc_encoder.level_channels

    assert network.encode(batch).levels == []
    assert torch.equal(network(batch), before)


def test_head_reads_the_embedding(name, make_network, make_batch):
    network, batch = make_network(name), make_batch()

    embedding = network.embed(batch)

    assert embedding.shape == (2, network.readout.out_channels)
    torch.testing.assert_close(network.head(embedding), network(batch))


def test_in_steps(name, make_network, make_batch):
    network, batch = make_network(name), make_batch()

    x, levels = network.describe(batch)
    encoded = network.encode_clusters(batch, x, levels)

    assert torch.equal(x[:, -2:], batch["cluster"].x)
    assert torch.equal(encoded.fovs, network.embed(batch))
    assert torch.equal(network.classify(encoded)["field_of_view"], network(batch))
