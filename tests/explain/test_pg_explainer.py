"""PGExplainer learns on training FOVs and finds what was planted in others."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain.pg_explainer import PGExplainer


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


def test_each_has_its_own_settings(fitted):
    small, large = PGExplainer(hidden=3, epochs=1), PGExplainer()

    assert (small.hidden, large.hidden) == (3, 64)
    assert small.trained
    assert small.scorer is large.scorer is None


def test_explain_before_fit(relay_network, make_relay, generator):
    with pytest.raises(ConfigError, match="has learned nothing yet: call fit before explain"):
        PGExplainer().explain(relay_network, make_relay()[0], generator())


def test_another_model(fitted, make_network, make_full_example, generator):
    with pytest.raises(
        ConfigError, match=r"expects the model that it was fitted to, with 12 values .* with 120: call fit"
    ):
        fitted(epochs=1).explain(make_network("clusternet"), make_full_example(), generator())


def test_no_edge_to_learn_from(relay_network, make_example, generator):
    example = make_example(1, features=torch.zeros(1, 3), edges=[[], []])
    explainer = PGExplainer()

    with pytest.raises(ConfigError, match=r"none of the 2 training FOVs has one; prepare graphs with more edges"):
        explainer.fit(relay_network, [example] * 2, generator())


def test_fovs_without_edges_are_passed_over(relay_network, make_example, make_relay, generator):
    lonely = make_example(2, features=torch.zeros(2, 3), edges=[[], []])
    alone, beside = PGExplainer(epochs=1), PGExplainer(epochs=1)

    alone.fit(relay_network, [make_relay()[0]], generator())
    beside.fit(relay_network, [lonely, make_relay()[0]], generator())

    found = beside.explain(relay_network, make_relay(3)[0], generator())
    assert torch.equal(found.edges, alone.explain(relay_network, make_relay(3)[0], generator()).edges)
    empty = beside.explain(relay_network, lonely, generator())
    assert empty.clusters.tolist() == [0.0, 0.0]
    assert empty.edges.shape == (0,)


def test_same_seed_same_scores(relay_network, make_relay, generator):
    def scores(seed):
        torch.manual_seed(torch.initial_seed() + 1)  # torch's own generator must not matter
        explainer = PGExplainer(epochs=2)
        explainer.fit(relay_network, [make_relay(100)[0], make_relay(101)[0]], generator(seed))
        return explainer.explain(relay_network, make_relay()[0], generator()).edges

    assert torch.equal(scores(1), scores(1))
    assert not torch.equal(scores(1), scores(2))


def test_torch_s_own_generator_is_left_alone(relay_network, make_relay, generator):
    before = torch.get_rng_state()

    PGExplainer(epochs=1).fit(relay_network, [make_relay()[0]], generator())

    assert torch.equal(torch.get_rng_state(), before)


def test_models_without_edges_are_refused(make_network):
    with pytest.raises(ConfigError, match=r"every model/cluster_encoder but mlp\), found ClusterMlp"):
        PGExplainer().check(make_network("clustermlp"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, r"explainer\.epochs must be a whole number of at least 1, found 0"),
        ({"learning_rate": 0}, r"explainer\.learning_rate must be a number above 0, found 0"),
        ({"hidden": 0}, r"explainer\.hidden"),
        ({"edge_size": -1}, r"explainer\.edge_size"),
        ({"entropy": -1}, r"explainer\.entropy"),
        ({"last_temperature": 0}, r"explainer\.last_temperature must be a number above 0"),
        ({"first_temperature": 1.0}, r"explainer\.first_temperature must be a number at least 2, found 1\.0"),
        ({"reduce": "sum"}, r"explainer\.reduce must be max or mean, found 'sum'"),
    ],
)
def test_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        PGExplainer(**settings)
