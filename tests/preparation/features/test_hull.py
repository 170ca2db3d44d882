import time

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.hull import Hull, hulls


def random_clusters(dimensions, n_clusters=60):
    """Elongated clusters of 4 to 80 points, rows in random order: points (N, D) nm, labels (N,)."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(n_clusters), rng.integers(4, 80, n_clusters)))
    spread, centres = rng.uniform(1, 60, (n_clusters, dimensions)), rng.random((n_clusters, dimensions)) * 1e4
    turn = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
    return (rng.normal(size=(len(labels), dimensions)) * spread[labels]) @ turn + centres[labels], labels


def degenerate_clusters(dimensions):
    """Name to points (n, D): one and two points, repeated ones, and collinear ones in several directions."""
    direction = np.array([1.0, 3.0, -2.0])[:dimensions]
    steps = np.linspace(-50, 70, 37)[:, None]
    shapes = {
        "one": np.zeros((1, dimensions)),
        "repeated": np.full((9, dimensions), 0.1),
        "two": np.vstack([np.zeros(dimensions), direction]),
        "two_repeated": np.repeat(np.vstack([np.zeros(dimensions), direction]), 4, axis=0),
        "line": steps * direction,
        "line_shuffled": np.random.default_rng(1).permutation(np.vstack([steps, steps]) * direction / 7),
        "line_along_x": steps * np.eye(dimensions)[0],
        "line_along_last": steps * np.eye(dimensions)[-1],
    }
    return {name: points + 1234.5 for name, points in shapes.items()}


def measure(points, labels=None):
    labels = np.zeros(len(points), dtype=int) if labels is None else labels
    return Hull().compute(Groups.from_labels(points, labels))


def by_scipy(own):
    """Features of one cluster from scipy's hull and all pairs of points."""
    own = own - own[0]
    hull = ConvexHull(own - own.mean(axis=0))
    values = {"length_hull": pdist(own).max(), "density_hull": len(own) / hull.volume}
    if own.shape[1] == 2:
        roundness = 4 * np.pi * hull.volume / hull.area**2
        return values | {"perimeter_hull": hull.area, "area_hull": hull.volume, "circularity": roundness}
    roundness = np.pi ** (1 / 3) * (6 * hull.volume) ** (2 / 3) / hull.area
    return values | {"surface_hull": hull.area, "volume_hull": hull.volume, "sphericity": roundness}


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_equals_scipy_for_each_cluster(dimensions, shift):
    points, labels = random_clusters(dimensions)
    points = points + shift
    values = measure(points, labels)
    for cluster in range(labels.max() + 1):
        expected = by_scipy(points[labels == cluster])
        assert set(values) == set(expected)
        for name, number in expected.items():
            assert values[name][cluster] == pytest.approx(number, rel=1e-9), name


def test_rectangle():
    values = measure(np.array([[0.0, 0], [4, 0], [4, 3], [0, 3], [2, 1], [2, 0]]))
    assert values["perimeter_hull"][0] == pytest.approx(14.0)
    assert values["area_hull"][0] == pytest.approx(12.0)
    assert values["length_hull"][0] == pytest.approx(5.0)
    assert values["circularity"][0] == pytest.approx(4 * np.pi * 12 / 14**2)
    assert values["density_hull"][0] == pytest.approx(0.5)


def test_cube():
    cube = np.stack(np.meshgrid([0.0, 2.0], [0.0, 2.0], [0.0, 2.0]), axis=-1).reshape(-1, 3)
    values = measure(cube)
    assert values["surface_hull"][0] == pytest.approx(24.0)
    assert values["volume_hull"][0] == pytest.approx(8.0)
    assert values["length_hull"][0] == pytest.approx(2 * np.sqrt(3))
    assert values["sphericity"][0] == pytest.approx((np.pi / 6) ** (1 / 3))
    assert values["density_hull"][0] == pytest.approx(1.0)


def test_rim_content_and_length():
    square, cube = (np.stack(np.meshgrid(*[[0.0, 2.0]] * D), axis=-1).reshape(-1, D) for D in (2, 3))
    for points, expected in ((square, (8, 4, np.sqrt(8))), (cube, (24, 8, np.sqrt(12)))):
        found = hulls(Groups.from_labels(points, np.zeros(len(points), dtype=int)))
        assert [values[0] for values in found] == pytest.approx(expected)


def test_disc_and_ball_are_round():
    angles = 2 * np.pi * np.arange(2000) / 2000
    assert measure(np.stack([np.cos(angles), np.sin(angles)], axis=1))["circularity"][0] == pytest.approx(1, abs=1e-5)
    directions = np.random.default_rng(0).normal(size=(5000, 3))
    ball = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    assert measure(ball)["sphericity"][0] == pytest.approx(1.0, abs=3e-3)


@pytest.mark.parametrize("shift", [0.0, 1e9])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_degenerate_clusters(dimensions, shift):
    for name, points in degenerate_clusters(dimensions).items():
        points = points + shift
        values = {key: value[0] for key, value in measure(points).items()}
        length = pdist(points).max() if len(points) > 1 else 0.0
        assert values["length_hull"] == pytest.approx(length, rel=1e-7), name
        if dimensions == 2:
            assert values["perimeter_hull"] == pytest.approx(2 * length, rel=1e-7), name
            assert values["area_hull"] == values["circularity"] == 0.0, name
        else:
            assert values["surface_hull"] == values["volume_hull"] == values["sphericity"] == 0.0, name
        assert values["density_hull"] == 0.0, name


def test_a_triangle_has_an_area_however_thin_above_rounding():
    thin = measure(np.array([[0.0, 0.0], [100.0, 0.0], [50.0, 1e-5]]))
    assert thin["area_hull"][0] == pytest.approx(5e-4, rel=1e-9)
    assert thin["density_hull"][0] == pytest.approx(3 / 5e-4, rel=1e-9)


def test_many_clusters_are_quick():
    labels = np.repeat(np.arange(3334), 30)
    points = np.random.default_rng(0).normal(size=(len(labels), 2)) * 20 + labels[:, None] * 50.0
    measure(points[:30])  # compiles
    start = time.perf_counter()
    measure(points, labels)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("dimensions", [2, 3])
def test_columns_are_those_computed(dimensions):
    points, labels = random_clusters(dimensions, n_clusters=3)
    assert set(measure(points, labels)) == {column.name for column in Hull().columns(dimensions)}
