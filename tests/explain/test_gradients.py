"""Saliency, integrated and expected gradients, on networks whose gradients are known."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain import gradients
from locgraph.explain.base import Example
from locgraph.explain.baselines import Displacement
from locgraph.explain.gradients import ExpectedGradients, IntegratedGradients, Saliency, path_inputs
from locgraph.explain.inputs import predict
from locgraph.explain.outputs import log_odds
from locgraph.nn.base import ClusterEncoder, LocEncoder
from locgraph.nn.geometry import EdgeGeometry
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


@pytest.mark.parametrize("column", [1, 2], ids=["coordinate", "feature"])
def test_localisations(column, linear_network, make_full_example, generator):
    example = make_full_example(sizes=(2, 4))
    network = linear_network([3.0, *SLOPES], partial(MeanOffset, column=column), 2)

    found = Saliency().explain(network, example, generator())

    expected = torch.tensor([3.0 / 2 / 2] * 2 + [3.0 / 2 / 4] * 4)
    squares = torch.stack([expected[:2].square().sum(), expected[2:].square().sum()])
    torch.testing.assert_close(found.localisations, expected)
    torch.testing.assert_close(found.clusters, (squares + (3.0 / 2) ** 2).sqrt())


def test_gradients_do_not_vanish_where_the_network_is_certain(linear_network, make_example, generator):
    example = make_example(5, features=torch.full((5, 2), 100.0))

    found = Saliency().explain(linear_network(SLOPES), Example("sure", example.graph, 1), generator())

    torch.testing.assert_close(found.clusters, torch.full((5,), 3.0 / 5))


WEIGHTS = torch.tensor([2.0, 0.5, 1.0, -2.0])  # of two features and two coordinates


def difference(network, example, starts):
    """Log-odds of the FOV less the mean of those of the baselines."""
    with torch.no_grad():
        at_fov, at_starts = network(example.graph), predict(network, example.graph, starts)
        target, against = example.target, example.against
        return (log_odds(at_fov, target, against) - log_odds(at_starts, target, against).mean()).item()


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
        ("invariantnet", "model/cluster_encoder=chiral_filter"),
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

    starts = explainer.baselines(path_inputs(network, example.graph))
    assert found.clusters.sum().item() == pytest.approx(difference(network, example, starts), abs=5e-3)


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


# -- expected gradients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overrides", [("invariantnet",), ("locclusternet",), ("hgt",)], ids=str)
@pytest.mark.parametrize("against", [None, 2])
def test_expected_gradients_sum_to_the_mean_change_of_log_odds(
    overrides, against, make_network, make_full_example, generator
):
    network, example = make_network(*overrides), replace(make_full_example(), against=against)
    training = [
        make_full_example(seed, sizes) for seed, sizes in ((1, (4, 7)), (2, (3, 8, 5)), (3, (5, 5, 5, 5, 5, 5)))
    ]
    explainer = ExpectedGradients(references=3, steps=60)
    explainer.fit(network, training, generator())

    found = explainer.explain(network, example, generator(5))

    starts = explainer.baselines(path_inputs(network, example.graph), generator(5))
    assert found.clusters.sum().item() == pytest.approx(difference(network, example, starts), abs=5e-3)


def test_baselines_are_made_of_the_parts_of_one_training_fov_each(make_network, make_example, generator):
    network = make_network("invariantnet")
    training = [make_example(n, features=torch.full((n, 2), float(n))) for n in (4, 9, 1)]
    explainer = ExpectedGradients(references=5)
    explainer.fit(network, training, generator())
    inputs = path_inputs(network, make_example(6).graph)

    starts = explainer.baselines(inputs, generator())

    assert all(values.shape == (3, *inputs[name].shape) for name, values in starts.items())
    assert sorted(float(of_fov.unique()) for of_fov in starts["cluster_features"]) == [1.0, 4.0, 9.0]
    # the FOV of one cluster has no edge, as if all were out of reach
    assert [bool(of_fov.any()) for of_fov in starts["edge_values"]].count(False) == 1


def test_expected_gradients_have_to_be_fitted(make_network, make_full_example, generator):
    with pytest.raises(ConfigError, match="has not been fitted: call fit with training FOVs"):
        ExpectedGradients().explain(make_network("invariantnet"), make_full_example(), generator())


# -- geometry of edges -------------------------------------------------------------------------------------------------


class CountsPairs(ClusterEncoder):
    """A cluster encoder that counts, for each cluster, the edges to it that are 1 long, give or take."""

    def __init__(self, in_channels, sizes):
        super().__init__(1)
        self.geometry = EdgeGeometry()

    @property
    def edge_geometry(self):
        return self.geometry

    def encode(self, x, positions, edge_index):
        source, target = edge_index
        lengths = self.geometry.lengths((positions[source] - positions[target]).norm(dim=1))
        values = self.geometry.values(torch.exp(-50 * (lengths - 1).square())[:, None])
        return torch.zeros((len(positions), 1)).index_add(0, target, values)


@pytest.fixture
def counts_pairs(linear_network):
    """The log-odds of class 1 are the mean number of neighbours at the distance 1."""
    return linear_network([1.0], cluster_encoder=CountsPairs)


@pytest.fixture
def square(make_example):
    """Four clusters at the corners of a square of side 1, and three that are far from them and from each other."""
    places = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [4.0, 4.2], [-3.0, 5.0], [6.0, -2.3]]
    return make_example(7, positions=places, k=None)


def test_edges_that_decide_hand_their_scores_to_their_clusters(counts_pairs, square, generator):
    found = IntegratedGradients().explain(counts_pairs, square, generator())

    sides = found.edges > 1e-3
    source, target = square.graph["cluster", "near", "cluster"].edge_index[:, sides]
    assert {*zip(source.tolist(), target.tolist(), strict=True)} == {
        pair for i in range(4) for pair in ((i, (i + 1) % 4), ((i + 1) % 4, i))
    }
    torch.testing.assert_close(found.edges[sides], torch.full((8,), 1 / 7))
    torch.testing.assert_close(found.clusters, torch.tensor([2 / 7] * 4 + [0.0] * 3), atol=1e-3, rtol=0)
    assert found.features is None


def test_saliency_of_edges_that_are_about_to_decide(counts_pairs, square, generator):
    square.graph["cluster"].pos *= 1.1

    found = Saliency().explain(counts_pairs, square, generator())

    slope = 100 * 0.1 * torch.exp(torch.tensor(-0.5)) / 7
    torch.testing.assert_close(found.edges.max(), slope)
    torch.testing.assert_close(found.clusters[:4], (4 * slope.square() / 2).sqrt().expand(4), atol=1e-3, rtol=1e-3)
    assert found.clusters[4:].max() < 1e-6


@pytest.mark.parametrize("turn", [torch.tensor([[0.6, -0.8], [0.8, 0.6]]), torch.tensor([[-1.0, 0.0], [0.0, 1.0]])])
def test_rotation_and_reflection_change_nothing(turn, make_network, make_example, generator):
    network, example = make_network("invariantnet"), make_example(7, k=None)
    places, features = example.graph["cluster"].pos @ turn + 0.3, example.graph["cluster"].x
    turned = make_example(7, k=None, positions=places, features=features)
    expected = ExpectedGradients(references=1)
    expected.fit(network, [make_example(5, seed=3)], generator())

    for explainer in (Saliency(), IntegratedGradients(), expected, Displacement(places=0)):
        before, after = (explainer.explain(network, each, generator()) for each in (example, turned))
        torch.testing.assert_close(after.clusters, before.clusters, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(("name", "trusted"), [("invariantnet", True), ("hgt", True), ("clusternet", False)])
def test_coordinates_come_with_a_caution(name, trusted, make_network):
    caution = IntegratedGradients().caution(make_network(name))

    assert (caution == "") == trusted
    assert trusted or "gradients integrated through coordinates" in caution
