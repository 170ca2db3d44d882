import numpy as np
import pytest
from scipy.spatial.distance import pdist

from locgraph.errors import ConfigError
from locgraph.simulate.arrangements import NAMED, completes, read_arrangement, signature


def turned(places, degrees):
    angle = np.deg2rad(degrees)
    return places @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("name", NAMED)
def test_neighbours_of_a_named_arrangement_are_as_far_apart_as_asked(name):
    places = read_arrangement(name, 70.0, "classes.a")
    assert pdist(places).min() == pytest.approx(70.0)
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=1e-12)


def test_named_arrangements_differ():
    signatures = [signature(read_arrangement(name, 1.0, "classes.a")) for name in NAMED]
    for index, own in enumerate(signatures):
        assert not any(len(own) == len(other) and np.allclose(own, other) for other in signatures[:index])


def test_coordinates_are_taken_as_they_are():
    places = read_arrangement([[10, 0], [50, 0], [30, 60]], 1.0, "classes.a")
    np.testing.assert_allclose(places, [[-20, -20], [20, -20], [0, 40]])


def test_none_is_no_cluster():
    assert read_arrangement(None, 1.0, "classes.a").shape == (0, 2)


def test_a_signature_says_nothing_of_the_pose():
    places = read_arrangement("zigzag", 100.0, "classes.a")
    np.testing.assert_allclose(signature(turned(places, 33) - np.array([500, -20])), signature(places))
    np.testing.assert_allclose(signature(places[[2, 0, 3, 1]]), signature(places))
    np.testing.assert_allclose(signature(np.array([[0, 0], [3, 0], [0, 4]])), [3, 4, 5])


def test_the_missing_corner_completes_a_square():
    places = turned(read_arrangement("square", 100.0, "classes.a"), 20) + 300
    others = np.concatenate([places[:3], [[0.0, 0.0], [900.0, 900.0]]])
    wanted = [signature(read_arrangement(name, 100.0, "classes.a")) for name in ("row", "square")]
    assert completes(places[3], others, wanted, 1e-6)
    assert completes(places[3] + np.array([5, 0]), others, wanted, 10.0)
    assert not completes(places[3] + np.array([15, 0]), others, wanted, 10.0)
    assert not completes(places[3], others, wanted[:1], 1e-6)
    assert not completes(places[3], others[1:], wanted, 1e-6)


def test_too_few_others_complete_nothing():
    wanted = [signature(read_arrangement("square", 100.0, "classes.a"))]
    assert not completes(np.zeros(2), np.empty((0, 2)), wanted, 1e3)
    assert not completes(np.zeros(2), np.ones((2, 2)), wanted, 1e3)
    assert not completes(np.zeros(2), np.ones((5, 2)), [], 1e3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("blob", "no arrangement is named 'blob': set classes.a to one of pair, "),
        ([[0, 0]], r"classes\.a must hold different \[x, y\] of at least two clusters"),
        ([[0, 0], [0, 0]], r"classes\.a must hold different"),
        ([[0, 0, 0], [1, 1, 1]], r"classes\.a must hold different"),
        ([[0, 0], ["a", 1]], r"change classes\.a"),
    ],
)
def test_what_is_no_arrangement_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        read_arrangement(given, 100.0, "classes.a")
