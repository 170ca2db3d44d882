"""Surfaces of label volumes: area and volume of known shapes, and points that are uniform on them."""

import numpy as np
import pytest

from locgraph.io.volumes.surfaces import draw_points, find_surfaces, smooth_surfaces

pytest.importorskip("skimage", reason="needs the extra volumes")


def ball(radius, voxel_nm):
    """Return a ball (3D) or disc (2D) about the middle of an array."""
    axes = [np.arange(-np.ceil(radius / size) - 1, np.ceil(radius / size) + 2) * size for size in voxel_nm]
    return sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")) <= radius**2


def surface(mask, voxel_nm):
    """Return the smoothed surface of one object."""
    sizes = np.array(voxel_nm, np.float64)
    raw = find_surfaces(np.pad(mask, 1), sizes, np.zeros(1, np.int64))
    return smooth_surfaces(raw, np.array([mask.sum() * sizes.prod()]))


def volume(mesh):
    """Return the volume that triangles enclose, by an independent formula: sums of x times the normal along x."""
    a, b, c = mesh.vertices[mesh.simplices].transpose(1, 0, 2)
    return abs((np.cross(b - a, c - a)[:, 0] / 2 * (a + b + c)[:, 0] / 3).sum())


@pytest.mark.parametrize(("voxel_nm", "tolerance"), [([10, 10, 10], 0.01), ([30, 10, 10], 0.05), ([20, 10, 15], 0.05)])
def test_area_and_volume_of_a_ball(voxel_nm, tolerance):
    radius = 150.0
    mesh = surface(ball(radius, voxel_nm), voxel_nm)

    assert mesh.total_sizes()[0] == pytest.approx(4 * np.pi * radius**2, rel=tolerance)
    assert volume(mesh) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)


@pytest.mark.parametrize("voxel_nm", [[10, 10, 10], [30, 10, 10]])
def test_area_and_volume_of_a_cube(voxel_nm):
    side = 300
    mask = np.ones([side // size for size in voxel_nm], bool)
    mesh = surface(mask, voxel_nm)

    assert mesh.total_sizes()[0] == pytest.approx(6 * side**2, rel=0.05)
    assert volume(mesh) == pytest.approx(side**3, rel=1e-3)  # exactly that of the voxels


@pytest.mark.parametrize("voxel_nm", [[10, 10], [20, 10]])
def test_perimeter_of_a_disc_and_a_square(voxel_nm):
    assert surface(ball(200.0, voxel_nm), voxel_nm).total_sizes()[0] == pytest.approx(2 * np.pi * 200, rel=0.02)
    square = np.ones([400 // size for size in voxel_nm], bool)
    assert surface(square, voxel_nm).total_sizes()[0] == pytest.approx(1600, rel=0.03)


def test_one_voxel_and_a_thin_line_keep_their_volume_and_place():
    one = surface(np.ones((1, 1, 1), bool), [10, 10, 10])
    line = surface(np.ones((1, 1, 30), bool), [10, 10, 10])

    assert volume(one) == pytest.approx(1000, rel=1e-3)
    assert volume(line) == pytest.approx(30_000, rel=0.02)
    assert np.ptp(line.vertices[:, 2]) == pytest.approx(300, abs=15)  # no longer than it is
    np.testing.assert_allclose(one.vertices.mean(axis=0), 10, atol=1e-9)  # the voxel behind the margin


def test_holes_and_all_components_are_part_of_the_surface():
    shell = ball(150.0, [10, 10, 10])
    inner = ball(80.0, [10, 10, 10])
    low = (np.array(shell.shape) - inner.shape) // 2
    shell[tuple(slice(first, first + side) for first, side in zip(low, inner.shape, strict=True))] &= ~inner
    two = np.zeros((40, 20, 20), bool)
    two[:10, :10, :10] = two[25:35, 5:15, 5:15] = True

    assert surface(shell, [10, 10, 10]).total_sizes()[0] == pytest.approx(4 * np.pi * (150**2 + 80**2), rel=0.02)
    assert surface(two, [10, 10, 10]).total_sizes()[0] == pytest.approx(2 * 6 * 100**2, rel=0.1)


def test_objects_on_one_canvas_are_measured_as_alone():
    parts = [ball(50.0, [10, 10, 10]), np.ones((7, 5, 6), bool)]
    canvas = np.zeros((40, 20, 20), bool)
    first = np.array([0, 20])
    for begin, part in zip(first, parts, strict=True):
        depth, height, width = part.shape
        canvas[begin + 1 : begin + 1 + depth, 1 : 1 + height, 1 : 1 + width] = part
    contents = np.array([part.sum() * 1000.0 for part in parts])
    together = smooth_surfaces(find_surfaces(canvas, np.full(3, 10.0), first), contents)

    alone = [surface(part, [10, 10, 10]).total_sizes()[0] for part in parts]
    np.testing.assert_allclose(together.total_sizes(), alone, rtol=1e-9)


def test_points_lie_on_the_surface_uniformly_by_area():
    radius = 200.0
    mesh = surface(ball(radius, [10, 10, 10]), [10, 10, 10])
    points, owners = draw_points(mesh, np.array([4000]), np.array([3], np.uint64))
    from_centre = points - mesh.vertices.mean(axis=0)
    distances = np.linalg.norm(from_centre, axis=1)

    assert (owners == 0).all()
    assert np.abs(distances - radius).max() < 10
    # Archimedes: any coordinate of uniform points on a sphere is uniform
    for axis in from_centre.T:
        share = np.histogram(axis / radius, bins=4, range=(-1, 1))[0] / 4000
        np.testing.assert_allclose(share, 0.25, atol=0.035)


def test_points_of_a_rectangle_are_in_proportion_to_its_sides():
    mesh = surface(np.ones((20, 80), bool), [10, 10])
    points = draw_points(mesh, np.array([5000]), np.array([1], np.uint64))[0]
    on_short_sides = (points[:, 1] < 10) | (points[:, 1] > 800)

    assert on_short_sides.mean() == pytest.approx(400 / 2000, abs=0.03)


def test_points_depend_on_the_seed_and_the_object_alone():
    mesh = surface(ball(50.0, [10, 10, 10]), [10, 10, 10])
    few = draw_points(mesh, np.array([5]), np.array([1], np.uint64))[0]
    many = draw_points(mesh, np.array([9]), np.array([1], np.uint64))[0]
    other = draw_points(mesh, np.array([5]), np.array([2], np.uint64))[0]

    np.testing.assert_array_equal(few, many[:5])
    assert (few != other).any(axis=1).all()
