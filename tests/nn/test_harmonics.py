"""Angular harmonics: against scipy, their couplings against rotations and mirrors, and coefficients against a loop."""

import math

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y
from scipy.stats import special_ortho_group

from locgraph.errors import ConfigError
from locgraph.nn.angular import ShellHarmonics, couplings, harmonics
from locgraph.nn.clouds import Clouds
from locgraph.nn.loc_encoders import Harmonics


def directions(count, dimensions):
    return torch.randn(count, dimensions, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def clouds_of(points):
    return Clouds.of(points, torch.arange(len(points)) // (len(points) // 2), 2)


@pytest.mark.parametrize("degree", range(5))
def test_spherical_harmonics_are_those_of_scipy(degree):
    points = directions(20, 3)
    x, y, z = points.T.numpy()
    angles = np.arccos(z / np.linalg.norm(points, axis=1)), np.arctan2(y, x)

    found = harmonics(points, 5)[degree].T.numpy()

    expected = [sph_harm_y(degree, 0, *angles).real]
    for order in range(1, degree + 1):
        value = math.sqrt(2) * (-1) ** order * sph_harm_y(degree, order, *angles)
        expected += [value.real, value.imag]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_plane_harmonics_are_cosine_and_sine_of_multiples():
    angle = torch.linspace(0, 6, 30, dtype=torch.float64)
    points = 3.0 * torch.stack([angle.cos(), angle.sin()], dim=1)

    found = harmonics(points, 4)

    torch.testing.assert_close(found[0], torch.full((30, 1), 1 / math.sqrt(2 * math.pi), dtype=torch.float64))
    for degree in range(1, 5):
        expected = torch.stack([(degree * angle).cos(), (degree * angle).sin()], dim=1) / math.sqrt(math.pi)
        torch.testing.assert_close(found[degree], expected)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_point_at_the_origin_has_no_direction(dimensions):
    found = harmonics(torch.zeros(1, dimensions), 3)

    assert found[0].item() > 0
    assert all((value == 0).all() for value in found[1:])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_couplings_do_not_change_under_rotation(dimensions):
    points = directions(3, dimensions)
    rotation = torch.from_numpy(special_ortho_group.rvs(dimensions, random_state=0))

    def coupled(points):
        values = harmonics(points, 4)
        return {
            degrees: torch.einsum("tijk,i,j,k->t", tensor.double(), *(values[d][n] for n, d in enumerate(degrees)))
            for degrees, tensor in couplings(4, dimensions).items()
        }

    before, after = coupled(points), coupled(points @ rotation.T)
    mirrored = coupled(points * torch.tensor([-1.0] + [1.0] * (dimensions - 1)))

    assert len(before) > 3
    for degrees, value in before.items():
        assert value.abs().max() > 1e-4
        torch.testing.assert_close(after[degrees], value, atol=1e-6, rtol=0)
        odd = -1 if dimensions == 3 and degrees == (1, 1, 1) else 1
        sign = torch.tensor([1.0, -1.0]) if dimensions == 2 else torch.tensor([float(odd)])
        torch.testing.assert_close(mirrored[degrees], value * sign, atol=1e-6, rtol=0)


def test_coefficients_equal_a_loop():
    points = directions(24, 2).float()
    shells, clouds = ShellHarmonics(6, 2.0, 3), clouds_of(points)

    found = shells(clouds)

    assert [tuple(value.shape) for value in found] == [(2, 6, 1), (2, 6, 2), (2, 6, 2), (2, 6, 2)]
    mine = points[12:] - points[12:].mean(dim=0)
    expected, width = torch.zeros(6, 2), 2.0 / 6
    for x, y in mine.tolist():
        radius, angle = math.hypot(x, y), math.atan2(y, x)
        fade = math.exp(-0.5 * (2 * width) ** 2 / (radius**2 + width**2)) / math.sqrt(math.pi) / 12
        for shell, centre in enumerate(torch.linspace(0, 2.0, 6).tolist()):
            size = fade * math.exp(-0.5 * ((radius - centre) / width) ** 2)
            expected[shell] += size * torch.tensor([math.cos(2 * angle), math.sin(2 * angle)])
    torch.testing.assert_close(found[2][1], expected)


def test_the_number_of_localisations_changes_nothing(make_sizes):
    points = directions(20, 3).float()
    encoder = Harmonics(make_sizes(3), channels=(6,))

    once = encoder.invariants(clouds_of(points))
    twice = encoder.invariants(clouds_of(points.repeat_interleave(2, dim=0)))

    torch.testing.assert_close(once, twice)


def test_a_symmetric_structure_has_a_vector_that_rotation_does_not_change(make_sizes):
    angle = torch.arange(8) * math.pi / 4
    ring = torch.stack([angle.cos(), angle.sin()], dim=1)
    turned = torch.stack([(angle + 0.3).cos(), (angle + 0.3).sin()], dim=1)
    encoder = Harmonics(make_sizes(2), channels=(6,))

    torch.testing.assert_close(
        encoder.invariants(Clouds.of(turned, torch.zeros(8, dtype=torch.long), 1)),
        encoder.invariants(Clouds.of(ring, torch.zeros(8, dtype=torch.long), 1)),
        atol=2e-3,  # roots of what is 0
        rtol=0,
    )


@pytest.mark.parametrize(
    ("setting", "value"), [("mixtures", 0), ("degree", 0), ("shells", 1), ("longest", 0.0), ("dropout", 1.0)]
)
def test_settings_that_cannot_work(setting, value, make_sizes):
    with pytest.raises(ConfigError, match=str(value)) as error:
        Harmonics(make_sizes(), **{setting: value})
    assert error.value.setting == setting
