"""Filters on distances and unsigned angles; what holds for all encoders is in test_contract.py."""

import math

import pytest
import torch

from locgraph.nn.angles import cosines

EDGES = torch.tensor([[1, 2, 3], [0, 0, 0]])


@pytest.fixture
def make_encoder(make_part, make_sizes):
    def make(name, dimensions=2):
        return make_part("cluster_encoder", name, {"in_channels": 5, "sizes": make_sizes(dimensions)})

    return make


def fan(*angles):
    """Cluster 0, and one neighbour at distance 1 in each direction."""
    return torch.tensor([[0.0, 0.0], *([math.cos(t), math.sin(t)] for t in angles)])


def test_sees_angles_where_all_distances_are_the_same(make_encoder):
    x, narrow, wide = torch.randn(4, 5), fan(0.0, 0.3, 1.0), fan(0.0, 1.3, 2.0)

    seen = {}
    for name in ("continuous_filter", "angular_filter"):
        encoder = make_encoder(name)
        seen[name] = (encoder(x, narrow, EDGES) - encoder(x, wide, EDGES)).abs().max()

    assert seen["continuous_filter"] < 1e-5
    assert seen["angular_filter"] > 1e-3


def test_angles_stand_beside_expanded_distances(make_encoder):
    encoder, x, positions = make_encoder("angular_filter"), torch.randn(4, 5), fan(0.0, 0.3, 1.0)
    values = torch.cat([encoder.expand(torch.ones(3)), cosines(positions, EDGES, 3)], dim=1)

    middle = encoder.layers[0](encoder.lift(x), values, EDGES)

    torch.testing.assert_close(encoder(x, positions, EDGES), encoder.layers[1](middle, values, EDGES))
