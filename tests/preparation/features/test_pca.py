import numpy as np
import pytest

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.shape import PCA, clear_deviations, principal_axes, ratio


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
    return PCA().compute(Groups.from_labels(points, labels))


def by_singular_values(own):
    """Features of one cluster from the singular values of its centred positions."""
    own = own - own[0]
    s = np.linalg.svd(own - own.mean(axis=0), compute_uv=False) / np.sqrt(len(own) - 1)
    values = {"linearity": (s[0] - s[1]) / s[0], "length_pca": 2.35 * s[0]}
    size = np.prod(2.35 * s)
    values["area_pca" if own.shape[1] == 2 else "volume_pca"] = size
    if own.shape[1] == 3:
        values["planarity"] = (s[1] - s[2]) / s[0]
    return values | {"density_pca": len(own) / size}


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_equals_singular_values_of_each_cluster(dimensions, shift):
    points, labels = random_clusters(dimensions)
    points = points + shift
    values = measure(points, labels)
    for cluster in range(labels.max() + 1):
        expected = by_singular_values(points[labels == cluster])
        assert set(values) == set(expected)
        for name, number in expected.items():
            assert values[name][cluster] == pytest.approx(number, rel=1e-9), name


def test_covariance_is_over_n_minus_one():
    points = np.random.default_rng(0).normal(size=(50, 2)) * [30, 10]
    roots = np.sqrt(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    assert measure(points)["length_pca"][0] == pytest.approx(2.35 * roots[0], rel=1e-12)
    assert measure(points)["area_pca"][0] == pytest.approx(2.35**2 * roots[0] * roots[1], rel=1e-12)


@pytest.mark.parametrize("thickness", [1e-2, 1e-4, 1e-6])
def test_almost_collinear_keeps_its_width(thickness):
    rng = np.random.default_rng(2)
    local = rng.normal(size=(200, 2)) * [100.0, thickness]
    angle = 0.7
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    expected, found = by_singular_values(local), measure(local @ rotation)
    assert found["area_pca"][0] == pytest.approx(expected["area_pca"], rel=1e-5)


def test_disc_rod_and_ball_in_three_dimensions():
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    disc = measure(np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1))
    assert disc["linearity"][0] == pytest.approx(0.0, abs=1e-12)
    assert disc["planarity"][0] == pytest.approx(1.0)
    rod = measure(np.linspace(0, 9, 10)[:, None] * [1.0, 1.0, 1.0])
    assert rod["linearity"].tolist() == [1.0]
    assert rod["planarity"].tolist() == [0.0]
    ball = measure(np.vstack([np.eye(3), -np.eye(3)]))
    assert ball["linearity"][0] == pytest.approx(0.0, abs=1e-12)
    assert ball["planarity"][0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1e9])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_degenerate_clusters(dimensions, shift):
    for name, points in degenerate_clusters(dimensions).items():
        values = {key: value[0] for key, value in measure(points + shift).items()}
        coincide = name in ("one", "repeated")
        assert values["linearity"] == (0.0 if coincide else 1.0), name
        assert values.get("planarity", 0.0) == 0.0, name
        assert values.get("area_pca", values.get("volume_pca")) == 0.0, name
        assert values["density_pca"] == 0.0, name
        assert (values["length_pca"] == 0.0) == coincide, name


@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_coplanar_in_three_dimensions(shift):
    flat = np.random.default_rng(3).normal(size=(40, 2)) * [30, 10]
    values = measure(flat @ np.array([[1.0, 2.0, 0.5], [-0.3, 1.0, 1.0]]) + shift)
    assert values["volume_pca"][0] == values["density_pca"][0] == 0.0
    assert 0.0 < values["planarity"][0] < 1.0
    assert values["linearity"][0] + values["planarity"][0] == pytest.approx(1.0)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_principal_axes_are_orthonormal_and_sorted(dimensions):
    groups = Groups.from_labels(*random_clusters(dimensions))
    deviations, axes = principal_axes(groups)
    assert np.all(np.diff(deviations, axis=1) <= 0)
    products = np.einsum("cde,cdf->cef", axes, axes)
    assert np.allclose(products, np.eye(dimensions), atol=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_columns_are_those_computed(dimensions):
    points, labels = random_clusters(dimensions, n_clusters=3)
    assert set(measure(points, labels)) == {column.name for column in PCA().columns(dimensions)}


def test_deviations_that_are_rounding_alone_are_zero():
    line = np.linspace(0, 7, 30)[:, None] * [1.0, 3.0]
    labels = np.repeat([0, 1, 2], [30, 4, 1])
    points = np.vstack([line, np.full((4, 2), 0.1), [[5.0, 6.0]]])
    found = clear_deviations(Groups.from_labels(points, labels))
    assert found[0, 0] > 5
    assert found[0, 1] == 0.0
    assert found[1:].tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_ratio_to_nothing_is_nothing():
    assert ratio(np.array([1.0, 2.0]), np.array([0.0, 4.0])).tolist() == [0.0, 0.5]
