import numpy as np

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.photophysics import Precision


def test_mean_of_each_cluster():
    columns = {"precision": np.array([3.0, 8.0, 5.0])}
    groups = Groups.from_labels(np.zeros((3, 3)), np.array([1, 0, 1]), columns)
    assert Precision().compute(groups)["precision_mean"].tolist() == [8.0, 4.0]
