import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.preparation.clustering.simple import Given

POINTS = np.zeros((6, 2))


def test_numbers_become_names_by_first_appearance():
    given = np.array([7, -1, 3, 7, -5, 3])
    assert Given()(POINTS, seed=0, source_cluster=given).tolist() == [0, -1, 1, 0, -1, 1]


def test_numbers_can_be_large():
    given = np.array([10**15, 2**62, -(2**62), 10**15, 0, 2**62])
    labels = Given()(POINTS, seed=0, source_cluster=given)
    assert labels.tolist() == [0, 1, -1, 0, 2, 1]
    assert labels.dtype == np.int64


def test_no_value_is_noise():
    given = np.array([1.0, np.nan, 0.0, 1.0, np.nan, -1.0])
    assert Given()(POINTS, seed=0, source_cluster=given).tolist() == [0, -1, 1, 0, -1, -1]


@pytest.mark.parametrize("given", [[-1] * 6, [4] * 6])
def test_all_noise_and_one_cluster(given):
    expected = [-1] * 6 if given[0] < 0 else [0] * 6
    assert Given()(POINTS, seed=0, source_cluster=np.array(given)).tolist() == expected


def test_order_of_the_rows_changes_names_alone():
    given = np.array([7, -1, 3, 7, 8, 3])
    order = np.array([5, 3, 1, 0, 2, 4])
    mixed = Given()(POINTS, seed=0, source_cluster=given[order])
    assert mixed.tolist() == [0, 1, -1, 1, 0, 2]


def test_absent_column_is_named():
    with pytest.raises(DataError, match=r"clustering=given needs the column source_cluster.*columns\.names"):
        Given()(POINTS, seed=0)
