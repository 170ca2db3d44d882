"""Averages beside single objects."""

import numpy as np
import polars as pl
import pytest

from builders.drawn_objects import draw_objects, glyph
from locgraph.analysis.averages.classes import Averages, AverageSettings, average_classes
from locgraph.errors import DataError
from locgraph.show.figures.averages import averages_figure

T = glyph("#####", "..#..", "..#..", "..#..", "..#..")


@pytest.fixture(scope="module")
def averages() -> Averages:
    classes = {"T": draw_objects(T, 4, events=5).tables, "$x": draw_objects(T, 1, 1, events=5).tables}
    return average_classes(classes, AverageSettings(methods=["axes"], resolution=False))


def words(axes):
    return " ".join(text.get_text() for text in axes.texts)


def test_a_row_for_each_class_with_averages_and_objects(averages):
    figure = averages_figure(averages)
    rows = np.array(figure.axes).reshape(2, 4)
    assert [axes.get_title(loc="left") for axes in rows[:, 0]] == ["T: axes", "$x: axes"]
    assert "4 objects" in words(rows[0, 0])
    ranked = averages.objects.filter(pl.col("class") == "T").sort("score", descending=True)["object"].to_list()
    assert [name in words(axes) for name, axes in zip([ranked[0], ranked[1], ranked[3]], rows[0, 1:], strict=True)] == [
        True
    ] * 3
    shown = rows[0, 1].collections[0].get_offsets()
    places = averages.localisations.filter(pl.col("class") == "T", pl.col("object") == ranked[0])
    assert np.asarray(shown) == pytest.approx(places.select("x", "y").to_numpy())
    # the single object is drawn once, and panels without one are empty
    assert [len(axes.collections) for axes in rows[1, 1:]] == [1, 0, 0]


def test_all_panels_of_a_class_have_one_scale_and_a_bar(averages):
    rows = np.array(averages_figure(averages).axes).reshape(2, 4)
    assert len({axes.get_xlim() for axes in rows[0]}) == 1
    assert all("nm" in words(axes) for axes in rows[0])
    image = rows[0, 0].images[0]
    assert image.get_array().shape == averages["T"]["axes"].density.values.shape


def test_nothing_to_draw_is_refused():
    with pytest.raises(DataError, match="at least one class to draw"):
        averages_figure(Averages({}, {}))
