import numpy as np
import pytest

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.filling import Compactness


def compactness(points):
    return Compactness().compute(Groups.from_labels(points, np.zeros(len(points), dtype=int)))["compactness"][0]


def test_square_and_cube():
    square = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.2]])
    assert compactness(square) == pytest.approx(np.sqrt(4 / np.pi) / np.sqrt(2))
    cube = np.stack(np.meshgrid([0.0, 2.0], [0.0, 2.0], [0.0, 2.0]), axis=-1).reshape(-1, 3)
    assert compactness(cube) == pytest.approx(np.cbrt(6 * 8 / np.pi) / np.sqrt(12))


def test_disc_and_ball_come_to_one_and_never_more():
    angles = 2 * np.pi * np.arange(2000) / 2000
    disc = compactness(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert 1 - 1e-5 < disc <= 1
    directions = np.random.default_rng(0).normal(size=(4000, 3))
    ball = compactness(directions / np.linalg.norm(directions, axis=1, keepdims=True))
    assert 1 - 3e-3 < ball <= 1


def test_a_ragged_rim_does_not_count_as_in_circularity():
    rectangle = np.array([[0.0, 0], [10, 0], [10, 1], [0, 1]])
    assert compactness(rectangle) == pytest.approx(np.sqrt(40 / np.pi) / np.sqrt(101))


@pytest.mark.parametrize("points", [np.zeros((1, 2)), np.ones((5, 3)), np.arange(6.0)[:, None] * [1, 2]])
def test_nothing_to_fill_gives_zero(points):
    assert compactness(points) == 0.0
