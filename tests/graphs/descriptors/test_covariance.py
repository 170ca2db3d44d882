"""Extent along the principal axes."""

import numpy as np
import pytest

from locgraph.graphs.descriptors import Covariance, principal_deviations


@pytest.mark.parametrize("dimensions", [2, 3])
def test_agrees_with_numpy(dimensions):
    points = np.random.default_rng(0).normal(size=(80, dimensions)) * [3.0, 1.0, 0.5][:dimensions]

    expected = np.sqrt(np.linalg.eigvalsh(np.cov(points.T, bias=True)))[::-1]

    np.testing.assert_allclose(Covariance().compute(points), expected)
    np.testing.assert_allclose(principal_deviations(points + 1e9), expected, rtol=1e-6)


def test_a_line_has_one_length():
    np.testing.assert_allclose(principal_deviations(np.array([[3.0, 4.0], [-3.0, -4.0]])), [5.0, 0.0], atol=1e-12)
    assert [column.unit for column in Covariance().columns(3)] == ["nm"] * 3
