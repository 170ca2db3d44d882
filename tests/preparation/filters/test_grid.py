"""Cells of a grid: nothing within reach is two cells away."""

import numpy as np
import pytest

from locgraph.preparation.filters.base import cell_indices, positions


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("offset", [0.0, 1e9])
@pytest.mark.parametrize("reach", [1e-4, 0.1, 1.0, 37.0])
def test_pairs_within_reach_are_neighbours(dimensions, offset, reach):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 20 * reach, (300, dimensions))
    points = np.concatenate([points, points + np.eye(dimensions)[0] * reach]) + offset

    cells = cell_indices(points, reach)

    distances = np.linalg.norm(points[:, None] - points, axis=2)
    apart = np.abs(cells[:, None] - cells).max(axis=2)
    assert apart[distances <= reach].max() == 1
    assert cells.min() == 0
    assert cells.max() <= 21


def test_exact_multiples_of_the_reach():
    points = np.column_stack([np.arange(100_000) * 0.1, np.zeros(100_000)])

    steps = np.diff(cell_indices(points, 0.1)[:, 0])

    assert set(steps) == {0, 1}


def test_cells_are_larger_where_there_would_be_too_many():
    points = np.array([[0.0, 0.0], [1e-6, 0.0], [1e15, 0.0]])

    cells = cell_indices(points, 1e-6)

    assert cells[:, 0].tolist() == [0, 0, 2**40]


def test_one_place():
    assert cell_indices(np.full((3, 2), 5.0), 1.0).tolist() == [[0, 0]] * 3


def test_positions_by_dimension(locs):
    table = locs(x=[1, 2], y=[3, 4], z=[5, 6])

    assert positions(table, 2).tolist() == [[1, 3], [2, 4]]
    assert positions(table, 3).tolist() == [[1, 3, 5], [2, 4, 6]]
    assert positions(table, 3).flags.c_contiguous
