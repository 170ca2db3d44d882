"""Saliency, on networks whose gradients are known."""

from functools import partial

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.explain.base import Example
from locgraph.explain.saliency import Saliency
from locgraph.nn.localisations import first_features, owners
from locgraph.nn.precision import pool

WEIGHTS = [2.0, 0.0, 1.0, -2.0]  # of two features and two coordinates


class MeanOffset(torch.nn.Module):
    """A localisation encoder: the mean over a cluster of the localisations' second coordinate from the centre."""

    uses_localisations = True

    def __init__(self, sizes, column):
        super().__init__()
        self.out_channels, self.column = 1, column

    def forward(self, graph):
        each = first_features(graph)[:, self.column : self.column + 1]
        return pool(each, owners(graph), graph["cluster"].num_nodes, "mean")


def test_gradient_of_a_linear_network(linear_network, make_example, generator):
    found = Saliency().explain(linear_network(WEIGHTS), make_example(5), generator())

    torch.testing.assert_close(found.clusters, torch.full((5,), 3.0 / 5))
    torch.testing.assert_close(found.features, torch.tensor([2.0 / 5, 0.0]))
    assert found.localisations is None
    assert found.edges is None


@pytest.mark.parametrize(("target", "sign"), [(1, 1.0), (0, -1.0)])
def test_times_input(target, sign, linear_network, make_example, generator):
    example = make_example(5, target=target)
    x, positions = example.graph["cluster"].x, example.graph["cluster"].pos

    found = Saliency(times_input=True).explain(linear_network(WEIGHTS), example, generator())

    votes = sign * torch.cat([x, positions], dim=1) @ torch.tensor(WEIGHTS) / 5
    torch.testing.assert_close(found.clusters, votes)
    torch.testing.assert_close(found.features, torch.stack([2 * x[:, 0].abs().mean() / 5, torch.tensor(0.0)]))


@pytest.mark.parametrize("column", [1, 2], ids=["coordinate", "feature"])
@pytest.mark.parametrize("times_input", [False, True])
def test_localisations(column, times_input, linear_network, make_full_example, generator):
    example = make_full_example(sizes=(2, 4))
    network = linear_network([3.0, *WEIGHTS], partial(MeanOffset, column=column), 2)

    found = Saliency(times_input).explain(network, example, generator())

    gradient = torch.tensor([3.0 / 2 / 2] * 2 + [3.0 / 2 / 4] * 4)
    of_clusters = torch.cat([example.graph["cluster"].x, example.graph["cluster"].pos], dim=1) * torch.tensor(WEIGHTS)
    if times_input:
        expected = gradient * first_features(example.graph)[:, column]
        sums = torch.stack([expected[:2].sum(), expected[2:].sum()]) + of_clusters.sum(dim=1) / 2
    else:
        expected = gradient
        squares = torch.stack([expected[:2].square().sum(), expected[2:].square().sum()])
        sums = (squares + (3.0 / 2) ** 2).sqrt()
    torch.testing.assert_close(found.localisations, expected)
    torch.testing.assert_close(found.clusters, sums)


def test_the_cluster_that_matters_stands_out(relay_network, make_relay, generator):
    example, _ = make_relay()

    found = Saliency(times_input=True).explain(relay_network, example, generator())

    assert found.clusters.topk(2).indices.sort().values.tolist() == [2, 5]
    assert found.features[:2].min() > found.features[2] == 0


def test_order_of_clusters_changes_nothing(make_network, make_full_example, permuted, make_example, generator):
    network, example, order = make_network("invariantnet"), make_example(6), torch.tensor([3, 1, 5, 0, 4, 2])

    found = Saliency().explain(network, permuted(example, order), generator())

    torch.testing.assert_close(found.clusters, Saliency().explain(network, example, generator()).clusters[order])


def test_a_network_that_is_sure_still_has_reasons(linear_network, make_example, generator):
    example = make_example(5, features=torch.full((5, 2), 100.0))

    found = Saliency().explain(linear_network(WEIGHTS), Example("sure", example.graph, 1), generator())

    torch.testing.assert_close(found.clusters, torch.full((5,), 3.0 / 5))


def test_settings():
    with pytest.raises(ConfigError, match=r"explainer\.times_input must be true or false, found 'yes'"):
        Saliency("yes")
