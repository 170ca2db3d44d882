"""Localisations of each cluster to one vector."""

import pytest
import torch
from torch_geometric.data import Batch

from locgraph.errors import ConfigError
from locgraph.models.loc_encoders.point_transformer import PointTransformerEncoder

IDLE = ["attention.2.bias"]  # a constant added to all scores leaves the softmax as it is


@pytest.fixture
def make_encoder(make_sizes):
    def make(dimensions=2, features=2, channels=(6, 7, 8)):
        torch.manual_seed(0)
        return PointTransformerEncoder(make_sizes(dimensions, features), channels)

    return make


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("channels", [(6,), (6, 7, 8)])
@pytest.mark.parametrize("sizes", [(9, 12), (10,), (1, 1), (1,)])
def test_one_vector_for_each_cluster(dimensions, features, channels, sizes, make_encoder, make_batch):
    batch = make_batch(sizes, dimensions=dimensions, features=features)

    found = make_encoder(dimensions, features, channels)(batch)

    assert found.shape == (len(sizes), channels[-1])
    assert found.dtype == torch.float32
    assert found.isfinite().all()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_batch_equals_graphs_one_by_one(dimensions, make_encoder, make_graph):
    graphs = [make_graph(seed, sizes, dimensions) for seed, sizes in enumerate([(6, 9), (1,), (5, 1, 30)])]
    encoder = make_encoder(dimensions)

    alone = torch.cat([encoder(Batch.from_data_list([graph])) for graph in graphs])

    torch.testing.assert_close(encoder(Batch.from_data_list(graphs)), alone, atol=1e-5, rtol=0)


def test_a_cluster_does_not_hear_the_others(make_encoder, make_graph):
    graph, encoder = make_graph(sizes=(9, 12)), make_encoder()
    before = encoder(graph)
    for level in ("localisation", "localisation_1", "localisation_2"):
        others = graph[level, "in", "cluster"].edge_index[1] == 1
        graph[level].pos = graph[level].pos + others[:, None] * 5.0

    after = encoder(graph)

    torch.testing.assert_close(after[0], before[0])
    assert (after[1] - before[1]).abs().max() > 1e-3


def test_shift_changes_nothing(make_encoder, make_graph):
    graph, encoder = make_graph(), make_encoder()
    before = encoder(graph)
    for node_type in graph.node_types:
        graph[node_type].pos = graph[node_type].pos + 2.0

    torch.testing.assert_close(encoder(graph), before, atol=1e-4, rtol=1e-4)


def test_order_of_localisations_changes_nothing(make_encoder, make_graph):
    graph, encoder = make_graph(), make_encoder()
    before = encoder(graph)
    for level in ("localisation_2", "localisation_1", "localisation"):
        n = graph[level].num_nodes
        order = torch.randperm(n, generator=torch.Generator().manual_seed(1))
        new = torch.argsort(order)
        for key in ("pos", "x"):
            if key in graph[level]:
                graph[level][key] = graph[level][key][order]
        for edge_type in graph.edge_types:
            edges = graph[edge_type].edge_index
            rows = [new[edges[row]] if edge_type[2 * row] == level else edges[row] for row in (0, 1)]
            # edges out of a level stay in the order of their source, as the graph store keeps them
            order_of_edges = torch.argsort(rows[0]) if edge_type[1] == "in" else slice(None)
            graph[edge_type].edge_index = torch.stack(rows)[:, order_of_edges]

    torch.testing.assert_close(encoder(graph), before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("coincident", [False, True])
def test_gradients_reach_all_parameters(dimensions, coincident, make_encoder, make_batch, check_gradients):
    encoder = make_encoder(dimensions)
    batch = make_batch((20, 30), dimensions=dimensions, coincident=coincident)

    check_gradients(encoder, encoder(batch), idle=[*IDLE, *(["position.0.weight"] if coincident else [])])


def test_32_bits_under_autocast(make_encoder, make_batch, under_autocast):
    encoder, batch = make_encoder(), make_batch()

    found = under_autocast(encoder, batch)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, encoder(batch), atol=0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ((8,) * 4, "asks for 4 levels of localisations, the graph store has 3; set .* graph.ratios to 3 ratios"),
        ((), "model.loc_encoder.channels must be one or more numbers"),
        ((8, 0), r"each at least 1, found \[8, 0\]"),
    ],
)
def test_channels_that_cannot_work(channels, message, make_encoder):
    with pytest.raises(ConfigError, match=message):
        make_encoder(channels=channels)
