"""Dots where localisations lie, in the right colour."""

import numpy as np
import pytest

from locgraph.show.report.raster import dot_radius, frame, paint

NO_RING = np.zeros(2, dtype=bool)
TWO = np.array([[0.0, 0.0], [100.0, 100.0]])
COLOURS = np.array([[255, 0, 0], [0, 0, 255]], dtype=np.uint8)


def test_the_frame_is_a_square_around_all_with_a_margin():
    corner, side = frame(np.array([[0.0, 10.0], [100.0, 30.0]]))

    assert side == pytest.approx(112)
    assert corner == pytest.approx([-6, -36])


def test_one_localisation_has_a_frame():
    corner, side = frame(np.array([[5.0, 5.0]]))

    assert side > 0
    assert corner + side / 2 == pytest.approx([5, 5])


def test_dots_lie_where_localisations_are_and_y_points_down():
    picture = paint(TWO, COLOURS, 50, 2.0, NO_RING)

    assert picture.shape == (50, 50, 3)
    edge = round(50 * 6 / 112)
    assert tuple(picture[edge, edge]) == (255, 0, 0)
    assert tuple(picture[50 - edge - 1, 50 - edge - 1]) == (0, 0, 255)
    assert (picture == 255).all(axis=2).mean() > 0.9


def test_later_dots_lie_on_top():
    same = np.zeros((2, 2))

    assert tuple(paint(same, COLOURS, 50, 3.0, NO_RING)[25, 25]) == (0, 0, 255)
    assert tuple(paint(same, COLOURS[::-1], 50, 3.0, NO_RING)[25, 25]) == (255, 0, 0)


def test_a_ring_is_black_around_its_dot():
    plain, ringed = (paint(TWO, COLOURS, 50, 3.0, np.array([False, ring])) for ring in (False, True))

    assert not (plain.sum(axis=2) < 60).any()
    assert (ringed.sum(axis=2) < 60).any()
    assert (ringed == [0, 0, 255]).all(axis=2).any()


def test_the_picture_does_not_change_when_the_fov_is_shifted():
    shifted = paint(TWO + 1e6, COLOURS, 40, 2.0, NO_RING)

    assert (shifted == paint(TWO, COLOURS, 40, 2.0, NO_RING)).all()


def test_more_localisations_have_smaller_dots():
    sizes = [dot_radius(n, 100) for n in (1, 100, 10_000, 1_000_000)]

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(2.2)
    assert sizes[-1] == pytest.approx(0.6)
