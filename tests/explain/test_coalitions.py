"""Sets of clusters: the graphs that they make, and what a network says of them."""

import itertools

import pytest
import torch
from torch_geometric.data import Batch

from locgraph import schema
from locgraph.data.subgraph import keep_nodes
from locgraph.explain.coalitions import Coalitions, subgraphs

LEVELS = ("localisation", "localisation_1", "localisation_2")


def every_mask(n):
    return torch.tensor(list(itertools.product([False, True], repeat=n)))


def one_by_one(graph, mask):
    """The subgraph of one mask, by the function that leaves out localisations in training."""
    single = graph.get_example(0)
    masks = {"cluster": mask}
    for index, name in enumerate(LEVELS):
        masks[name] = mask[single[schema.level_in(index)].edge_index[1]]
    below = mask
    for index, name in enumerate(("supercluster", "supercluster_1")):
        members, holders = single[schema.superlevel_in(index)].edge_index
        below = masks[name] = torch.tensor(
            [bool(below[members[holders == i]].any()) for i in range(single[name].num_nodes)]
        )
    return keep_nodes(single, LEVELS, masks)


def check_same(found, expected):
    assert found.num_graphs == expected.num_graphs
    assert found.node_types == expected.node_types
    assert found.edge_types == expected.edge_types
    for name in (*expected.node_types, *expected.edge_types):
        assert {*found[name].keys()} == {*expected[name].keys()}
        for key, value in expected[name].items():
            assert torch.equal(found[name][key], value), (name, key)
            assert found[name][key].dtype == value.dtype


def test_copies_equal_those_made_one_by_one(make_full_example):
    graph = make_full_example().graph
    assert len(graph["supercluster"].pos) > 1, "a supercluster has to go with its clusters"
    masks = every_mask(5)

    found = subgraphs(graph, masks)

    check_same(found, Batch.from_data_list([one_by_one(graph, mask) for mask in masks]))
    assert found["cluster"].ptr.diff().tolist() == masks.sum(dim=1).tolist()
    assert found["field_of_view"].num_nodes == len(masks)


def test_the_graph_stays_as_it_is(make_full_example):
    graph = make_full_example().graph
    before = graph.clone()

    subgraphs(graph, every_mask(5))

    check_same(graph, before)


def test_no_copies(make_full_example):
    found = subgraphs(make_full_example().graph, torch.zeros((0, 5), dtype=torch.bool))
    assert found.num_graphs == 0
    assert found["cluster"].num_nodes == found["localisation"].num_nodes == 0


def test_values_by_hand(make_example, additive):
    weights = torch.tensor([0.1, -0.2, 0.05, 0.3])
    example = make_example(4, features=torch.stack([weights, weights], dim=1))
    masks = every_mask(4)

    coalitions = Coalitions(additive, example.graph, 1)

    expected = 0.5 + masks.float() @ weights
    torch.testing.assert_close(coalitions.values(masks), expected)
    assert coalitions.values(masks).dtype == torch.float32
    assert coalitions.whole == pytest.approx(0.75)
    torch.testing.assert_close(Coalitions(additive, example.graph, 0).values(masks), 1 - expected)


def test_nothing_is_worth_a_guess(make_example, by_hand):
    """A network that has an opinion of an empty graph is not asked for it."""
    network = by_hand(lambda graph: torch.full((graph.num_graphs,), 5.0))
    coalitions = Coalitions(network, make_example(3).graph, 1)

    assert coalitions.empty == coalitions.values(torch.zeros((1, 3), dtype=torch.bool)) == 0.5
    assert coalitions.n_evaluated == 1


def test_no_set_is_evaluated_twice(make_example, additive):
    coalitions = Coalitions(additive, make_example(4).graph, 1)
    masks = every_mask(4)
    first = coalitions.values(torch.cat([masks[3:9], masks[3:9]]))

    assert coalitions.n_evaluated == 1 + 6
    calls = additive.calls
    assert torch.equal(coalitions.values(masks[3:9]), first[:6])
    assert additive.calls == calls
    coalitions.values(masks)
    assert coalitions.n_evaluated == 15


@pytest.mark.parametrize(("max_clusters", "calls"), [(32, 1), (16, 2), (8, 4), (4, 9), (1, 14)])
def test_batches_are_bounded(max_clusters, calls, make_example, additive):
    """The 14 sets that are neither all of four clusters nor none hold 28 clusters."""
    coalitions = Coalitions(additive, make_example(4).graph, 1, max_clusters)
    expected = Coalitions(additive, make_example(4).graph, 1).values(every_mask(4))
    additive.calls = 0

    torch.testing.assert_close(coalitions.values(every_mask(4)), expected)
    assert additive.calls == calls


def test_localisations_fill_a_batch_too(make_full_example, additive, monkeypatch):
    monkeypatch.setattr("locgraph.explain.coalitions._MAX_ROWS", 100)
    coalitions = Coalitions(additive, make_full_example().graph, 1)
    additive.calls = 0
    coalitions.values(every_mask(5))
    assert additive.calls > 10


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("invariantnet", ()),
        ("locclusternet", ()),
        ("hgt", ("model/readout=supercluster",)),
        ("invariantnet", ("model/readout=with_descriptors", "model/readout@model.readout.readout=attention")),
    ],
)
def test_real_networks_see_the_same_alone_and_together(name, overrides, make_network, make_full_example):
    network, graph = make_network(name, *overrides), make_full_example().graph
    masks = every_mask(5)[1:]
    with torch.no_grad():
        alone = torch.cat([network(Batch.from_data_list([one_by_one(graph, mask)])) for mask in masks])

    coalitions = Coalitions(network, graph, 2)

    torch.testing.assert_close(coalitions.values(masks), alone.softmax(dim=1)[:, 2], atol=1e-5, rtol=0)
    assert coalitions.values(masks).std() > 1e-4
    assert not coalitions.values(masks).requires_grad
