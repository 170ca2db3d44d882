"""The invariant cluster encoder."""

import math

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.models.cluster_encoders.continuous_filter import ContinuousFilter, GaussianExpansion


@pytest.fixture
def make_encoder(make_sizes):
    def make(in_channels=5, **changes):
        torch.manual_seed(0)
        return ContinuousFilter(in_channels, make_sizes(), **{"channels": 8, "n_gaussians": 6} | changes)

    return make


def all_pairs(n):
    return torch.tensor([[j, i] for i in range(n) for j in range(n) if i != j], dtype=torch.int64).reshape(-1, 2).T


def case(n=6, in_channels=5, dimensions=2):
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(n, in_channels, generator=generator),
        torch.randn(n, dimensions, generator=generator),
        all_pairs(n),
    )


def test_gaussians_at_even_steps():
    expand = GaussianExpansion(5, 2.0)

    found = expand(torch.tensor([0.0, 0.75, 2.0]))

    centres = [0.0, 0.5, 1.0, 1.5, 2.0]
    expected = [[math.exp(-0.5 * ((d - c) / 0.5) ** 2) for c in centres] for d in (0.0, 0.75, 2.0)]
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("in_channels", [0, 5])
@pytest.mark.parametrize("n", [0, 1, 6])
def test_one_vector_for_each_cluster(dimensions, in_channels, n, make_encoder):
    encoder = make_encoder(in_channels)
    x, positions, edges = case(n, in_channels, dimensions)

    for found in (encoder(x, positions, edges), encoder(x, positions, edges[:, :0])):
        assert found.shape == (n, encoder.out_channels) == (n, 8)
        assert found.dtype == torch.float32
        assert found.isfinite().all()


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("in_channels", [0, 5])
def test_rotation_reflection_and_shift_change_nothing(dimensions, in_channels, make_encoder):
    encoder = make_encoder(in_channels)
    x, positions, edges = case(in_channels=in_channels, dimensions=dimensions)
    before = encoder(x, positions, edges)
    matrix, _ = torch.linalg.qr(torch.randn(dimensions, dimensions, generator=torch.Generator().manual_seed(2)))
    mirror = torch.diag(torch.tensor([-1.0, *[1.0] * (dimensions - 1)]))

    for moved in (positions @ matrix.T, positions @ mirror, positions @ matrix.T @ mirror + 7.0):
        torch.testing.assert_close(encoder(x, moved, edges), before, atol=1e-4, rtol=1e-4)
    stretched = encoder(x, positions * 1.5, edges)
    assert (stretched - before).abs().max() > 1e-3


def test_order_of_clusters_and_edges_changes_nothing(make_encoder):
    encoder = make_encoder()
    x, positions, edges = case()
    order, new = torch.tensor([3, 1, 5, 0, 4, 2]), torch.argsort(torch.tensor([3, 1, 5, 0, 4, 2]))

    found = encoder(x[order], positions[order], new[edges].flip(1))

    torch.testing.assert_close(found, encoder(x, positions, edges)[order], atol=1e-5, rtol=1e-5)


def test_each_cluster_hears_the_mean_of_its_neighbours(make_encoder):
    encoder = make_encoder()
    x, positions, _ = case(3)
    layer, edges = encoder.layers[0], torch.tensor([[1, 2], [0, 0]])
    x = encoder.lift(x)
    expanded = encoder.expand((positions[0] - positions[1:]).norm(dim=1))

    message = sum(layer.value(layer.norm(x[j])) * layer.filter(expanded[j - 1]) for j in (1, 2)) / 2

    found = layer(x, expanded, edges)
    torch.testing.assert_close(found[0], x[0] + layer.update(message[None])[0])
    torch.testing.assert_close(found[1], x[1] + layer.update(torch.zeros(1, 8))[0])


@pytest.mark.parametrize("in_channels", [0, 5])
@pytest.mark.parametrize("coincident", [False, True])
def test_gradients_reach_all_parameters(in_channels, coincident, make_encoder, check_gradients):
    encoder = make_encoder(in_channels)
    x, positions, edges = case(in_channels=in_channels)
    positions = (positions * (0.0 if coincident else 1.0)).requires_grad_()

    check_gradients(encoder, encoder(x, positions, edges))
    assert positions.grad.isfinite().all()


def test_32_bits_under_autocast(make_encoder, under_autocast):
    encoder, arguments = make_encoder(), case()

    found = under_autocast(encoder, *arguments)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, encoder(*arguments), atol=0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_gaussians": 1}, "n_gaussians of at least 2 and longest above 0, found n_gaussians=1, longest=4.0"),
        ({"longest": 0.0}, "longest=0.0"),
        ({"channels": 0}, r"channels and layers must be .* at least 1, found \[0, 3\]"),
        ({"layers": 0}, r"found \[8, 0\]"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
    ],
)
def test_settings_out_of_range(changes, message, make_encoder):
    with pytest.raises(ConfigError, match=message):
        make_encoder(**changes)
