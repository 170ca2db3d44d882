import numpy as np
import pytest

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.shape import Orientation


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
    found = direction(line(*axis))
    assert found["orientation"] == pytest.approx(np.radians(degrees), abs=1e-9)
    assert found["inclination"] == pytest.approx(np.radians(to_z), abs=1e-9)


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
