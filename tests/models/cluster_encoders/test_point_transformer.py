"""The point-transformer cluster encoder."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.models.cluster_encoders.point_transformer import PointTransformerClusters

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0, 1, 0], [0, 0, 0, 1, 1, 2, 2, 3]])
IDLE = ["attention.2.bias"]  # a constant added to all scores leaves the softmax as it is


@pytest.fixture
def make_encoder(make_sizes):
    def make(in_channels=5, dimensions=2, channels=(6, 8), **settings):
        torch.manual_seed(0)
        return PointTransformerClusters(in_channels, make_sizes(dimensions), channels, **settings)

    return make


def case(n=4, in_channels=5, dimensions=2):
    generator = torch.Generator().manual_seed(1)
    edges = EDGES if n == 4 else EDGES[:, :0]
    return torch.randn(n, in_channels, generator=generator), torch.randn(n, dimensions, generator=generator), edges


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("in_channels", [0, 5])
@pytest.mark.parametrize("n", [0, 1, 4])
def test_one_vector_for_each_cluster(dimensions, in_channels, n, make_encoder):
    encoder = make_encoder(in_channels, dimensions)
    x, positions, edges = case(n, in_channels, dimensions)

    for found in (encoder(x, positions, edges), encoder(x, positions, edges[:, :0])):
        assert found.shape == (n, encoder.out_channels) == (n, 8)
        assert found.dtype == torch.float32
        assert found.isfinite().all()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_positions_join_the_vectors_and_the_layers_follow_each_other(dimensions, make_encoder):
    encoder = make_encoder(dimensions=dimensions)
    x, positions, edges = case(dimensions=dimensions)

    middle = encoder.layers[0](torch.cat([x, positions], dim=1), positions, edges)

    torch.testing.assert_close(encoder(x, positions, edges), encoder.layers[1](middle, positions, edges))


def test_order_of_clusters_changes_nothing(make_encoder):
    encoder = make_encoder()
    x, positions, edges = case()
    order = torch.tensor([3, 1, 0, 2])
    new = torch.argsort(order)

    found = encoder(x[order], positions[order], new[edges].flip(1))

    torch.testing.assert_close(found, encoder(x, positions, edges)[order], atol=1e-5, rtol=1e-5)


def test_rotation_is_seen(make_encoder):
    encoder = make_encoder()
    x, positions, edges = case()

    turned = encoder(x, positions.flip(1) * torch.tensor([-1.0, 1.0]), edges)

    assert (turned - encoder(x, positions, edges)).abs().max() > 1e-3


@pytest.mark.parametrize("coincident", [False, True])
def test_gradients_reach_all_parameters(coincident, make_encoder, check_gradients):
    encoder = make_encoder()
    x, positions, edges = case()
    positions = (positions * (0.0 if coincident else 1.0)).requires_grad_()

    idle = [*IDLE, *(["position.0.weight"] if coincident else [])]
    check_gradients(encoder, encoder(x, positions, edges), idle=idle)
    assert positions.grad.isfinite().all()


def test_32_bits_under_autocast(make_encoder, under_autocast):
    encoder, arguments = make_encoder(), case()

    found = under_autocast(encoder, *arguments)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, encoder(*arguments), atol=0.1, rtol=0.1)


@pytest.mark.parametrize("channels", [(), (8, 0)])
def test_channels_out_of_range(channels, make_encoder):
    with pytest.raises(ConfigError, match=r"model.cluster_encoder.channels must be one or more numbers, each at leas"):
        make_encoder(channels=channels)


def test_dropout_in_training_alone(make_encoder):
    encoder = make_encoder(dropout=0.5)
    torch.manual_seed(1)
    dropped = encoder(*case())
    assert 0 < (dropped == 0).sum() < dropped.numel()
    torch.testing.assert_close(encoder.eval()(*case()), make_encoder().eval()(*case()))


def test_dropout_out_of_range(make_encoder):
    with pytest.raises(ConfigError, match=r"dropout must be at least 0 and below 1, found 1\.5"):
        make_encoder(dropout=1.5)
