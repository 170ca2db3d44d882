"""Solids shaped like nuclei."""

import numpy as np
import pytest

from locgraph.simulate.nuclei import SHAPES, draw_nucleus, spread_directions, surface_radius


@pytest.mark.parametrize("shape", SHAPES)
def test_volume_centroid_and_axes_are_those_of_uniform_places(shape):
    nucleus = draw_nucleus(shape, 1000.0, 0.4, 0.7, np.random.default_rng(2))
    rng = np.random.default_rng(0)
    box = np.prod(np.ptp(nucleus.surface, axis=0))
    places = nucleus.draw_places(200_000, rng)

    # standard errors of about 0.2 %, 0.5 nm and 0.3 %
    assert len(places) / 200_000 * box == pytest.approx(np.pi / 6 * 1000.0**3, rel=0.01)
    np.testing.assert_allclose(places.mean(axis=0), 0.0, atol=3.0)
    covariance = places.T @ places / len(places)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), nucleus.extents, rtol=0.01)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0.0, atol=0.01 * covariance.max())
    assert nucleus.extents[0] >= nucleus.extents[1] >= nucleus.extents[2]


def test_an_ellipsoid_has_the_axes_asked_for():
    nucleus = draw_nucleus("ellipsoid", 1000.0, 0.4, 0.7, np.random.default_rng(0))

    np.testing.assert_allclose(nucleus.extents / nucleus.extents[0], [1, 0.7, 0.4], rtol=2e-3)
    assert np.prod(nucleus.semi_axes) == pytest.approx(500.0**3, rel=2e-3)
    assert nucleus.radius_nm == pytest.approx(nucleus.semi_axes.max(), rel=2e-3)
    x, y, z = nucleus.semi_axes
    ends = np.array([[x, 0, 0], [0, y, 0], [0, 0, z], [x / 2, 0, 0]])
    np.testing.assert_allclose(nucleus.share_of_radius(ends @ nucleus.axes), [1, 1, 1, 0.5], atol=0.02)


def test_axes_are_never_a_reflection():
    for seed in range(5):
        nucleus = draw_nucleus("lobed", 1000.0, 0.5, 0.8, np.random.default_rng(seed))
        assert np.linalg.det(nucleus.axes) == pytest.approx(1.0)
        assert 2 <= len(nucleus.lobes) <= 4


def test_a_lobe_stands_out_of_the_ellipsoid():
    lobe = np.array([[0.0, 0.0, 1.0]])
    radius = surface_radius(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]), np.array([3.0, 2.0, 1.0]), lobe)

    assert radius[0] == pytest.approx(1.35)
    assert radius[1] == pytest.approx(1.0, abs=1e-5)


def test_directions_are_even():
    directions = spread_directions(1000)

    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    np.testing.assert_allclose(directions.T @ directions / 1000, np.eye(3) / 3, atol=1e-3)
