"""Density pictures of one FOV."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.show.figures.style import read_picture, save_figure
from locgraph.show.figures.thumbnail import LONG_SIDE, blur_pixels, count_on_grid, thumbnail_figure


def table(n=500, seed=0, scale=1000.0):
    points = np.random.default_rng(seed).uniform(0, scale, size=(n, 2))
    return pl.DataFrame({"x": points[:, 0], "y": points[:, 1]})


@pytest.mark.parametrize("origin", [0.0, 1e9])
def test_every_localisation_is_counted_where_it_is(origin):
    x, y = np.array([0.0, 0.0, 100.0, 60.0]) + origin, np.array([0.0, 0.0, 50.0, 10.0]) + origin

    density = count_on_grid(x, y)

    assert density.counts.shape == (LONG_SIDE / 2, LONG_SIDE)
    pixel = (density.high - density.low) / density.counts.shape[::-1]
    np.testing.assert_allclose(pixel, pixel[0])
    expected = np.zeros_like(density.counts)
    for point in zip(x, y, strict=True):
        column, row = np.floor((np.array(point) - density.low) / pixel).astype(int)
        expected[row, column] += 1
    np.testing.assert_array_equal(density.counts, expected)


@pytest.mark.parametrize(("x", "y"), [([5.0], [7.0]), ([5.0, 5.0], [7.0, 7.0]), ([0.0, 1e4], [3.0, 3.0])])
def test_points_and_lines_have_a_picture(x, y):
    density = count_on_grid(np.array(x), np.array(y))

    assert density.counts.sum() == len(x)
    assert min(density.counts.shape) >= 60
    assert (density.high > density.low).all()
    thumbnail_figure(pl.DataFrame({"x": x, "y": y}), "")


def test_what_is_far_away_is_left_out_and_counted():
    locs = pl.concat([table(1000), pl.DataFrame({"x": [1e7, -1e7], "y": [0.0, 0.0]})])

    density = count_on_grid(locs["x"].to_numpy(), locs["y"].to_numpy())
    title = thumbnail_figure(locs, "a.csv").axes[0].get_title(loc="left")

    assert density.counts.sum() == 1000
    assert (density.high - density.low).max() < 1200
    assert title == "a.csv\n1,002 localisations, 2 of them far outside"


def test_the_picture_has_the_fov_above_a_scale_bar_and_y_downwards():
    locs = table()

    axes = thumbnail_figure(locs, "a FOV").axes[0]

    bottom, top = axes.get_ylim()
    assert top < locs["y"].min() < locs["y"].max() < axes.lines[0].get_ydata()[0] < bottom
    left, right, low, high = axes.images[0].get_extent()
    assert left < locs["x"].min() < locs["x"].max() < right
    assert (low, high) == (pytest.approx(1000, abs=60), pytest.approx(0, abs=60))
    assert axes.texts[0].get_text() == "200 nm"
    assert axes.get_title(loc="left") == "a FOV\n500 localisations"


def test_darker_is_denser(tmp_path):
    cluster = table(400, scale=40.0).with_columns(pl.col("x", "y") + 480)
    locs = pl.concat([cluster, pl.DataFrame({"x": [0.0, 1000.0], "y": [0.0, 1000.0]})])
    save_figure(thumbnail_figure(locs, ""), tmp_path / "a.png")

    picture = read_picture(tmp_path / "a.png")[..., :3].mean(axis=2)

    height, width = picture.shape
    middle = picture[int(height * 0.3) : int(height * 0.7), int(width * 0.4) : int(width * 0.6)]
    assert middle.min() < 0.1
    assert picture[:, 0].min() > 0.99


def test_names_may_hold_what_means_something_to_matplotlib(tmp_path):
    save_figure(thumbnail_figure(table(), r"a $x^{ \b [nm] %s.csv"), tmp_path / "a.png")

    assert (tmp_path / "a.png").stat().st_size > 0


def test_few_localisations_are_drawn_as_larger_spots():
    sizes = [blur_pixels(n) for n in (1, 10, 10**4, 10**6, 10**7)]

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == sizes[1] > 2
    assert sizes[-1] < 0.1


@pytest.mark.parametrize("locs", [pl.DataFrame({"x": [], "y": []}), pl.DataFrame({"x": [1.0]})])
def test_nothing_to_draw(locs):
    with pytest.raises(DataError, match="expected localisations with x and y to draw, found"):
        thumbnail_figure(locs, "")
