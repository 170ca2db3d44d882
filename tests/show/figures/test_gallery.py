"""FOVs of every class side by side."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.show.figures.fov import OWN_SCALES
from locgraph.show.figures.gallery import Tile, gallery_figure


def tile(truth, prediction=None, size=100.0):
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) + 1e6
    locs = pl.DataFrame({"x": corners[:, 0], "y": corners[:, 1], "cluster_id": [0, 0, 1, 1]})
    return Tile(locs, truth, prediction)


def panels(figure, n_columns):
    return np.array(figure.axes).reshape(-1, n_columns)


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_classes_are_columns_and_fovs_fill_them_from_above():
    figure = gallery_figure([tile("b", size=10.0), tile("a", size=50.0), tile("b", size=20.0)], ["a", "b"])
    grid = panels(figure, 2)
    assert [axes.get_title(loc="center") for axes in grid[0]] == ["a", "b"]
    spans = [np.ptp(axes.collections[0].get_offsets()[:, 0]) for axes in (grid[0, 0], grid[0, 1], grid[1, 1])]
    np.testing.assert_allclose(spans, [50, 10, 20])
    assert not grid[1, 0].collections


def test_right_and_wrong_differ_in_sign_weight_and_colour():
    grid = panels(gallery_figure([tile("a", "a"), tile("a", "b"), tile("a")], ["a"]), 1)[:, 0]
    right, wrong = grid[0].texts[-1], grid[1].texts[-1]
    assert (right.get_text(), wrong.get_text()) == ("✓ a", "✗ b")
    assert right.get_color() != wrong.get_color()
    assert wrong.get_fontweight() == "bold"
    assert words(grid[2]) == ["20 nm"]
    assert all("20 nm" in words(axes) for axes in grid), "every FOV has a scale bar"


def test_all_fovs_have_one_scale_a_bar_each_and_y_points_down():
    figure = gallery_figure([tile("a", size=100.0), tile("a", size=40.0), tile("b", size=200.0)], ["a", "b"])
    grid = panels(figure, 2)
    widths = [np.ptp(axes.get_xlim()) for axes in (grid[0, 0], grid[1, 0], grid[0, 1])]
    np.testing.assert_allclose(widths, 216)
    assert [words(axes) for axes in grid.flat] == [["50 nm"], ["50 nm"], ["50 nm"], []]
    assert grid[0, 0].yaxis_inverted()
    assert figure._supxlabel is None


def test_fovs_of_very_unequal_size_have_their_own_scales_and_the_figure_says_so():
    figure = gallery_figure([tile("a", size=100.0), tile("a", size=40.0), tile("b", size=1000.0)], ["a", "b"])
    grid = panels(figure, 2)
    widths = [np.ptp(axes.get_xlim()) for axes in (grid[0, 0], grid[1, 0], grid[0, 1])]
    np.testing.assert_allclose(widths, [108, 43.2, 1080])
    assert figure.get_supxlabel() == OWN_SCALES


def test_the_figure_is_as_wide_as_a_page_at_most():
    names = [str(index) for index in range(7)]
    assert gallery_figure([tile("3")], names).get_size_inches()[0] == pytest.approx(183 / 25.4)
    assert gallery_figure([tile("3")], ["3"]).get_size_inches()[0] < 2


@pytest.mark.parametrize(("tiles", "found"), [([], "no FOV"), ([tile("c")], r"\['c'\]")])
def test_tiles_that_do_not_fit_are_refused(tiles, found):
    with pytest.raises(DataError, match=rf"classes \['a', 'b'\], found {found}"):
        gallery_figure(tiles, ["a", "b"])
