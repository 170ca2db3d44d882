"""Columns on one scale and their principal components, against scikit-learn."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from locgraph.stats.standardise import principal_components, standardise, varies

VALUES = (
    np.random.default_rng(0).normal(size=(20, 5)) @ np.random.default_rng(1).normal(size=(5, 5)) * [1, 10, 1e6, 1, 2]
)
SCALED = StandardScaler().fit_transform(VALUES)


def test_a_column_gets_mean_0_and_standard_deviation_1():
    np.testing.assert_allclose(standardise(np.arange(1.0, 5.0)), np.array([-1.5, -0.5, 0.5, 1.5]) / np.sqrt(1.25))
    far = standardise(np.array([1e9, 1e9 + 1, 1e9, 1e9]))
    assert far.std() == pytest.approx(1)


@pytest.mark.parametrize("column", [[0.0] * 4, [0.3, 0.1 + 0.2, 0.3, 0.3], [1e-6 / 3] * 3])
def test_equal_values_are_constant_whatever_their_rounding(column):
    assert standardise(np.array(column)) is None
    assert not varies(np.array(column)[:, None]).any()


def test_gaps_do_not_make_a_column_vary():
    values = np.array([[1.0, np.nan, 1.0], [np.nan, np.nan, 2.0]])
    assert varies(values).tolist() == [False, False, True]


def test_components_are_those_of_scikit_learn():
    components, reference = principal_components(SCALED, 3), PCA(3).fit(SCALED)

    np.testing.assert_allclose(np.abs(components.scores), np.abs(reference.transform(SCALED)), atol=1e-9)
    np.testing.assert_allclose(components.explained, reference.explained_variance_ratio_)


def test_loadings_are_correlations_and_their_sign_is_fixed():
    components = principal_components(SCALED)

    for place in range(5):
        expected = [np.corrcoef(column, components.scores[:, place])[0, 1] for column in VALUES.T]
        np.testing.assert_allclose(components.loadings[:, place], expected)
        assert max(expected, key=abs) > 0
    np.testing.assert_allclose((components.loadings**2).sum(axis=1), 1)
    turned = principal_components(SCALED[:, ::-1])
    np.testing.assert_allclose(turned.scores, components.scores, atol=1e-9)


def test_many_rows_have_the_same_components_as_by_singular_values():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4))
    components, reference = principal_components(values, 3), PCA(3, svd_solver="full").fit(values)
    np.testing.assert_allclose(components.explained, reference.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(components.scores), np.abs(reference.transform(values)), atol=1e-9)
