"""Lengths of skeletons of known shapes."""

import numpy as np
import pytest

from locgraph.io.volumes.skeletons import skeleton_lengths

pytest.importorskip("skimage", reason="needs the extra volumes")


def length(mask, voxel_nm):
    return skeleton_lengths(np.pad(mask, 1), np.array(voxel_nm, np.float64), np.zeros(1, np.int64))[0]


def rod(start, end, radius, voxel_nm, shape):
    """Return what lies within a radius of a segment."""
    axes = [np.arange(number) * size for number, size in zip(shape, voxel_nm, strict=True)]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    along = np.subtract(end, start)
    share = np.clip(((places - start) @ along) / (along @ along), 0, 1)
    return np.linalg.norm(places - start - share[..., None] * along, axis=-1) <= radius


@pytest.mark.parametrize("voxel_nm", [(10, 10, 10), (20, 10, 10)])
@pytest.mark.parametrize("end", [(150, 150, 500), (150, 400, 450), (400, 420, 380)])
def test_a_straight_rod_is_as_long_at_any_angle(voxel_nm, end):
    start, shape = np.array([150.0, 100.0, 100.0]), [600 // size for size in voxel_nm]
    true = np.linalg.norm(np.array(end) - start)

    # thinning shortens or lengthens an end by up to about the radius of the rod
    assert length(rod(start, end, 30.0, voxel_nm, shape), voxel_nm) == pytest.approx(true, abs=2 * 30)


@pytest.mark.parametrize(("voxel_nm", "axis"), [((10, 10, 10), 0), ((20, 10, 10), 0), ((20, 10, 10), 1)])
def test_a_torus_has_the_length_of_its_ring(voxel_nm, axis):
    grid = np.meshgrid(*[np.arange(-280, 281, size) for size in voxel_nm], indexing="ij")
    in_plane = [each for index, each in enumerate(grid) if index != axis]
    mask = (np.hypot(*in_plane) - 200) ** 2 + grid[axis] ** 2 <= 50**2

    assert length(mask, voxel_nm) == pytest.approx(2 * np.pi * 200, rel=0.02)


def test_branches_are_counted_once_and_a_ball_has_hardly_any():
    cross = np.zeros((21, 21), bool)
    cross[10, :] = cross[:, 10] = True
    grid = np.meshgrid(*[np.arange(-8, 9)] * 3, indexing="ij")

    assert length(cross, (10, 10)) == pytest.approx(400, rel=0.01)
    assert length(cross, (20, 10)) == pytest.approx(600, rel=0.01)
    assert length(sum(axis**2 for axis in grid) <= 49, (10, 10, 10)) <= 20  # of a diameter of 140
    assert length(np.ones((1, 1, 1), bool), (10, 10, 10)) == 0


def test_objects_on_one_canvas_are_measured_as_alone():
    canvas = np.zeros((30, 12, 40), bool)
    canvas[3:6, 3:6, 2:38] = canvas[20:23, 4:7, 5:25] = True
    both = skeleton_lengths(canvas, np.array([30.0, 10.0, 10.0]), np.array([0, 15]))

    alone = [length(part, (30, 10, 10)) for part in (canvas[:15], canvas[15:])]
    np.testing.assert_allclose(both, alone)
    assert both[0] > both[1] > 0
