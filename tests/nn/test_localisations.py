"""Features and owners of localisations, interpolation between their levels, and checks of the levels."""

import pytest
import torch
from torch_geometric.data import Batch, HeteroData

from locgraph.errors import ConfigError
from locgraph.nn.localisations import (
    check_levels,
    check_stored,
    cluster_chunks,
    first_features,
    from_centre,
    interpolated,
    owners,
)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("features", [0, 2])
def test_first_features(dimensions, features, make_graph):
    graph = make_graph(dimensions=dimensions, features=features)
    owner = torch.repeat_interleave(torch.arange(4), torch.tensor([6, 5, 9, 7]))

    found = first_features(graph)

    assert torch.equal(owners(graph), owner)
    torch.testing.assert_close(found[:, :dimensions], graph["localisation"].pos - graph["cluster"].pos[owner])
    assert torch.equal(found[:, dimensions:], graph["localisation"].x)


def test_sampled_levels(make_graph):
    graph = make_graph()
    owner = torch.repeat_interleave(torch.arange(4), torch.tensor([3, 3, 5, 4]))

    assert torch.equal(owners(graph, 1), owner)
    torch.testing.assert_close(from_centre(graph, 1), graph["localisation_1"].pos - graph["cluster"].pos[owner])


def test_levels_that_are_not_stored(make_sizes):
    check_levels(make_sizes(), (8, 8, 8))
    check_stored(make_sizes(levels=1))
    with pytest.raises(ConfigError, match=r"the graphs have 1, found \[8, 8\]; .* 1 ratios"):
        check_levels(make_sizes(levels=1), (8, 8))
    with pytest.raises(ConfigError, match="prepare graphs with localisations=true"):
        check_stored(make_sizes(levels=0))


@pytest.fixture
def graph():
    """Six localisations on a line, 0 and 2 of them sampled; in the second cluster two, 6 of them sampled.

    Localisations 0, 1, 2 were pooled, 3 has a neighbour that was, 4 and 5 have none; 7 was not pooled.
    """
    made = HeteroData()
    made["cluster"].pos = torch.zeros(2, 2)
    x = torch.tensor([0.0, 1, 3, 4, 9, 9, 20, 21])
    made["localisation"].pos = torch.stack([x, torch.zeros(8)], dim=1)
    made["localisation_1"].pos = made["localisation"].pos[[0, 2, 6]]
    made["localisation", "pooled_into", "localisation_1"].edge_index = torch.tensor([[0, 1, 1, 2, 6], [0, 0, 1, 1, 2]])
    made["localisation", "near", "localisation"].edge_index = torch.tensor([[1, 2, 3, 5, 4], [0, 3, 4, 4, 5]])
    made["localisation", "in", "cluster"].edge_index = torch.tensor([list(range(8)), [0] * 6 + [1] * 2])
    made["localisation_1", "in", "cluster"].edge_index = torch.tensor([[0, 1, 2], [0, 0, 1]])
    return made


X = torch.tensor([[1.0, 10.0], [4.0, 40.0], [100.0, -1.0]])


def test_interpolation_by_hand(graph):
    found = interpolated(X, graph, 0)

    between = (X[0] / 1 + X[1] / 4) / (1 + 1 / 4)
    of_cluster = X[:2].mean(dim=0)
    expected = [X[0], between, X[1], X[1], of_cluster, of_cluster, X[2], X[2]]
    torch.testing.assert_close(found, torch.stack(expected), atol=1e-4, rtol=1e-4)


def test_what_is_the_same_everywhere_stays(make_batch):
    batch = make_batch((30, 25), (1,), (2, 60))
    for index in (1, 0):
        n = batch[f"localisation_{index + 1}"].num_nodes

        found = interpolated(torch.full((n, 3), 7.0), batch, index)

        torch.testing.assert_close(found, torch.full((len(batch[f"localisation{'_1' * index}"].pos), 3), 7.0))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_smooth_function_is_met_closely(dimensions, make_graph):
    graph = make_graph(sizes=(400,), dimensions=dimensions)
    values = graph["localisation_1"].pos[:, :1]

    found = interpolated(values, graph, 0)

    error = (found - graph["localisation"].pos[:, :1]).std() / values.std()
    assert error < (0.15 if dimensions == 2 else 0.35)
    sampled = graph["localisation_1"].parent
    torch.testing.assert_close(found[sampled], values, atol=1e-3, rtol=1e-3)


def test_coincident_localisations(make_batch):
    batch = make_batch((9, 12), coincident=True)
    x = torch.randn(batch["localisation_1"].num_nodes, 3).requires_grad_()

    found = interpolated(x, batch, 0)
    found.sum().backward()

    assert found.isfinite().all()
    assert x.grad.isfinite().all()


def test_rotation_and_batch_change_nothing(make_graph, map_positions, rotation):
    graphs = [make_graph(seed, sizes) for seed, sizes in enumerate([(16, 9), (1,), (5, 30)])]
    parts = [torch.randn(graph["localisation_1"].num_nodes, 4) for graph in graphs]
    expected = torch.cat([interpolated(x, graph, 0) for x, graph in zip(parts, graphs, strict=True)])

    batch = Batch.from_data_list(graphs)
    torch.testing.assert_close(interpolated(torch.cat(parts), batch, 0), expected)
    map_positions(batch, rotation(2))
    torch.testing.assert_close(interpolated(torch.cat(parts), batch, 0), expected, atol=1e-4, rtol=1e-3)


def test_interpolation_in_32_bits_under_autocast(graph, under_autocast):
    found = under_autocast(interpolated, X.bfloat16(), graph, 0)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, interpolated(X.bfloat16().float(), graph, 0))


@pytest.mark.parametrize("most", [1, 12, 20, 10**6])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_chunks_of_clusters_hold_what_the_batch_holds(most, dimensions, make_batch):
    batch = make_batch((6, 5, 9, 1), (8, 4), (3,), dimensions=dimensions)

    chunks = list(cluster_chunks(batch, most))

    if most == 10**6:
        assert chunks == [batch]
        return
    sizes = torch.bincount(owners(batch), minlength=7).tolist()
    assert all(chunk["localisation"].num_nodes <= max(most, max(sizes)) for chunk in chunks)
    assert all(chunk["localisation"].num_nodes <= most or chunk["cluster"].num_nodes == 1 for chunk in chunks)
    for name in ("cluster", "localisation", "localisation_1", "localisation_2"):
        for key in ("pos", "x", "batch"):
            if key in batch[name]:
                assert torch.equal(torch.cat([chunk[name][key] for chunk in chunks]), batch[name][key])
    for edge_type in batch.edge_types:
        if edge_type[0] == "cluster":
            continue
        source = target = 0
        edges = []
        for chunk in chunks:
            edges.append(chunk[edge_type].edge_index + torch.tensor([[source], [target]]))
            source, target = source + chunk[edge_type[0]].num_nodes, target + chunk[edge_type[2]].num_nodes
        assert torch.equal(torch.cat(edges, dim=1), batch[edge_type].edge_index)


def test_localisations_in_any_order_are_not_split(make_graph, reorder):
    graph = make_graph(sizes=(6, 5))
    reorder(graph, "localisation", torch.arange(10, -1, -1))

    assert [chunk is graph for chunk in cluster_chunks(graph, 3)] == [True]
