"""Archetypes of units."""

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.spatial.distance import cdist

from locgraph.analysis.representations.exploring.archetypes import (
    ArchetypeSettings,
    find_archetypes,
    mixture_weights,
    project_on_simplex,
    spread_rows,
)
from locgraph.errors import ConfigError


@pytest.fixture(scope="module")
def simplex():
    """Corners of a simplex in six dimensions, and weights of known mixtures, the corners among these."""
    rng = np.random.default_rng(0)
    corners = rng.normal(0, 3, (4, 6))
    weights = np.concatenate([np.eye(4), rng.dirichlet([0.7] * 4, 150)])
    return corners, weights


def test_corners_and_weights_of_a_simplex_are_found(simplex):
    corners, weights = simplex
    fitted = find_archetypes(weights @ corners, 4, seed=1)
    order = cdist(corners, fitted.points).argmin(axis=1)

    assert sorted(order) == [0, 1, 2, 3]
    np.testing.assert_allclose(fitted.points[order], corners, atol=0.05)
    np.testing.assert_allclose(fitted.weights[:, order], weights, atol=0.03)
    assert fitted.explained > 0.9995
    shares = fitted.weights.mean(axis=0)
    assert list(shares) == sorted(shares, reverse=True)


def test_shift_rotation_and_order_of_units_change_nothing(simplex):
    corners, weights = simplex
    values = weights @ corners
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))[0]
    order = np.random.default_rng(4).permutation(len(values))
    first, other = find_archetypes(values, 4, 0), find_archetypes((values @ rotation + 100.0)[order], 4, 0)

    np.testing.assert_allclose(cdist(first.points @ rotation + 100.0, other.points).min(axis=1), 0, atol=0.06)
    assert other.explained == pytest.approx(first.explained, abs=1e-3)


def test_archetypes_are_sought_among_some_units_and_all_get_weights(simplex):
    corners, weights = simplex
    fitted = find_archetypes(weights @ corners, 4, 0, most_units=60)

    assert fitted.weights.shape == (154, 4)
    assert 0.9 < fitted.explained <= 1


def test_weights_agree_with_non_negative_least_squares():
    rng = np.random.default_rng(5)
    points, values = rng.normal(size=(3, 5)), rng.normal(size=(20, 5))
    # a heavy row of ones makes the sum 1
    expected = [nnls(np.vstack([points.T, np.full(3, 1e4)]), np.append(each, 1e4))[0] for each in values]

    np.testing.assert_allclose(mixture_weights(values, points), expected, atol=1e-4)


def test_the_projection_is_the_nearest_point_of_the_simplex():
    rows = np.array([[0.2, 0.3, 0.5], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-5.0, 1.0, 1.0], [0.9, 0.3, -1.0]])
    expected = [[0.2, 0.3, 0.5], [1, 0, 0], [1 / 3] * 3, [0, 0.5, 0.5], [0.8, 0.2, 0]]

    np.testing.assert_allclose(project_on_simplex(rows), expected, atol=1e-12)


def test_starts_lie_far_apart():
    values = np.concatenate([np.zeros((20, 2)), [[9, 0], [0, 9], [-9, -9]]]) + 1e-3 * np.arange(23)[:, None]

    assert set(spread_rows(values, 3, np.random.default_rng(0))) == {20, 21, 22}


@pytest.mark.parametrize(("values", "count"), [(np.eye(3), 4), (np.repeat(np.eye(2), 5, axis=0), 3)])
def test_fewer_different_units_than_archetypes(values, count):
    with pytest.raises(
        ConfigError, match=rf"count: expected at most the . units that differ, found {count} archetypes"
    ):
        find_archetypes(values, count, 0)


@pytest.mark.parametrize(
    ("given", "n_classes", "n_units", "count"), [(None, 7, 100, 7), (None, 1, 100, 4), (None, 7, 3, 3), (5, 2, 3, 5)]
)
def test_the_number_follows_the_classes(given, n_classes, n_units, count):
    assert ArchetypeSettings(count=given).choose_count(n_classes, n_units) == count


@pytest.mark.parametrize("wrong", [{"count": 1}, {"members": 0}, {"most_units": 3}])
def test_settings_that_cannot_work(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}: expected a whole number of at least"):
        ArchetypeSettings(**wrong)
