"""GNNExplainer finds what was planted."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain.gnn_explainer import GNNExplainer

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


def test_planted_cluster_where_none_hears_another(linear_network, make_example, generator):
    features = torch.zeros(6, 2)
    features[4] = 1.0

    found = GNNExplainer().explain(linear_network(WEIGHTS), make_example(6, features=features), generator())

    assert found.clusters[4] > 0.8
    assert found.clusters[[0, 1, 2, 3, 5]].max() < 0.2
    assert found.features[0] > 0.8
    assert found.features[1] < 0.2
    assert found.edges is None


def test_a_higher_price_keeps_less(relay_network, make_relay, generator):
    example, _ = make_relay()

    def edges(size):
        return (
            GNNExplainer(50, edge_size=size, cluster_size=0, feature_size=0, entropy=0)
            .explain(relay_network, example, generator())
            .edges
        )

    assert edges(0.0).mean() > edges(0.5).mean() > edges(100.0).mean()


def test_entropy_makes_up_its_mind(relay_network, make_relay, generator):
    example, _ = make_relay()

    def unsure(entropy):
        found = GNNExplainer(50, entropy=entropy, edge_size=0.0).explain(relay_network, example, generator()).edges
        return (0.5 - (found - 0.5).abs()).mean()

    assert unsure(5.0) < unsure(0.0)


def test_same_seed_same_scores(make_network, make_full_example, generator):
    network, example, explainer = make_network("clusternet"), make_full_example(), GNNExplainer(steps=5)

    first, again, other = (explainer.explain(network, example, generator(seed)) for seed in (1, 1, 2))

    assert torch.equal(first.clusters, again.clusters)
    assert torch.equal(first.edges, again.edges)
    assert not torch.equal(first.clusters, other.clusters)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, r"explainer\.steps must be a whole number of at least 1, found 0"),
        ({"learning_rate": 0}, r"explainer\.learning_rate must be a number above 0, found 0"),
        ({"cluster_size": -1}, r"explainer\.cluster_size must be a number at least 0, found -1"),
        ({"edge_size": -1}, r"explainer\.edge_size"),
        ({"feature_size": -1}, r"explainer\.feature_size"),
        ({"entropy": -1}, r"explainer\.entropy"),
    ],
)
def test_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        GNNExplainer(**settings)
