import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.preparation.clustering.simple import One


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("n", [0, 1, 50])
def test_all_are_cluster_0(n, dimensions):
    points = np.random.default_rng(0).normal(size=(n, dimensions)) * 1e6
    labels = One()(points, seed=3)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0] * n


@pytest.mark.parametrize(
    ("points", "message"),
    [(np.zeros((4, 1)), r"shape \(N, 2\) or \(N, 3\)"), (np.array([[0.0, np.nan]]), "expected finite positions")],
)
def test_points_are_checked(points, message):
    with pytest.raises(DataError, match=message):
        One()(points, seed=0)
