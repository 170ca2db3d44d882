import numpy as np
import pytest

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.shape import Size


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


def measure(points, labels):
    return Size().compute(Groups.from_labels(points, labels))


def test_square_of_side_two():
    values = measure(np.array([[0.0, 0], [2, 0], [0, 2], [2, 2]]), np.zeros(4, dtype=int))
    assert values["count"].tolist() == [4.0]
    assert values["x_mean"].tolist() == [1.0]
    assert values["y_mean"].tolist() == [1.0]
    assert values["radius_of_gyration"][0] == pytest.approx(np.sqrt(2), rel=1e-15)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_equals_a_loop_over_clusters(dimensions, shift):
    points, labels = random_clusters(dimensions)
    points = points + shift
    values = measure(points, labels)
    for cluster in range(labels.max() + 1):
        own = points[labels == cluster]
        centre = own[0] + (own - own[0]).mean(axis=0)
        assert values["count"][cluster] == len(own)
        for axis, name in enumerate(("x_mean", "y_mean", "z_mean")[:dimensions]):
            assert values[name][cluster] == pytest.approx(centre[axis], rel=1e-12)
        mean_square = np.mean(np.linalg.norm(own - centre, axis=1) ** 2)
        assert values["radius_of_gyration"][cluster] == pytest.approx(np.sqrt(mean_square), rel=1e-9)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_degenerate_clusters(dimensions):
    for name, points in degenerate_clusters(dimensions).items():
        radius = measure(points, np.zeros(len(points), dtype=int))["radius_of_gyration"][0]
        assert radius == 0.0 if name in ("one", "repeated") else radius > 0.0


@pytest.mark.parametrize("dimensions", [2, 3])
def test_columns_are_those_computed(dimensions):
    points, labels = random_clusters(dimensions, n_clusters=3)
    assert set(measure(points, labels)) == {column.name for column in Size().columns(dimensions)}
    units = {column.name: column.unit for column in Size().columns(dimensions)}
    assert units["count"] == "1"
    assert units["radius_of_gyration"] == units["x_mean"] == "nm"
