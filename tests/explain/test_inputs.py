"""What a network reads, as numbers that can be changed."""

import pytest
import torch

from locgraph.explain.frozen import frozen
from locgraph.explain.inputs import (
    CLUSTER_FEATURES,
    CLUSTER_POSITIONS,
    LOCALISATION_FEATURES,
    LOCALISATION_POSITIONS,
    gradients,
    inputs_of,
    log_odds,
    of_clusters,
    of_features,
    with_inputs,
)


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


def test_what_is_empty_is_left_out(make_example):
    assert list(inputs_of(make_example(features=torch.zeros(8, 0)).graph)) == [CLUSTER_POSITIONS]


@torch.no_grad()
@pytest.mark.parametrize("name", ["locclusternet", "hgt", "clusternet"])
def test_copies_with_the_same_inputs_say_the_same(name, make_network, make_full_example):
    network, graph = make_network(name), make_full_example().graph
    copies = {key: values.expand(3, -1, -1) for key, values in inputs_of(graph).items()}

    found = network(with_inputs(graph, copies))

    torch.testing.assert_close(found, network(graph).expand(3, -1), atol=1e-5, rtol=1e-5)


def test_a_cluster_that_moves_takes_its_localisations_along(make_full_example):
    graph = make_full_example().graph
    positions = graph["cluster"].pos.clone()
    positions[2] += 5.0

    moved = with_inputs(graph, {CLUSTER_POSITIONS: torch.stack([graph["cluster"].pos, positions])})

    for level in ("localisation", "localisation_1", "localisation_2"):
        owner = graph[level, "in", "cluster"].edge_index[1]
        before, after = moved[level].pos.view(2, len(owner), 2)
        torch.testing.assert_close(before, graph[level].pos, atol=1e-6, rtol=0)
        torch.testing.assert_close(after, before + 5.0 * (owner == 2)[:, None], atol=1e-6, rtol=0)


def test_each_copy_has_its_own_inputs(make_example):
    graph = make_example(4).graph

    found = with_inputs(graph, {CLUSTER_FEATURES: torch.stack([torch.zeros(4, 2), torch.ones(4, 2)])})

    assert found["cluster"].x[:, 0].tolist() == [0.0] * 4 + [1.0] * 4
    assert found["cluster"].batch.tolist() == [0] * 4 + [1] * 4
    assert torch.equal(found["cluster"].pos, graph["cluster"].pos.repeat(2, 1))
    assert graph["cluster"].x.abs().max() < 1


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
def test_gradients_of_what_is_read(name, overrides, read, make_network, make_full_example):
    network, graph = make_network(name, *overrides), make_full_example().graph
    read = read | ({CLUSTER_FEATURES} if network.cluster_features and name.startswith("locnet") else set())
    # a position of a cluster moves its localisations alike: models that see them from its centre do not care
    ignored = {CLUSTER_POSITIONS} if name.startswith("locnet") else set()

    with frozen(network):
        found = gradients(network, graph, 1)

    assert found.keys() - ignored == read
    assert all(found[key].shape == inputs_of(graph)[key].shape for key in found)
    assert all(found[key].abs().max() < 1e-5 for key in ignored)


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
