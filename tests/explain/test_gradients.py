"""Saliency, integrated gradients and Grad-CAM, on networks whose gradients are known."""

from functools import partial

import pytest
import torch

from locgraph.explain import gradients
from locgraph.explain.base import Example
from locgraph.explain.gradients import GradCam, IntegratedGradients, Saliency
from locgraph.explain.inputs import log_odds, with_inputs
from locgraph.nn.base import LocEncoder
from locgraph.nn.localisations import first_features, owners
from locgraph.nn.precision import pool

SLOPES = [2.0, 0.0, 1.0, -2.0]  # of two features and two coordinates


class MeanOffset(LocEncoder):
    """A localisation encoder: the mean over a cluster of the localisations' second coordinate from the centre."""

    uses_localisations = True

    def __init__(self, sizes, column):
        super().__init__(1)
        self.column = column

    def forward(self, graph):
        each = first_features(graph)[:, self.column : self.column + 1]
        return pool(each, owners(graph), graph["cluster"].num_nodes, "mean"), []


def test_gradient_of_a_linear_network(linear_network, make_example, generator):
    found = Saliency().explain(linear_network(SLOPES), make_example(5), generator())

    torch.testing.assert_close(found.clusters, torch.full((5,), 3.0 / 5))
    torch.testing.assert_close(found.features, torch.tensor([2.0 / 5, 0.0]))
    assert found.localisations is None
    assert found.edges is None


@pytest.mark.parametrize(("target", "sign"), [(1, 1.0), (0, -1.0)])
def test_times_input(target, sign, linear_network, make_example, generator):
    example = make_example(5, target=target)
    x, positions = example.graph["cluster"].x, example.graph["cluster"].pos

    found = Saliency(times_input=True).explain(linear_network(SLOPES), example, generator())

    votes = sign * torch.cat([x, positions], dim=1) @ torch.tensor(SLOPES) / 5
    torch.testing.assert_close(found.clusters, votes)
    torch.testing.assert_close(found.features, torch.stack([2 * x[:, 0].abs().mean() / 5, torch.tensor(0.0)]))


@pytest.mark.parametrize("column", [1, 2], ids=["coordinate", "feature"])
@pytest.mark.parametrize("times_input", [False, True])
def test_localisations(column, times_input, linear_network, make_full_example, generator):
    example = make_full_example(sizes=(2, 4))
    network = linear_network([3.0, *SLOPES], partial(MeanOffset, column=column), 2)

    found = Saliency(times_input).explain(network, example, generator())

    gradient = torch.tensor([3.0 / 2 / 2] * 2 + [3.0 / 2 / 4] * 4)
    of_clusters = torch.cat([example.graph["cluster"].x, example.graph["cluster"].pos], dim=1) * torch.tensor(SLOPES)
    if times_input:
        expected = gradient * first_features(example.graph)[:, column]
        sums = torch.stack([expected[:2].sum(), expected[2:].sum()]) + of_clusters.sum(dim=1) / 2
    else:
        expected = gradient
        squares = torch.stack([expected[:2].square().sum(), expected[2:].square().sum()])
        sums = (squares + (3.0 / 2) ** 2).sqrt()
    torch.testing.assert_close(found.localisations, expected)
    torch.testing.assert_close(found.clusters, sums)


def test_gradients_do_not_vanish_where_the_network_is_certain(linear_network, make_example, generator):
    example = make_example(5, features=torch.full((5, 2), 100.0))

    found = Saliency().explain(linear_network(SLOPES), Example("sure", example.graph, 1), generator())

    torch.testing.assert_close(found.clusters, torch.full((5,), 3.0 / 5))


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
        ("locclusternet", "model/head=both"),
    ],
    ids=str,
)
def test_scores_sum_to_the_change_of_log_odds(baseline, overrides, make_network, make_full_example, generator):
    network, example = make_network(*overrides), make_full_example()
    explainer = IntegratedGradients(200, baseline)

    found = explainer.explain(network, example, generator())

    assert found.clusters.sum().item() == pytest.approx(difference(network, example, explainer).item(), abs=5e-3)


def test_scores_of_localisations_sum_to_those_of_clusters(make_network, make_full_example, generator):
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
    monkeypatch.setattr(gradients, "_MAX_ROWS", 1)

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


@pytest.mark.parametrize(("target", "sign"), [(1, 1.0), (0, -1.0)])
def test_grad_cam_of_a_linear_network(target, sign, linear_network, make_example, generator):
    example = make_example(5, target=target)
    vectors = torch.cat([example.graph["cluster"].x, example.graph["cluster"].pos], dim=1)

    found = GradCam(relu=False).explain(linear_network(WEIGHTS), example, generator())

    torch.testing.assert_close(found.clusters, sign * vectors @ WEIGHTS / 5)
    assert found.features is found.edges is found.localisations is None


def test_relu(linear_network, make_example, generator):
    example, network = make_example(5), linear_network(WEIGHTS)
    signed = GradCam(relu=False).explain(network, example, generator()).clusters
    assert signed.min() < 0

    found = GradCam().explain(network, example, generator())

    assert torch.equal(found.clusters, signed.relu())


def test_grad_cam_by_its_definition(make_network, make_full_example, generator):
    network, example = make_network("invariantnet", "model/readout=supercluster"), make_full_example()
    encoded = network.encode(example.graph)
    logits = network.classify(encoded)["field_of_view"][0]
    (gradient,) = torch.autograd.grad(logits[1] - torch.logsumexp(logits[[0, 2]], dim=0), encoded.clusters)
    weights = gradient.mean(dim=0)

    found = GradCam(relu=False).explain(network, example, generator())

    expected = torch.stack([(vector * weights).sum() for vector in encoded.clusters.detach()])
    torch.testing.assert_close(found.clusters, expected)
