"""The point-transformer cluster encoder; what holds for all encoders is in test_contract.py."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.cluster_encoders.point_transformer import PointTransformerClusters

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0, 1, 0], [0, 0, 0, 1, 1, 2, 2, 3]])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_positions_join_the_vectors_and_the_layers_follow_each_other(dimensions, make_sizes):
    torch.manual_seed(0)
    encoder = PointTransformerClusters(5, make_sizes(dimensions), (6, 8))
    x, positions = torch.randn(4, 5), torch.randn(4, dimensions)

    middle = encoder.layers[0](torch.cat([x, positions], dim=1), positions, EDGES)

    torch.testing.assert_close(encoder(x, positions, EDGES), encoder.layers[1](middle, positions, EDGES))


def test_dropped_values_are_0(make_sizes):
    torch.manual_seed(0)
    encoder = PointTransformerClusters(5, make_sizes(), (6, 8), dropout=0.5)

    found = encoder(torch.randn(4, 5), torch.randn(4, 2), EDGES)

    assert 0 < (found == 0).sum() < found.numel()


def test_without_clusters(make_sizes):
    encoder = PointTransformerClusters(5, make_sizes(), (6, 8))

    assert encoder(torch.randn(0, 5), torch.randn(0, 2), EDGES[:, :0]).shape == (0, 8)


def test_no_channels(make_sizes):
    with pytest.raises(ConfigError, match=r"channels must be one or more numbers, each at least 1, found \[\]"):
        PointTransformerClusters(5, make_sizes(), ())
