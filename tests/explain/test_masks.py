"""GNNExplainer and PGExplainer find planted edges, clusters and features."""

import math

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain.gnn_explainer import GNNExplainer, price, surprise
from locgraph.explain.hooks import frozen
from locgraph.explain.pg_explainer import PGExplainer


def test_price_of_size_does_not_grow_with_the_fov():
    assert price(torch.tensor([1.0, 0.0]), 3.0, 0.0).item() == pytest.approx(1.5)
    assert price(torch.tensor([1.0, 0.0] * 50), 3.0, 0.0).item() == pytest.approx(1.5)


def test_price_of_uncertainty():
    assert price(torch.tensor([0.5]), 0.0, 2.0).item() == pytest.approx(2 * math.log(2))
    assert price(torch.tensor([0.0, 1.0]), 0.0, 2.0).item() == pytest.approx(0, abs=1e-6)


def test_surprise_is_the_cross_entropy_of_the_class(make_network, make_full_example):
    network, example = make_network("locclusternet", "model/head=both"), make_full_example()

    with frozen(network):
        found = surprise(network, example.graph, network.describe(example.graph), 2)
        expected = -network(example.graph).log_softmax(dim=1)[0, 2]

    torch.testing.assert_close(found, expected)


WEIGHTS = [9.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("seed", range(3))
def test_planted_edge_clusters_and_features(seed, relay_network, make_relay, generator):
    example, edge = make_relay(seed)

    found = GNNExplainer().explain(relay_network, example, generator(seed))

    others = torch.arange(len(found.edges)) != edge
    assert found.edges[edge] > 0.9
    assert found.edges[others].max() < 0.1
    assert found.clusters[[2, 5]].min() > 0.9
    assert found.clusters[[0, 1, 3, 4, 6, 7]].max() < 0.1
    assert found.features[:2].min() > 0.9
    assert found.features[2] < 0.1
    assert found.localisations is found.subgraph is None


def test_planted_cluster_without_messages(linear_network, make_example, generator):
    features = torch.zeros(6, 2)
    features[4] = 1.0

    found = GNNExplainer().explain(linear_network(WEIGHTS), make_example(6, features=features), generator())

    assert found.clusters[4] > 0.8
    assert found.clusters[[0, 1, 2, 3, 5]].max() < 0.2
    assert found.features[0] > 0.8
    assert found.features[1] < 0.2
    assert found.edges is None


@pytest.fixture
def fitted(relay_network, make_relay, generator):
    def fit(**settings):
        explainer = PGExplainer(**settings)
        explainer.fit(relay_network, [make_relay(100 + seed)[0] for seed in range(20)], generator())
        return explainer

    return fit


def test_planted_edge_in_other_fovs(fitted, relay_network, make_relay, generator):
    explainer = fitted()

    for seed in range(5):
        example, edge = make_relay(seed)
        found = explainer.explain(relay_network, example, generator())

        others = torch.arange(len(found.edges)) != edge
        assert found.edges[edge] > 0.9
        assert found.edges[others].max() < 0.1
        assert found.clusters[[2, 5]].min() > 0.9
        assert found.clusters[[0, 1, 3, 4, 6, 7]].max() < 0.1
        assert found.features is found.localisations is None


@pytest.mark.parametrize("reduce", ["max", "mean"])
def test_clusters_take_the_scores_of_their_edges(reduce, relay_network, make_example, generator):
    example = make_example(4, features=torch.rand(4, 3), edges=[[0, 1, 2], [1, 0, 1]])  # cluster 3 has none
    explainer = PGExplainer(epochs=1, reduce=reduce)
    explainer.fit(relay_network, [example], generator())

    found = explainer.explain(relay_network, example, generator())

    a, b, c = found.edges
    both, three = torch.stack([a, b]), torch.stack([a, b, c])
    pick = torch.max if reduce == "max" else torch.mean
    torch.testing.assert_close(found.clusters, torch.stack([pick(both), pick(three), c, torch.tensor(0.0)]))


def test_temperature_falls_by_one_factor():
    explainer = PGExplainer(epochs=3, first_temperature=8.0, last_temperature=2.0)

    assert [explainer.temperature(epoch) for epoch in range(3)] == pytest.approx([8.0, 4.0, 2.0])
    assert PGExplainer(epochs=1).temperature(0) == 5.0


def test_explain_before_fit(relay_network, make_relay, generator):
    with pytest.raises(ConfigError, match="has not been fitted: call fit with training FOVs before explain"):
        PGExplainer().explain(relay_network, make_relay()[0], generator())


def test_another_model(fitted, make_network, make_full_example, generator):
    with pytest.raises(
        ConfigError, match=r"expects the model that it was fitted to, with 12 values .* with 120: call fit"
    ):
        fitted(epochs=1).explain(make_network("clusternet"), make_full_example(), generator())


def test_no_edge_to_learn_from(relay_network, make_example, generator):
    example = make_example(1, features=torch.zeros(1, 3), edges=[[], []])
    explainer = PGExplainer()

    with pytest.raises(ConfigError, match="none of the 2 training FOVs has one; prepare graphs with more"):
        explainer.fit(relay_network, [example] * 2, generator())


def test_fovs_without_edges_are_left_out(relay_network, make_example, make_relay, generator):
    lonely = make_example(2, features=torch.zeros(2, 3), edges=[[], []])
    alone, beside = PGExplainer(epochs=1), PGExplainer(epochs=1)

    alone.fit(relay_network, [make_relay()[0]], generator())
    beside.fit(relay_network, [lonely, make_relay()[0]], generator())

    found = beside.explain(relay_network, make_relay(3)[0], generator())
    assert torch.equal(found.edges, alone.explain(relay_network, make_relay(3)[0], generator()).edges)
    empty = beside.explain(relay_network, lonely, generator())
    assert empty.clusters.tolist() == [0.0, 0.0]
    assert empty.edges.shape == (0,)


def test_the_global_generator_is_left_unchanged(relay_network, make_relay, generator):
    before = torch.get_rng_state()

    PGExplainer(epochs=1).fit(relay_network, [make_relay()[0]], generator())

    assert torch.equal(torch.get_rng_state(), before)


def test_models_without_edges_are_refused(make_network):
    with pytest.raises(ConfigError, match="as in every cluster encoder but mlp; found ClusterMlp"):
        PGExplainer().check(make_network("clustermlp"))
