import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.neighbourhood import Neighbourhood


def one_each(points):
    """Clusters of one localisation each."""
    points = np.asarray(points, dtype=float)
    return Groups.from_labels(points, np.arange(len(points)))


def test_corners_of_a_square():
    values = Neighbourhood(2, [10, 12, 15]).compute(one_each([[0, 0], [10, 0], [10, 10], [0, 10]]))
    assert values["neighbour_distance"] == pytest.approx([10] * 4)
    assert values["neighbour_distance_mean"] == pytest.approx([10] * 4)
    assert values["cluster_density_10nm"] == pytest.approx([2 / (np.pi * 100)] * 4)
    assert values["ripley_l_10nm"] == pytest.approx([np.sqrt(100 * 2 / (np.pi * 3))] * 4)
    assert values["ripley_l_15nm"] == pytest.approx([np.sqrt(100 * 3 / (np.pi * 3))] * 4)


def test_corners_of_a_cube():
    cube = np.stack(np.meshgrid([0.0, 2.0], [0.0, 2.0], [0.0, 2.0]), axis=-1).reshape(-1, 3)
    values = Neighbourhood(4, [2.5]).compute(one_each(cube))
    assert values["neighbour_distance_mean"] == pytest.approx([(3 * 2 + np.sqrt(8)) / 4] * 8)
    assert values["cluster_density_2.5nm"] == pytest.approx([3 / (4 / 3 * np.pi * 2.5**3)] * 8)
    assert values["ripley_l_2.5nm"] == pytest.approx([np.cbrt(3 * 8 * 3 / (4 * np.pi * 7))] * 8)


def test_fewer_clusters_than_k():
    values = Neighbourhood(5, [100.0]).compute(one_each([[0, 0], [3, 4], [0, 10]]))
    assert values["neighbour_distance"] == pytest.approx([5, 5, np.hypot(3, 6)])
    assert values["neighbour_distance_mean"][0] == pytest.approx(7.5)


def test_distances_are_between_centres_of_mass():
    points = np.array([[-1.0, 0], [1, 0], [8, 3], [8, 5], [8, 1]])
    values = Neighbourhood(1, [1.0]).compute(Groups.from_labels(points, np.array([0, 0, 1, 1, 1])))
    assert values["neighbour_distance"] == pytest.approx([np.hypot(8, 3)] * 2)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_clusters_at_random_have_an_l_of_about_the_radius(dimensions):
    points = np.random.default_rng(0).random((4000, dimensions)) * 1000
    inside = (np.abs(points - 500) < 400).all(axis=1)  # no edge within the radius
    found = Neighbourhood(1, [100.0]).compute(one_each(points))["ripley_l_100nm"]
    assert found[inside].mean() == pytest.approx(100, rel=0.03)
    assert found[~inside].mean() < 96  # at the rim, neighbours outside are not seen


def test_a_cluster_alone_and_coincident_clusters():
    one = Groups.from_labels(np.random.default_rng(0).random((5, 2)), np.zeros(5, dtype=int))
    alone = Neighbourhood(3, [50.0]).compute(one)
    assert set(alone) == {column.name for column in Neighbourhood(3, [50.0]).columns(2)}
    assert all(value.tolist() == [0.0] for value in alone.values())
    same = Neighbourhood(3, [50.0]).compute(one_each(np.ones((4, 2))))
    assert same["neighbour_distance"].tolist() == [0.0] * 4
    assert same["cluster_density_50nm"] == pytest.approx([3 / (np.pi * 2500)] * 4)
    assert same["ripley_l_50nm"].tolist() == [0.0] * 4


def test_settings_are_checked():
    with pytest.raises(ConfigError, match=r"neighbourhood\.k must be a whole number of at least 1"):
        Neighbourhood(0, [50])
    with pytest.raises(ConfigError, match=r"neighbourhood\.radii_nm must be a list of lengths"):
        Neighbourhood(3, [])
