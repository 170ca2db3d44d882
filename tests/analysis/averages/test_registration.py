"""Templates and the registration of one object."""

import numpy as np
import pytest

from builders.drawn_objects import glyph, turn
from locgraph.analysis.averages.poses import best_rotations, even_rotations, rotation_angles
from locgraph.analysis.averages.registration import climb, overlaps
from locgraph.analysis.averages.template import Kernel, Points, Template, width_levels

TWO = glyph(".##.", "#..#", "..#.", ".#..", "####")


def points_of(places: np.ndarray, levels: np.ndarray | None = None) -> Points:
    count = len(places)
    return Points(places, np.zeros(count, int) if levels is None else levels, np.ones(count))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_density_is_the_sum_of_gaussians_with_both_variances(dimensions):
    rng = np.random.default_rng(0)
    places, levels = rng.uniform(-20, 20, (40, dimensions)), rng.integers(0, 2, 40)
    kernel = Kernel(np.array([3.0, 6.0]), 0.0, 40.0, dimensions)
    template = Template(kernel, kernel.sum(Points(places, levels, np.ones(40))))
    asked, asked_levels = rng.uniform(-20, 20, (25, dimensions)), rng.integers(0, 2, 25)
    variance = np.array([3.0, 6.0])[asked_levels][:, None] ** 2 + np.array([3.0, 6.0])[levels] ** 2
    squares = ((asked[:, None] - places) ** 2).sum(axis=-1)
    expected = (np.exp(-squares / (2 * variance)) / (2 * np.pi * variance) ** (dimensions / 2)).sum(axis=1)
    # half a pixel of the narrowest kernel is 0.18 of its width
    assert template.sample(asked, asked_levels)[:, 0] == pytest.approx(expected, rel=0.12, abs=0.03 * expected.max())


def test_outside_of_the_grid_there_is_nothing():
    kernel = Kernel(np.array([3.0]), 0.0, 40.0, 2)
    template = Template(kernel, kernel.sum(points_of(np.array([[0.0, 0.0], [500.0, 0.0]]))))
    assert template.sample(np.array([[300.0, 0.0], [0.0, -1e6]]), np.zeros(2, int)) == pytest.approx(np.zeros((2, 4)))


def test_widths_that_differ_get_two_levels():
    assert width_levels(np.array([2.0, 2.1, 2.2, 2.0])).size == 1
    assert width_levels(np.array([1.0, 1.0, 4.0, 4.0])) == pytest.approx([1.0, 4.0])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_best_rotation_undoes_a_motion_and_never_reflects(dimensions):
    rng = np.random.default_rng(0)
    points, weights = rng.normal(size=(7, dimensions)), rng.random((1, 7))
    rotation = even_rotations(dimensions, 0.5)[5]
    turned, moved = best_rotations(points, (points @ rotation.T + 3.0)[None], weights)
    assert turned[0] == pytest.approx(rotation)
    assert moved[0] == pytest.approx(np.full(dimensions, 3.0))
    mirrored = points * [-1, *[1] * (dimensions - 1)]
    assert np.linalg.det(best_rotations(points, mirrored[None], weights)[0][0]) == pytest.approx(1.0)


@pytest.mark.parametrize(("dimensions", "step"), [(2, 0.3), (3, 0.4)])
def test_every_rotation_has_one_near_it(dimensions, step):
    rotations = even_rotations(dimensions, step)
    assert np.linalg.det(rotations) == pytest.approx(np.ones(len(rotations)))
    rng = np.random.default_rng(0)
    for _ in range(50):
        drawn = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
        drawn[:, 0] *= np.linalg.det(drawn)
        assert rotation_angles(rotations, drawn).min() < 1.1 * step


def test_climbing_never_lowers_the_overlap_and_reaches_the_pose():
    rng = np.random.default_rng(0)
    kernel = Kernel(np.array([3.0]), 4.0, 90.0, 2)
    template = Template(
        kernel, kernel.sum(points_of(np.repeat(TWO, 20, axis=0) + rng.normal(0, 3, (20 * len(TWO), 2))))
    )
    seen = points_of((TWO - [4.0, -3.0]) @ turn(-0.12).T)
    rotations, shifts = np.eye(2)[None], np.zeros((1, 2))
    values = [overlaps(seen, template, rotations, shifts)[0]]
    for _ in range(25):
        rotations, shifts = climb(seen, template, rotations, shifts, 1)
        values.append(overlaps(seen, template, rotations, shifts)[0])
    assert np.diff(values).min() > -1e-3 * values[-1]
    assert values[-1] > 1.1 * values[0]
    assert rotations[0] == pytest.approx(turn(0.12), abs=0.03)
    assert seen.places @ rotations[0].T + shifts[0] == pytest.approx(TWO, abs=1.5)
