"""Access to a network: it stays unchanged, messages are weighted, inputs have gradients."""

import copy

import pytest
import torch
from torch import nn

from locgraph.explain.base import n_clusters
from locgraph.explain.hooks import (
    cluster_weights,
    edge_messages,
    edge_type,
    edge_weights,
    frozen,
    messages_hooked,
    recorded,
)
from locgraph.explain.inputs import (
    CLUSTER_FEATURES,
    CLUSTER_POSITIONS,
    EDGE_LENGTHS,
    EDGE_VALUES,
    LOCALISATION_FEATURES,
    LOCALISATION_POSITIONS,
    edge_inputs,
    gradients,
    inputs_of,
    of_clusters,
    of_edges,
    of_features,
    predict,
    with_inputs,
)
from locgraph.explain.outputs import log_odds, surprise, value


@pytest.fixture
def small():
    small = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5), nn.Linear(2, 1)).train()
    small[0].eval()
    small[2].weight.requires_grad_(False)
    return small


def state(small):
    modes = [module.training for module in small.modules()]
    return modes, [(parameter.requires_grad, parameter.grad) for parameter in small.parameters()]


@torch.no_grad()
def test_within_the_block(small):
    x = torch.ones(1, 3, requires_grad=True)

    with frozen(small):
        assert not any(module.training for module in small.modules())
        small(x).sum().backward()

    torch.testing.assert_close(x.grad, small[2].weight @ small[0].weight)


def test_frozen_computes_in_32_bits(small):
    with torch.autocast("cpu", dtype=torch.bfloat16), frozen(small):
        assert small(torch.ones(1, 3)).dtype == torch.float32


def test_it_comes_back_as_it_was(small):
    before = state(small)

    with torch.no_grad():
        with frozen(small):
            assert torch.is_grad_enabled()
        assert not torch.is_grad_enabled()

    assert state(small) == before


NEAR = ("cluster", "near", "cluster")

WITH_MESSAGES = [
    *("angular_filter", "chiral_filter", "continuous_filter", "edge_conv", "gatv2", "gin", "graph_transformer"),
    *("hgt", "point_net", "point_transformer"),
]

WITH_OTHERS = {"edge_conv", "point_net", "hgt"}

"""Encoders in which a cluster without edges hears itself or others: a message of 0 is not the same as none."""


def hooks(network):
    """All hooks, those of PyG among them."""
    kinds = [vars(module)[name] for module in network.modules() for name in vars(module) if name.endswith("_hooks")]
    return [hook for kind in kinds if kind for hook in kind.values()]


@pytest.fixture
def case(request, make_network, make_full_example):
    network = make_network("invariantnet", f"model/cluster_encoder={request.param}")
    return network, make_full_example().graph


every_encoder = pytest.mark.parametrize("case", WITH_MESSAGES, indirect=True)


def with_edges(graph, kept):
    changed = copy.copy(graph)
    changed[NEAR].edge_index = graph[NEAR].edge_index[:, kept]
    return changed


@torch.no_grad()
@every_encoder
def test_each_layer_passes_its_messages_once(case):
    network, graph = case
    count = graph[NEAR].num_edges
    seen = []

    def see(messages, edge_index):
        assert len(messages) == edge_index.shape[1]
        seen.append(edge_index[:, :count])
        return messages

    with messages_hooked(edge_messages(network), see):
        network(graph)

    assert len(seen) == len(network.cluster_encoder.layers) == len(edge_messages(network))
    assert all(torch.equal(edges, graph[NEAR].edge_index) for edges in seen)


def test_messages_within_a_localisation_encoder_do_not_count(make_network):
    assert edge_messages(make_network("locnet_pointtransformer")) == []


@torch.no_grad()
@every_encoder
def test_weights_of_1_change_nothing_and_hooks_are_removed(case):
    network, graph = case
    before = network(graph)

    with edge_weights(network, torch.ones(graph[NEAR].num_edges)), cluster_weights(network, torch.ones(5)):
        assert hooks(network)
        assert torch.equal(network(graph), before)

    assert not hooks(network)
    assert torch.equal(network(graph), before)


def test_hooks_are_removed_after_an_error(make_network):
    network = make_network("clusternet")
    with pytest.raises(KeyError), edge_weights(network, torch.ones(3)), cluster_weights(network, torch.ones(3)):
        raise KeyError
    assert not hooks(network)


@torch.no_grad()
@every_encoder
def test_edges_of_weight_0_carry_no_messages(case, request):
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


@every_encoder
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
def test_a_cluster_of_weight_0_sends_no_messages(case):
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

    assert {edge_type(part) for part in edge_messages(network)} == {NEAR}


def test_inputs_of_a_fov(make_full_example):
    graph = make_full_example(sizes=(3, 2)).graph

    found = inputs_of(graph)

    assert torch.equal(found[CLUSTER_FEATURES], graph["cluster"].x)
    assert torch.equal(found[CLUSTER_POSITIONS], graph["cluster"].pos)
    assert torch.equal(found[LOCALISATION_FEATURES], graph["localisation"].x)
    owner = torch.tensor([0, 0, 0, 1, 1])
    torch.testing.assert_close(
        found[LOCALISATION_POSITIONS] + graph["cluster"].pos[owner], graph["localisation"].pos, atol=1e-6, rtol=0
    )


def test_empty_inputs_are_left_out(make_example):
    assert list(inputs_of(make_example(features=torch.zeros(8, 0)).graph)) == [CLUSTER_POSITIONS]


@torch.no_grad()
@pytest.mark.parametrize("name", ["locclusternet", "hgt", "clusternet"])
def test_copies_with_the_same_inputs_have_the_same_logits(name, make_network, make_full_example):
    network, graph = make_network(name), make_full_example().graph
    copies = {key: values.expand(3, -1, -1) for key, values in inputs_of(graph).items()}

    found = network(with_inputs(graph, copies, 3))

    torch.testing.assert_close(found, network(graph).expand(3, -1), atol=1e-5, rtol=1e-5)


def test_a_cluster_that_moves_takes_its_localisations_along(make_full_example):
    graph = make_full_example().graph
    positions = graph["cluster"].pos.clone()
    positions[2] += 5.0

    moved = with_inputs(graph, {CLUSTER_POSITIONS: torch.stack([graph["cluster"].pos, positions])}, 2)

    for level in ("localisation", "localisation_1", "localisation_2"):
        owner = graph[level, "in", "cluster"].edge_index[1]
        before, after = moved[level].pos.view(2, len(owner), 2)
        torch.testing.assert_close(before, graph[level].pos, atol=1e-6, rtol=0)
        torch.testing.assert_close(after, before + 5.0 * (owner == 2)[:, None], atol=1e-6, rtol=0)


def test_log_odds():
    logits = torch.tensor([[1.0, 2.0, -1.0]])
    probability = logits.softmax(dim=1)[0]

    for target in range(3):
        expected = torch.logit(probability[target])
        torch.testing.assert_close(log_odds(logits, target)[0], expected)


def test_log_odds_do_not_saturate():
    logits = torch.tensor([[60.0, 0.0]], requires_grad=True)

    log_odds(logits, 0).sum().backward()

    assert logits.grad.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize(
    ("name", "overrides", "read"),
    [
        ("clusternet", (), {CLUSTER_FEATURES, CLUSTER_POSITIONS}),
        ("clusternet", ("model.cluster_features=false",), {CLUSTER_POSITIONS}),
        ("clustermlp", (), {CLUSTER_FEATURES}),
        ("clustermlp", ("model.cluster_features=false",), set()),
        ("locnet_pointnet", (), {LOCALISATION_FEATURES, LOCALISATION_POSITIONS}),
    ],
)
def test_gradients_exist_for_inputs_that_are_read(name, overrides, read, make_network, make_full_example):
    network, example = make_network(name, *overrides), make_full_example()
    graph = example.graph
    read = read | ({CLUSTER_FEATURES} if network.cluster_features and name.startswith("locnet") else set())
    # a position of a cluster moves its localisations alike: models that see them from its centre do not care
    ignored = {CLUSTER_POSITIONS} if name.startswith("locnet") else set()

    with frozen(network):
        found = gradients(network, example, {key: values[None] for key, values in inputs_of(graph).items()})

    assert found.keys() - ignored == read
    assert all(found[key].shape == (1, *inputs_of(graph)[key].shape) for key in found)
    assert all(found[key].abs().max() < 1e-5 for key in ignored)


DISTANCES = [
    ("invariantnet",),
    ("invariantnet", "model/cluster_encoder=angular_filter"),
    ("invariantnet", "model/cluster_encoder=gatv2"),
    ("hgt",),
]


@pytest.mark.parametrize("overrides", DISTANCES, ids=" ".join)
def test_lengths_and_values_of_edges_are_read_and_replaced(overrides, make_network, make_full_example):
    network, graph = make_network(*overrides), make_full_example().graph
    source, target = graph["cluster", "near", "cluster"].edge_index
    lengths = (graph["cluster"].pos[source] - graph["cluster"].pos[target]).norm(dim=1)

    found = edge_inputs(network, graph)

    torch.testing.assert_close(found[EDGE_LENGTHS][:, 0], lengths)
    assert found[EDGE_VALUES].shape[0] == len(lengths)
    with torch.no_grad():
        logits = network(graph)
        for name, values in found.items():
            same = predict(network, graph, {name: torch.stack([values, values])})
            torch.testing.assert_close(same, logits.expand(2, -1), atol=1e-5, rtol=1e-4)
            first, other = predict(network, graph, {name: torch.stack([values, values * 0.5])})
            torch.testing.assert_close(first[None], logits, atol=1e-5, rtol=1e-4)
            assert (first - other).abs().max() > 1e-4


def test_a_network_that_reads_coordinates_has_no_lengths(make_network, make_full_example):
    assert edge_inputs(make_network("clusternet"), make_full_example().graph) == {}


def test_a_fov_without_edges_has_no_lengths(make_network, make_full_example):
    assert edge_inputs(make_network("invariantnet"), make_full_example(sizes=(4, 5), edges=False).graph) == {}


def test_each_end_gets_half_of_an_edge(make_example):
    graph = make_example(3, edges=[[0, 1, 2], [1, 2, 1]]).graph
    values = {EDGE_VALUES: torch.tensor([[1.0, 1.0], [4.0, 0.0], [10.0, -2.0]])}

    clusters, _ = of_clusters(graph, values)

    assert of_edges(values).tolist() == [2.0, 4.0, 8.0]
    assert clusters.tolist() == [1.0, 1.0 + 2.0 + 4.0, 2.0 + 4.0]


def test_one_class_against_another():
    logits = torch.tensor([[1.0, 3.0, -1.0]])

    assert log_odds(logits, 1, 2).tolist() == value(logits, 1, 2).tolist() == [4.0]
    assert value(logits, 1).item() == pytest.approx(logits.softmax(dim=1)[0, 1].item())
    assert surprise(logits, 1).item() == pytest.approx(-logits.log_softmax(dim=1)[0, 1].item())
    assert surprise(logits, 2, 0).item() == pytest.approx(-torch.tensor([-1.0, 1.0]).log_softmax(dim=0)[0].item())


def test_sums_over_clusters_with_their_localisations(make_full_example):
    graph = make_full_example(sizes=(2, 1)).graph
    values = {
        CLUSTER_FEATURES: torch.tensor([[1.0, 2.0], [-3.0, 4.0]]),
        LOCALISATION_POSITIONS: torch.tensor([[10.0, 0.0], [20.0, 1.0], [100.0, 0.0]]),
    }

    clusters, localisations = of_clusters(graph, values)

    assert localisations.tolist() == [10.0, 21.0, 100.0]
    assert clusters.tolist() == [34.0, 101.0]
    assert of_features(values).tolist() == [2.0, 3.0]


def test_sums_without_localisations(make_full_example):
    clusters, localisations = of_clusters(make_full_example(sizes=(2, 1)).graph, {})

    assert clusters.tolist() == [0.0, 0.0]
    assert localisations is None
    assert of_features({}) is None
