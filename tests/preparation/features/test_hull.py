"""Convex hulls, and how much of them a cluster fills."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from builders.clusters import degenerate_clusters
from locgraph.preparation.features import filling, hull
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.filling import Compactness, Solidity
from locgraph.preparation.features.hull import Hull, diameter, monotone_chain, solid_hulls


def measure_hull(points, labels=None):
    labels = np.zeros(len(points), dtype=int) if labels is None else labels
    return Hull().compute(Groups.from_labels(points, labels))


def test_rectangle():
    values = measure_hull(np.array([[0.0, 0], [4, 0], [4, 3], [0, 3], [2, 1], [2, 0]]))
    assert values["perimeter_hull"][0] == pytest.approx(14.0)
    assert values["area_hull"][0] == pytest.approx(12.0)
    assert values["length_hull"][0] == pytest.approx(5.0)
    assert values["circularity"][0] == pytest.approx(4 * np.pi * 12 / 14**2)
    assert values["density_hull"][0] == pytest.approx(0.5)


@pytest.mark.parametrize("shift", [0.0, 1e9])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_degenerate_clusters(dimensions, shift):
    for name, points in degenerate_clusters(dimensions).items():
        points = points + shift
        values = {key: value[0] for key, value in measure_hull(points).items()}
        length = pdist(points).max() if len(points) > 1 else 0.0
        assert values["length_hull"] == pytest.approx(length, rel=1e-7), name
        if dimensions == 2:
            assert values["perimeter_hull"] == pytest.approx(2 * length, rel=1e-7), name
            assert values["area_hull"] == values["circularity"] == 0.0, name
        else:
            assert values["surface_hull"] == values["volume_hull"] == values["sphericity"] == 0.0, name
        assert values["density_hull"] == 0.0, name


def test_a_triangle_has_an_area_however_thin_above_rounding():
    thin = measure_hull(np.array([[0.0, 0.0], [100.0, 0.0], [50.0, 1e-5]]))
    assert thin["area_hull"][0] == pytest.approx(5e-4, rel=1e-9)
    assert thin["density_hull"][0] == pytest.approx(3 / 5e-4, rel=1e-9)


def in_order(points):
    return np.ascontiguousarray(points[np.lexsort(points.T[::-1])])


@pytest.mark.parametrize("seed", range(20))
def test_monotone_chain_finds_the_vertices_of_scipy(seed):
    points = np.random.default_rng(seed).normal(size=(5 + 30 * seed, 2))
    hull = ConvexHull(points)
    result = monotone_chain(in_order(points))
    assert sorted(map(tuple, result)) == sorted(map(tuple, points[hull.vertices]))
    x, y = result.T
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2 == pytest.approx(hull.volume, rel=1e-12)  # anticlockwise


def test_points_on_edges_are_no_vertices():
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    assert monotone_chain(in_order(np.vstack([grid, grid]))).tolist() == [[0, 0], [4, 0], [4, 3], [0, 3]]


def test_monotone_chain_of_few_points():
    assert monotone_chain(np.array([[1.0, 2.0]])).tolist() == [[1, 2]]
    assert monotone_chain(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist() == [[1, 2], [3, 4]]
    assert monotone_chain(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])).tolist() == [[0, 0], [2, 2]]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_diameter_equals_all_pairs(dimensions, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(2 + 10 * seed, dimensions)) * rng.uniform(0.01, 10, dimensions) + rng.normal(0, seed)
    assert diameter(points) == pytest.approx(pdist(points).max(), rel=1e-14)


BOX = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0]), axis=-1).reshape(-1, 3)


def random_rotation(dimensions):
    """A proper rotation (D, D)."""
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(dimensions, dimensions)))[0]
    rotation[:, 0] *= np.sign(np.linalg.det(rotation))
    return rotation


def groups_of(*clusters):
    labels = np.repeat(np.arange(len(clusters)), [len(points) for points in clusters])
    return Groups.from_labels(np.vstack(clusters), labels)


@pytest.mark.parametrize("thickness", [50.0, 1.0, 1e-3, 1e-5])
def test_boxes_from_thick_to_thin(thickness):
    sides = np.array([100.0, 70.0, thickness])
    box = BOX * sides @ random_rotation(3)
    surface, volume, length = solid_hulls(groups_of(box))
    assert surface[0] == pytest.approx(2 * (sides[0] * sides[1] + thickness * (sides[0] + sides[1])), rel=1e-9)
    assert volume[0] == pytest.approx(sides.prod(), rel=1e-6)
    assert length[0] == pytest.approx(np.linalg.norm(sides), rel=1e-12)


def test_flat_and_solid_clusters_side_by_side():
    plate = np.array([[0.0, 0, 0], [4, 0, 0], [4, 3, 0], [0, 3, 0], [1, 1, 0]]) @ random_rotation(3)
    line = np.linspace(0, 5, 7)[:, None] * [0.6, 0.0, 0.8]
    surface, volume, length = solid_hulls(groups_of(plate, BOX, line, BOX * 2, np.ones((4, 3))))
    assert surface == pytest.approx([24.0, 6.0, 0.0, 24.0, 0.0])
    assert volume == pytest.approx([0.0, 1.0, 0.0, 8.0, 0.0])
    assert length == pytest.approx([5.0, np.sqrt(3), 5.0, np.sqrt(12), 0.0])


def test_what_qhull_refuses_counts_as_flat(monkeypatch):
    def refuse(points):
        raise hull.QhullError("initial simplex is flat")

    monkeypatch.setattr(hull, "ConvexHull", refuse)
    surface, volume, length = solid_hulls(groups_of(BOX * [4.0, 3.0, 1e-6]))
    assert surface[0] == pytest.approx(24.0)
    assert volume[0] == 0.0
    assert length[0] == pytest.approx(5.0)


def compactness(points):
    return Compactness().compute(Groups.from_labels(points, np.zeros(len(points), dtype=int)))["compactness"][0]


def test_disc_and_ball_come_to_one_and_never_more():
    angles = 2 * np.pi * np.arange(2000) / 2000
    disc = compactness(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert 1 - 1e-5 < disc <= 1
    directions = np.random.default_rng(0).normal(size=(4000, 3))
    ball = compactness(directions / np.linalg.norm(directions, axis=1, keepdims=True))
    assert 1 - 3e-3 < ball <= 1


@pytest.mark.parametrize("points", [np.zeros((1, 2)), np.ones((5, 3)), np.arange(6.0)[:, None] * [1, 2]])
def test_nothing_to_fill_gives_zero(points):
    assert compactness(points) == 0.0


def measure_solidity(points, alpha_nm, labels=None):
    labels = np.zeros(len(points), dtype=int) if labels is None else labels
    return Solidity(alpha_nm).compute(Groups.from_labels(points, labels))["solidity"]


def grid(*sides):
    return np.stack(np.meshgrid(*[np.arange(side + 1.0) for side in sides]), axis=-1).reshape(-1, len(sides))


def test_an_l_of_unit_squares():
    square = grid(4, 4)
    shape = square[(square[:, 0] <= 1) | (square[:, 1] <= 1)]
    # 7 squares and the half of one in the inner corner; the hull cuts a triangle of side 3 off 16
    assert measure_solidity(shape, 0.8)[0] == pytest.approx(7.5 / (16 - 4.5))
    assert measure_solidity(shape, 100.0)[0] == pytest.approx(1.0)


def test_a_hole_is_seen_until_alpha_spans_it():
    square = grid(6, 6)
    ring = square[(np.abs(square - 3) >= 2).any(axis=1)]  # a hole of side 4, whose circumscribed radius is 2.83
    assert measure_solidity(ring, 0.8)[0] == pytest.approx((36 - 16 + 4 * 0.5) / 36)  # 4 inner corners
    assert measure_solidity(ring, 3.0)[0] == pytest.approx(1.0)


def test_separate_parts_in_three_dimensions():
    points = np.vstack([grid(1, 1, 1), grid(1, 1, 1) + np.array([4.0, 0.0, 0.0])])
    assert measure_solidity(points, 0.9)[0] == pytest.approx(2 / 5)  # half a unit cube's diagonal is 0.87
    assert measure_solidity(points, 0.8)[0] == pytest.approx(0.0)
    assert measure_solidity(points, 50.0)[0] == pytest.approx(1.0)


def test_a_radius_equal_to_alpha_counts():
    assert measure_solidity(grid(2, 2), np.sqrt(0.5))[0] == pytest.approx(1.0)
    assert measure_solidity(grid(2, 2) * 0.1 + 0.3, np.sqrt(0.5) * 0.1)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_degenerate_clusters_among_others(dimensions):
    line = np.arange(5.0)[:, None] * np.arange(1.0, dimensions + 1)
    clusters = [np.ones((4, dimensions)), grid(*[3] * dimensions), line, np.zeros((1, dimensions))]
    labels = np.repeat(np.arange(4), [len(points) for points in clusters])
    assert measure_solidity(np.vstack(clusters), 0.9, labels) == pytest.approx([0.0, 1.0, 0.0, 0.0])


def test_what_qhull_refuses_has_none(monkeypatch):
    def refuse(points):
        raise QhullError("initial simplex is flat")

    monkeypatch.setattr(filling, "Delaunay", refuse)
    assert measure_solidity(grid(2, 2), 1.0).tolist() == [0.0]
