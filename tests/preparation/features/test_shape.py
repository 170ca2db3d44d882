"""Size and shape from moments: hand-made clusters, and thin, flat and coincident ones."""

import numpy as np
import pytest

from builders.clusters import degenerate_clusters
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.shape import PCA, Ellipse, Orientation, Size, clear_deviations


def measure_size(points, labels):
    return Size().compute(Groups.from_labels(points, labels))


def test_square_of_side_two():
    values = measure_size(np.array([[0.0, 0], [2, 0], [0, 2], [2, 2]]), np.zeros(4, dtype=int))
    assert values["count"].tolist() == [4.0]
    assert values["x_mean"].tolist() == [1.0]
    assert values["y_mean"].tolist() == [1.0]
    assert values["radius_of_gyration"][0] == pytest.approx(np.sqrt(2), rel=1e-15)


def measure_pca(points, labels=None):
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


@pytest.mark.parametrize("thickness", [1e-2, 1e-4, 1e-6])
def test_almost_collinear_keeps_its_width(thickness):
    rng = np.random.default_rng(2)
    local = rng.normal(size=(200, 2)) * [100.0, thickness]
    angle = 0.7
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    expected, result = by_singular_values(local), measure_pca(local @ rotation)
    assert result["area_pca"][0] == pytest.approx(expected["area_pca"], rel=1e-5)


def test_disc_rod_and_ball_in_three_dimensions():
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    disc = measure_pca(np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1))
    assert disc["linearity"][0] == pytest.approx(0.0, abs=1e-12)
    assert disc["planarity"][0] == pytest.approx(1.0)
    rod = measure_pca(np.linspace(0, 9, 10)[:, None] * [1.0, 1.0, 1.0])
    assert rod["linearity"].tolist() == [1.0]
    assert rod["planarity"].tolist() == [0.0]
    ball = measure_pca(np.vstack([np.eye(3), -np.eye(3)]))
    assert ball["linearity"][0] == pytest.approx(0.0, abs=1e-12)
    assert ball["planarity"][0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1e9])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_degenerate_clusters(dimensions, shift):
    for name, points in degenerate_clusters(dimensions).items():
        values = {key: value[0] for key, value in measure_pca(points + shift).items()}
        coincide = name in ("one", "repeated")
        assert values["linearity"] == (0.0 if coincide else 1.0), name
        assert values.get("planarity", 0.0) == 0.0, name
        assert values.get("area_pca", values.get("volume_pca")) == 0.0, name
        assert values["density_pca"] == 0.0, name
        assert (values["length_pca"] == 0.0) == coincide, name


@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_coplanar_in_three_dimensions(shift):
    flat = np.random.default_rng(3).normal(size=(40, 2)) * [30, 10]
    values = measure_pca(flat @ np.array([[1.0, 2.0, 0.5], [-0.3, 1.0, 1.0]]) + shift)
    assert values["volume_pca"][0] == values["density_pca"][0] == 0.0
    assert 0.0 < values["planarity"][0] < 1.0
    assert values["linearity"][0] + values["planarity"][0] == pytest.approx(1.0)


def test_deviations_that_are_rounding_alone_are_zero():
    line = np.linspace(0, 7, 30)[:, None] * [1.0, 3.0]
    labels = np.repeat([0, 1, 2], [30, 4, 1])
    points = np.vstack([line, np.full((4, 2), 0.1), [[5.0, 6.0]]])
    result = clear_deviations(Groups.from_labels(points, labels))
    assert result[0, 0] > 5
    assert result[0, 1] == 0.0
    assert result[1:].tolist() == [[0.0, 0.0], [0.0, 0.0]]


def eccentricity(points):
    return Ellipse().compute(Groups.from_labels(points, np.zeros(len(points), dtype=int)))["eccentricity"][0]


def ring(a, b):
    angles = 2 * np.pi * np.arange(60) / 60
    return np.stack([a * np.cos(angles), b * np.sin(angles)], axis=1)


@pytest.mark.parametrize(("a", "b", "expected"), [(5.0, 3.0, 0.8), (13.0, 5.0, 12 / 13), (2.0, 2.0, 0.0)])
def test_that_of_an_ellipse_with_these_half_axes(a, b, expected):
    assert eccentricity(ring(a, b)) == pytest.approx(expected, abs=2e-8)


def test_what_is_almost_round_keeps_its_digits():
    b = 1 - 1e-10
    assert eccentricity(ring(1.0, b)) == pytest.approx(np.sqrt(1 - b**2), rel=1e-5)


def test_three_dimensions_takes_the_two_longest_axes():
    rings = np.column_stack([ring(5.0, 3.0), np.tile([-1.0, 1.0], 30)])
    assert eccentricity(rings[:, [2, 0, 1]]) == pytest.approx(0.8, rel=1e-3)


def test_a_line_has_one_and_a_place_none():
    assert eccentricity(np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 6.0]])) == 1.0
    assert eccentricity(np.full((4, 2), 0.1)) == 0.0
    assert eccentricity(np.array([[7.0, 8.0]])) == 0.0


def direction(points):
    values = Orientation().compute(Groups.from_labels(points, np.zeros(len(points), dtype=int)))
    return {name: value[0] for name, value in values.items()}


def line(*axis):
    return np.linspace(-3, 8, 12)[:, None] * np.array(axis)


@pytest.mark.parametrize(
    ("axis", "degrees"), [((1, 0), 0), ((1, 1), 45), ((0, -2), 90), ((-1, 1), 135), ((-1, -1), 45), ((-1, 1e-12), 0)]
)
def test_angle_of_a_line_to_x(axis, degrees):
    assert direction(line(*axis)) == {"orientation": pytest.approx(np.radians(degrees), abs=1e-9)}


@pytest.mark.parametrize(
    ("axis", "degrees", "to_z"),
    [((1, 0, 0), 0, 90), ((0, 0, -1), 0, 0), ((1, 1, np.sqrt(2)), 45, 45), ((-1, -1, -np.sqrt(2)), 45, 45),
     ((-1, 1, 0), 135, 90)],
)  # fmt: skip
def test_angles_in_three_dimensions(axis, degrees, to_z):
    result = direction(line(*axis))
    assert result["orientation"] == pytest.approx(np.radians(degrees), abs=1e-9)
    assert result["inclination"] == pytest.approx(np.radians(to_z), abs=1e-9)


@pytest.mark.parametrize("angle", np.linspace(0.1, 3.0, 7))
def test_angle_of_a_cloud(angle):
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    cross = np.array([[5.0, 0.0], [-5.0, 0.0], [0.0, 2.0], [0.0, -2.0]])
    assert direction(cross @ turn)["orientation"] == pytest.approx(angle, rel=1e-12)


def test_what_is_round_or_one_place_has_no_direction():
    square = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert direction(square) == {"orientation": 0.0}
    assert direction(square * [1.0 + 1e-8, 1.0] @ np.array([[0.6, 0.8], [-0.8, 0.6]])) == {"orientation": 0.0}
    assert direction(np.full((3, 3), 0.1)) == {"orientation": 0.0, "inclination": 0.0}
    assert direction(np.array([[1.0, 2.0]])) == {"orientation": 0.0}
