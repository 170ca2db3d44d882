"""The invariant cluster encoder; what holds for all encoders is in test_contract.py."""

import pytest
import torch

from locgraph.nn.cluster_encoders.continuous_filter import ContinuousFilter


@pytest.fixture
def make_encoder(make_sizes):
    def make(in_channels=5, **changes):
        torch.manual_seed(0)
        return ContinuousFilter(in_channels, make_sizes(), **{"channels": 8, "n_gaussians": 6} | changes)

    return make


@pytest.mark.parametrize("n", [0, 1])
def test_all_clusters_or_none(n, make_encoder):
    assert make_encoder()(torch.randn(n, 5), torch.randn(n, 2), torch.empty(2, 0, dtype=torch.int64)).shape == (n, 8)


def test_each_cluster_hears_the_mean_of_its_neighbours(make_encoder):
    encoder = make_encoder()
    x, positions = torch.randn(3, 5), torch.randn(3, 2)
    layer, edges = encoder.layers[0], torch.tensor([[1, 2], [0, 0]])
    x = encoder.lift(x)
    expanded = encoder.expand((positions[0] - positions[1:]).norm(dim=1))

    message = sum(layer.value(layer.norm(x[j])) * layer.filter(expanded[j - 1]) for j in (1, 2)) / 2

    found = layer(x, expanded, edges)
    torch.testing.assert_close(found[0], x[0] + layer.update(message[None])[0])
    torch.testing.assert_close(found[1], x[1] + layer.update(torch.zeros(1, 8))[0])


def test_layers_follow_each_other(make_encoder):
    encoder = make_encoder(layers=2)
    x, positions, edges = torch.randn(3, 5), torch.randn(3, 2), torch.tensor([[1, 2, 0], [0, 0, 1]])
    expanded = encoder.expand((positions[edges[0]] - positions[edges[1]]).norm(dim=1))

    first = encoder.layers[0](encoder.lift(x), expanded, edges)

    torch.testing.assert_close(encoder(x, positions, edges), encoder.layers[1](first, expanded, edges))
