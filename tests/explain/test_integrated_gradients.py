"""Integrated gradients: completeness, and what is known of linear networks."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain import integrated_gradients
from locgraph.explain.inputs import log_odds, with_inputs
from locgraph.explain.integrated_gradients import IntegratedGradients

WEIGHTS = torch.tensor([2.0, 0.5, 1.0, -2.0])  # of two features and two coordinates


def difference(network, example, explainer):
    """Log-odds of the FOV less those of the baseline."""
    baseline = {name: values[None] for name, values in explainer.baselines(example.graph).items()}
    with torch.no_grad():
        said, at_baseline = network(example.graph), network(with_inputs(example.graph, baseline))
        return (log_odds(said, example.target) - log_odds(at_baseline, example.target))[0]


@pytest.mark.parametrize("baseline", ["mean", "zero"])
@pytest.mark.parametrize("steps", [1, 7])
def test_a_linear_network_is_shared_out_exactly(baseline, steps, linear_network, make_example, generator):
    example = make_example(5)
    x = example.graph["cluster"].x
    start = x.mean(dim=0) if baseline == "mean" else torch.zeros(2)
    change = torch.cat([x - start, example.graph["cluster"].pos], dim=1)

    found = IntegratedGradients(steps, baseline).explain(linear_network(WEIGHTS), example, generator())

    torch.testing.assert_close(found.clusters, change @ WEIGHTS / 5)
    torch.testing.assert_close(found.features, (change[:, :2] * WEIGHTS[:2]).abs().mean(dim=0) / 5)
    assert found.localisations is None


@pytest.mark.parametrize("baseline", ["mean", "zero"])
@pytest.mark.parametrize(
    "overrides",
    [
        ("clusternet",),
        ("locclusternet",),
        ("invariantnet",),
        ("clustermlp",),
        ("hgt", "model/readout=supercluster"),
        ("clusternet", "model/readout=with_descriptors"),
        ("locclusternet_both",),
    ],
    ids=str,
)
def test_scores_sum_to_what_the_fov_adds(baseline, overrides, make_network, make_full_example, generator):
    network, example = make_network(*overrides), make_full_example()
    explainer = IntegratedGradients(200, baseline)

    found = explainer.explain(network, example, generator())

    assert found.clusters.sum().item() == pytest.approx(difference(network, example, explainer).item(), abs=5e-3)


def test_parts_of_localisations_are_in_those_of_their_clusters(make_network, make_full_example, generator):
    example = make_full_example()
    network = make_network("locnet_pointnet", "model.cluster_features=false")

    found = IntegratedGradients().explain(network, example, generator())

    owner = example.graph["localisation", "in", "cluster"].edge_index[1]
    torch.testing.assert_close(
        found.clusters, torch.zeros(5).index_add(0, owner, found.localisations), atol=1e-5, rtol=1e-4
    )
    assert found.features is None


def test_batches_change_nothing(make_network, make_full_example, generator, monkeypatch):
    network, example = make_network("locclusternet"), make_full_example()
    whole = IntegratedGradients(10).explain(network, example, generator())
    monkeypatch.setattr(integrated_gradients, "_MAX_ROWS", 1)

    found = IntegratedGradients(10).explain(network, example, generator())

    torch.testing.assert_close(found.clusters, whole.clusters, atol=1e-5, rtol=1e-4)


def test_one_cluster_differs_from_0_alone(linear_network, make_example, generator):
    example = make_example(1, positions=[[0.0, 0.0]])
    network = linear_network(WEIGHTS)

    assert IntegratedGradients(baseline="mean").explain(network, example, generator()).clusters.tolist() == [0.0]
    found = IntegratedGradients(baseline="zero").explain(network, example, generator())
    torch.testing.assert_close(found.clusters, example.graph["cluster"].x @ WEIGHTS[:2])


def test_a_network_that_reads_nothing(make_network, make_full_example, generator):
    network = make_network("clustermlp", "model.cluster_features=false")

    assert IntegratedGradients().explain(network, make_full_example(), generator()).clusters.tolist() == [0.0] * 5


def test_settings():
    with pytest.raises(ConfigError, match=r"explainer\.steps must be a whole number of at least 1, found 0"):
        IntegratedGradients(0)
    with pytest.raises(ConfigError, match=r"explainer\.baseline must be mean or zero, found 'median'"):
        IntegratedGradients(baseline="median")
