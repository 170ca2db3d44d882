import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import kstest

from locgraph.errors import ConfigError
from locgraph.simulate.pose import draw_centres, draw_rotation, draw_structure
from locgraph.simulate.templates import template


def rotations(max_tilt_deg, n=4000):
    rng = np.random.default_rng(1)
    return np.array([draw_rotation(max_tilt_deg, rng) for _ in range(n)])


@pytest.mark.parametrize("max_tilt_deg", [0, 30, 180])
def test_rotations_are_proper(max_tilt_deg):
    drawn = rotations(max_tilt_deg, 50)
    np.testing.assert_allclose(drawn @ drawn.transpose(0, 2, 1), np.broadcast_to(np.eye(3), drawn.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(drawn), 1)


def test_without_tilt_every_angle_in_the_plane_is_as_likely():
    drawn = rotations(0)
    np.testing.assert_allclose(drawn[:, 2, 2], 1)
    angle = np.arctan2(drawn[:, 1, 0], drawn[:, 0, 0]) % (2 * np.pi)
    assert kstest(angle / (2 * np.pi), "uniform").pvalue > 0.01


def test_full_tilt_gives_every_orientation_alike():
    drawn = rotations(180)
    for row in range(3):
        for column in range(3):  # each entry of a uniform rotation is a coordinate of a point on the unit sphere
            assert kstest((drawn[:, row, column] + 1) / 2, "uniform").pvalue > 0.001
    angle = np.arccos((np.trace(drawn, axis1=1, axis2=2) - 1) / 2)
    assert kstest(angle, lambda a: (a - np.sin(a)) / np.pi).pvalue > 0.01


def test_tilt_keeps_to_its_cap():
    up = rotations(30)[:, 2, 2]
    low = np.cos(np.deg2rad(30))
    assert up.min() >= low
    assert kstest((up - low) / (1 - low), "uniform").pvalue > 0.01


def test_structure_in_3d_is_moved_as_a_whole():
    sites, centre = template("tripod"), np.array([100.0, -50.0, 7.0])
    placed = draw_structure(sites, centre, 180, np.random.default_rng(0))
    np.testing.assert_allclose(pdist(placed), pdist(sites))
    np.testing.assert_allclose(placed.mean(axis=0), centre)


def area(corners):
    """Signed area of the triangle of three points."""
    return np.cross(np.append(corners[1] - corners[0], 0), np.append(corners[2] - corners[0], 0))[2] / 2


def test_structure_in_2d_keeps_its_handedness_and_a_tilt_foreshortens_it():
    sites = np.pad(template("L"), ((0, 0), (0, 1)))
    rng = np.random.default_rng(0)
    whole = area(sites[[0, 4, 7], :2])
    for _ in range(20):
        flat = draw_structure(sites, np.zeros(2), 0, rng)
        assert area(flat[[0, 4, 7]]) == pytest.approx(whole)
        tilted = draw_structure(sites, np.zeros(2), 60, rng)
        assert 0.5 <= area(tilted[[0, 4, 7]]) / whole <= 1


@pytest.mark.parametrize("dimensions", [2, 3])
def test_centres_keep_apart_and_inside(dimensions):
    field = np.array([600.0, 600.0, 300.0])[:dimensions]
    for seed in range(10):
        centres = draw_centres(10, 40, 20, field, np.random.default_rng(seed))
        assert centres.shape == (10, dimensions)
        assert pdist(centres).min() >= 100
        assert centres.min() >= 40
        assert np.all(centres <= field - 40)


def test_one_structure_is_anywhere_in_the_field():
    rng = np.random.default_rng(3)
    places = np.array([draw_centres(1, 40, 20, np.array([200.0, 200.0]), rng)[0] for _ in range(2000)])
    for axis in range(2):
        assert kstest((places[:, axis] - 40) / 120, "uniform").pvalue > 0.01


def test_too_small_a_field_is_refused():
    with pytest.raises(ConfigError, match="100 nm across does not fit in a field of 90 x 90 nm: raise field_nm"):
        draw_centres(1, 50, 0, np.array([90.0, 90.0]), np.random.default_rng(0))


def test_too_many_structures_are_refused():
    with pytest.raises(ConfigError, match=r"50 structures.*lower structures_per_fov"):
        draw_centres(50, 40, 20, np.array([400.0, 400.0]), np.random.default_rng(0))
