"""Expanded distances, and angles against hand-made ones."""

import math

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.geometry import GaussianExpansion, LogGaussianExpansion, cosines, expanded_layer, sines

STAR = torch.tensor([[1, 2, 3], [0, 0, 0]])
"""Edges from the others to cluster 0."""


def star(*neighbours):
    """Cluster 0 at a place of its own, the others around it."""
    return torch.tensor([[0.0] * len(neighbours[0]), *neighbours]) + 5.0


def softened(vector):
    return vector / math.sqrt(vector @ vector + 0.1**2)


def test_harmonics_of_the_angle_with_the_mean_direction():
    at = [0.3, 1.0, 2.5]  # angles of the neighbours, at several distances
    positions = star(*([r * math.cos(t), r * math.sin(t)] for r, t in zip((1.0, 3.0, 0.2), at, strict=True)))
    mean = softened(sum(torch.tensor([math.cos(t), math.sin(t)]) for t in at) / 3)
    certainty, direction = mean.norm().item(), math.atan2(mean[1], mean[0])

    orders = range(1, 5)
    expected = [[certainty**n * math.cos(n * (t - direction)) for n in orders] for t in at]
    torch.testing.assert_close(cosines(positions, STAR, 4), torch.tensor(expected), atol=1e-4, rtol=1e-4)
    expected = [[certainty**n * math.sin(n * (t - direction)) for n in orders] for t in at]
    torch.testing.assert_close(sines(positions, STAR, 4), torch.tensor(expected), atol=1e-4, rtol=1e-4)


def test_first_harmonics_in_3d():
    positions = star([1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 4.0])
    mean = softened(torch.ones(3) / 3)
    weights = torch.tensor([1.0, 1 / 4, 1 / 16])
    across = softened(torch.linalg.cross(mean, softened(weights / weights.sum())))

    torch.testing.assert_close(cosines(positions, STAR, 1)[:, 0], mean)
    torch.testing.assert_close(sines(positions, STAR, 1)[:, 0], across)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_motion_changes_nothing_and_a_reflection_the_sign_of_sines(dimensions, rotation):
    torch.manual_seed(0)
    positions = torch.randn(6, dimensions)
    edges = torch.tensor([[j, i] for i in range(6) for j in range(6) if i != j]).T
    mirror = torch.ones(dimensions)
    mirror[0] = -1.0

    for function, sign in ((cosines, 1.0), (sines, -1.0)):
        before = function(positions, edges, 3)
        moved = 2.0 * positions @ rotation(dimensions).T + 1.0
        torch.testing.assert_close(function(moved, edges, 3), before, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(function(positions * mirror, edges, 3), sign * before, atol=1e-4, rtol=1e-4)
        assert before.abs().max() > 0.1


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("function", [cosines, sines])
def test_no_angle_where_neighbours_lie_all_around(dimensions, function):
    ahead = torch.eye(dimensions)[0].tolist()
    positions = star(ahead, [-value for value in ahead])

    assert function(positions, STAR[:, :2], 3).abs().max() < 1e-5


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("function", [cosines, sines])
def test_coincident_points_and_no_edges(dimensions, function):
    positions = torch.zeros(4, dimensions, requires_grad=True)

    found = function(positions, STAR, 3)

    # of the even harmonics a constant is left: there is no direction, and no mean
    assert found.abs().max() < 1e-5
    found.sum().backward()
    assert positions.grad.isfinite().all()
    assert function(positions, STAR[:, :0], 3).shape == (0, 3)


def test_under_autocast():
    positions = star([1.0, 0.0], [0.0, 2.0], [-1.0, 0.5])
    expected = sines(positions, STAR, 3)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = sines(positions + 64.0, STAR, 3)

    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_gaussians_at_even_steps():
    expand = GaussianExpansion(5, 2.0)

    found = expand(torch.tensor([0.0, 0.75, 2.0]))

    centres = [0.0, 0.5, 1.0, 1.5, 2.0]
    expected = [[math.exp(-0.5 * ((d - c) / 0.5) ** 2) for c in centres] for d in (0.0, 0.75, 2.0)]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_gaussians_at_even_ratios():
    expand = LogGaussianExpansion(4, 0.01, 10.0)

    found = expand(torch.tensor([0.01, 0.3, 10.0, 0.0001, 0.0]))

    centres = [-2.0, -1.0, 0.0, 1.0]  # powers of ten
    expected = [[math.exp(-0.5 * (math.log10(d) - c) ** 2) for c in centres] for d in (0.01, 0.3, 10.0, 0.01, 0.01)]
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("expand", [GaussianExpansion(3, 2.0), LogGaussianExpansion(3, 0.1, 2.0)])
def test_a_state_without_what_is_learned(expand):
    assert list(expand.parameters()) == []
    assert expand.state_dict()["centres"].shape == (3,)
    assert expand(torch.empty(0)).shape == (0, 3)


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: GaussianExpansion(1, 4.0), "n_gaussians"),
        (lambda: GaussianExpansion(8, 0.0), "longest"),
        (lambda: GaussianExpansion(8, math.nan), "longest"),
        (lambda: LogGaussianExpansion(1, 0.1, 4.0), "n_gaussians"),
        (lambda: LogGaussianExpansion(8, 0.0, 4.0), "shortest"),
        (lambda: LogGaussianExpansion(8, 4.0, 4.0), "shortest"),
    ],
)
def test_out_of_range(make, setting):
    with pytest.raises(ConfigError) as error:
        make()
    assert error.value.setting == setting


@pytest.mark.parametrize("count", [8, 32, 128])
def test_a_layer_on_expanded_distances_starts_with_variance_1_whatever_their_number(count):
    torch.manual_seed(0)
    layer = expanded_layer(count, 2000)

    found = layer(GaussianExpansion(count, 4.0)(torch.linspace(1.0, 3.0, 20)))

    assert layer.bias is None
    assert found.var(dim=1).tolist() == pytest.approx([1.0] * 20, abs=0.12)
    assert expanded_layer(count, 3, bias=True).bias.shape == (3,)
