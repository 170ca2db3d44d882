from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.preparation.clustering.simple import Grid


def by_hand(points, cell, min_samples=1):
    """Labels by exact arithmetic."""
    cells = defaultdict(list)
    for row, point in enumerate(points.tolist()):
        cells[tuple(Fraction(value) // Fraction(cell) for value in point)].append(row)
    labels = np.full(len(points), -1)
    kept = [rows for rows in cells.values() if len(rows) >= min_samples]
    for name, rows in enumerate(sorted(kept)):
        labels[rows] = name
    return labels.tolist()


def test_hand_made():
    points = np.array([[5.0, 5.0], [-0.1, 5.0], [9.9, 0.0], [10.0, 0.0], [5.0, 9.0], [-9.0, 1.0]])
    assert Grid(10.0)(points, seed=0).tolist() == [0, 1, 0, 2, 0, 1]
    assert Grid(10.0, min_samples=3)(points, seed=0).tolist() == [0, -1, 0, -1, 0, -1]
    assert Grid(10.0, min_samples=4)(points, seed=0).tolist() == [-1] * 6


def test_cubes_in_3d():
    points = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 11.0], [9.0, 9.0, 9.0], [1.0, 1.0, 19.0]])
    assert Grid(10.0)(points, seed=0).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("offset", [0.0, -1e4, 1e9])
@pytest.mark.parametrize("min_samples", [1, 3])
def test_is_exact_arithmetic(dimensions, offset, min_samples):
    points = np.random.default_rng(0).normal(0, 60, (400, dimensions)) + offset
    assert Grid(33.3, min_samples)(points, seed=0).tolist() == by_hand(points, 33.3, min_samples)


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9])
@pytest.mark.parametrize("cell", [0.1, 1 / 3, 100.0, 1e-3])
def test_points_on_boundaries_and_just_below_them_are_told_apart(offset, cell):
    edges = (np.arange(-40, 40) + np.floor(offset / cell)) * cell
    x = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
    points = np.column_stack([x, np.zeros(len(x))])
    assert Grid(cell)(points, seed=0).tolist() == by_hand(points, cell)


def test_grid_stands_still():
    """A localisation keeps its neighbours in the cell whatever else there is."""
    points = np.random.default_rng(1).random((200, 2)) * 100
    whole, part = Grid(10.0)(points, seed=0), Grid(10.0)(points[50:], seed=0)
    assert ((whole[50:, None] == whole[None, 50:]) == (part[:, None] == part[None])).all()


def test_shift_by_whole_cells_changes_nothing():
    points = np.random.default_rng(2).integers(0, 2**20, (300, 3)) / 2**8
    assert np.array_equal(Grid(64.0)(points + 64.0 * 2**24, seed=0), Grid(64.0)(points, seed=0))


def test_order_of_the_rows_changes_names_alone():
    rng = np.random.default_rng(3)
    points, order = rng.random((200, 2)) * 100, rng.permutation(200)
    labels, mixed = Grid(20.0, 3)(points, seed=0), Grid(20.0, 3)(points[order], seed=0)
    assert ((labels[order][:, None] == labels[order][None]) == (mixed[:, None] == mixed[None])).all()
    assert np.array_equal(mixed == -1, labels[order] == -1)


def test_far_islands_need_no_memory_for_the_sea_between():
    points = np.array([[0.0, 0.0], [1e14, 1e14], [0.5, 0.5], [-1e14, 3.0]])
    assert Grid(1.0)(points, seed=0).tolist() == [0, 1, 0, 2]


def test_too_many_cells_name_the_setting():
    with pytest.raises(DataError, match=r"one 1e\+16 cells away with clustering\.cell_nm = 1e-07; raise"):
        Grid(1e-7)(np.array([[0.0, 0.0], [1e9, 0.0]]), seed=0)


@pytest.mark.parametrize("settings", [{"cell_nm": 0.0}, {"cell_nm": -1}, {"cell_nm": "x"}, {"min_samples": 0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=r"clustering\." + next(iter(settings))):
        Grid(**{"cell_nm": 10.0} | settings)
