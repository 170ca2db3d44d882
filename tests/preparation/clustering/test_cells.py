import numpy as np
import pytest

from locgraph.preparation.clustering.base import sort_by_cell


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("far", [0, 2**40])
def test_rows_sorted_by_cell_and_then_as_they_stood(dimensions, far):
    keys = np.random.default_rng(0).integers(0, 5, (300, dimensions))
    keys[7] += far  # with a far one, the cells are too many to be numbered

    order, first = sort_by_cell(keys)

    expected = sorted(range(300), key=lambda row: (tuple(keys[row]), row))
    assert order.tolist() == expected
    cells = keys[order].tolist()
    assert first.tolist() == [i for i in range(300) if i == 0 or cells[i] != cells[i - 1]]


def test_one_row_is_one_cell():
    order, first = sort_by_cell(np.array([[2**53, 2**53]]))
    assert order.tolist() == first.tolist() == [0]
