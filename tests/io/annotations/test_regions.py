"""Which localisations a lasso, a brush and a point mean."""

import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.io.annotations.regions import regions_to_rows

GRID = np.stack(np.meshgrid(np.arange(21.0), np.arange(21.0)), axis=-1).reshape(-1, 2)


def rows(x, y, radius=None, tool="polygon", positions=GRID):
    return regions_to_rows(positions, x, y, radius, tool)


@pytest.mark.parametrize("tool", ["polygon", "lasso", "import"])
def test_polygons_that_adjoin_share_no_position_and_miss_none(tool):
    """Triangles around a point that is a localisation itself, with corners and edges on localisations."""
    centre, corners = (10, 10), [(0, 0), (20, 0), (20, 20), (0, 20)]
    parts = [
        rows(*zip(centre, first, second, strict=True), tool=tool)
        for first, second in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    whole = rows(*zip(*corners, strict=True), tool=tool)
    assert np.array_equal(np.sum(parts, axis=0), whole)
    # half open: left and lower edges are inside, right and upper ones are not
    assert np.array_equal(whole, (GRID < 20).all(axis=1))


def test_a_hole_is_a_detour_of_the_line():
    outer, inner = [(0, 0), (20, 0), (20, 20), (0, 20), (0, 0)], [(5, 5), (5, 15), (15, 15), (15, 5), (5, 5)]
    x, y = zip(*outer, *inner, strict=True)
    hole = ((GRID >= 5) & (GRID < 15)).all(axis=1)
    assert np.array_equal(rows(x, y), (GRID < 20).all(axis=1) & ~hole)


def test_a_brush_means_all_within_its_radius_of_the_path():
    x, y, radius = [2.0, 12.0, 12.0, 5.0], [3.0, 3.0, 15.0, 9.0], 2.0
    steps = np.linspace(0.0, 1.0, 2001)[:, None, None]
    path = np.stack([x, y], axis=1)
    dense = (path[:-1] + steps * np.diff(path, axis=0)).reshape(-1, 2)
    off_grid = GRID + np.random.default_rng(0).uniform(-0.4, 0.4, GRID.shape)
    nearest = np.hypot(*(off_grid[:, None] - dense[None]).transpose(2, 0, 1)).min(axis=1)
    sure = np.abs(nearest - radius) > 0.01
    assert np.array_equal(rows(x, y, radius, "brush", off_grid)[sure], (nearest <= radius)[sure])
    assert np.array_equal(rows(x, y, radius, "import", off_grid), rows(x, y, radius, "brush", off_grid))


def test_a_brush_that_touches_once_is_a_disc_with_its_edge():
    disc = rows([10.0], [10.0], 5.0, "brush")
    assert np.array_equal(disc, np.hypot(*(GRID - 10).T) <= 5)
    assert disc[(GRID == [13, 14]).all(axis=1)].all()  # exactly at the radius


def test_a_point_means_the_nearest_within_its_reach():
    def named(x, y, radius):
        return GRID[rows([x], [y], radius, "point")].tolist()

    assert named(3.2, 7.9, 1.0) == [[3.0, 8.0]]
    assert named(3.5, 8.0, 0.5) == [[3.0, 8.0]]  # the first of two at the same distance
    assert named(30.0, 20.0, 9.0) == []
    assert named(30.0, 20.0, None) == [[20.0, 20.0]]


def test_depth_does_not_count_and_positions_without_numbers_are_never_meant():
    deep = np.column_stack([GRID, np.linspace(-500, 500, len(GRID))])
    square = ([0, 10, 10, 0], [0, 0, 10, 10])
    assert np.array_equal(rows(*square, positions=deep), rows(*square))
    deep[:5, 0] = np.nan
    for x, y, radius, tool in [(*square, None, "lasso"), ([0.0], [0.0], 3.0, "brush"), ([1.0], [0.0], None, "point")]:
        assert not rows(x, y, radius, tool, deep)[:5].any()
    for nowhere in (np.nan, np.inf):
        assert not rows([1.0], [0.0], None, "point", np.full((2, 2), nowhere)).any()
    assert rows(*square, positions=np.empty((0, 2))).shape == (0,)


def test_shapes_that_do_not_fit_the_tool_are_refused():
    with pytest.raises(DataError, match="expected one point of the tool point; found 2"):
        rows([1.0, 2.0], [1.0, 2.0], None, "point")
    with pytest.raises(DataError, match="expected the radius of a brush; found none"):
        rows([1.0], [1.0], None, "brush")
