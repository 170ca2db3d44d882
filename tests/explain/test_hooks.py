"""Messages that are recorded and weighed on their way."""

import copy

import pytest
import torch

from locgraph.explain.base import n_clusters
from locgraph.explain.hooks import cluster_weights, edge_messages, edge_weights, recorded

NEAR = ("cluster", "near", "cluster")
HEARING = [
    *("angular_filter", "chiral_filter", "continuous_filter", "edge_conv", "gatv2", "gin", "graph_transformer"),
    *("hgt", "point_net", "point_transformer"),
]
WITH_OTHERS = {"edge_conv", "point_net", "hgt"}
"""Encoders in which a cluster without edges hears itself or others: a message of 0 is not the same as none."""


def hooks(network):
    return [hook for module in network.modules() for hook in module._forward_hooks.values()]


@pytest.fixture
def case(request, make_network, make_full_example):
    network = make_network("invariantnet", f"model/cluster_encoder={request.param}")
    return network, make_full_example().graph


every_hearing = pytest.mark.parametrize("case", HEARING, indirect=True)


def with_edges(graph, kept):
    changed = copy.copy(graph)
    changed[NEAR].edge_index = graph[NEAR].edge_index[:, kept]
    return changed


@torch.no_grad()
@every_hearing
def test_each_layer_lets_its_messages_through_once(case):
    network, graph = case
    count = graph[NEAR].num_edges
    seen = []

    def see(module, inputs, output):
        seen.append((id(module), inputs[1][:, :count]))

    for part in edge_messages(network):
        part.register_forward_hook(see)
    network(graph)

    assert len(seen) == len(network.cluster_encoder.layers)
    assert len({name for name, _ in seen}) == len(seen)
    assert all(torch.equal(edges, graph[NEAR].edge_index) for _, edges in seen)


def test_an_encoder_without_edges_has_no_messages(make_network):
    assert edge_messages(make_network("clustermlp")) == []


def test_messages_within_a_localisation_encoder_are_not_meant(make_network):
    assert edge_messages(make_network("locnet_pointtransformer")) == []


@torch.no_grad()
@every_hearing
def test_ones_change_nothing_and_hooks_go_again(case):
    network, graph = case
    before = network(graph)

    with edge_weights(network, torch.ones(graph[NEAR].num_edges)), cluster_weights(network, torch.ones(5)):
        assert hooks(network)
        assert torch.equal(network(graph), before)

    assert not hooks(network)
    assert torch.equal(network(graph), before)


def test_hooks_go_after_an_error(make_network):
    network = make_network("clusternet")
    with pytest.raises(KeyError), edge_weights(network, torch.ones(3)), cluster_weights(network, torch.ones(3)):
        raise KeyError
    assert not hooks(network)


@torch.no_grad()
@every_hearing
def test_edges_of_weight_0_carry_nothing(case, request):
    network, graph = case

    with edge_weights(network, torch.zeros(graph[NEAR].num_edges)):
        found = network(graph)

    nobody = network(with_edges(graph, slice(0, 0)))
    if request.node.callspec.params["case"] in WITH_OTHERS:
        assert (found - network(graph)).abs().max() > 1e-4
    else:
        torch.testing.assert_close(found, nobody)


@torch.no_grad()
@pytest.mark.parametrize("case", ["gin"], indirect=True)
def test_an_edge_of_weight_0_is_no_edge_where_messages_are_summed(case):
    network, graph = case
    kept = torch.arange(graph[NEAR].num_edges) != 4

    with edge_weights(network, kept.float()):
        found = network(graph)

    torch.testing.assert_close(found, network(with_edges(graph, kept)))


@every_hearing
def test_each_edge_and_each_cluster_counts(case):
    network, graph = case
    edges = torch.full((graph[NEAR].num_edges,), 0.9, requires_grad=True)
    clusters = torch.full((n_clusters(graph),), 0.9, requires_grad=True)

    with edge_weights(network, edges), cluster_weights(network, clusters):
        network(graph)[0, 0].backward()

    assert (edges.grad.abs() > 0).sum() > len(edges) / 2
    assert clusters.grad.abs().min() > 0


@torch.no_grad()
@pytest.mark.parametrize("case", ["gin"], indirect=True)
def test_a_cluster_of_weight_0_tells_nobody(case):
    network, graph = case
    weights = torch.ones(n_clusters(graph))
    weights[2] = 0.0

    with cluster_weights(network, weights), recorded([network.cluster_encoder]) as found:
        network(graph)
    silent = with_edges(graph, graph[NEAR].edge_index[0] != 2)
    expected = network.encode(silent).clusters

    rows = torch.arange(len(weights)) != 2
    torch.testing.assert_close(found[0][rows], expected[rows])
    assert found[0][2].tolist() == [0.0] * found[0].shape[1]


def test_a_heterogeneous_encoder_weighs_edges_between_clusters_alone(make_network):
    network = make_network("hgt")

    assert {part.relation for part in edge_messages(network)} == {NEAR}
