"""A FOV with its objects outlined: colours, names, numbers, and what cannot be drawn."""

import numpy as np
import polars as pl
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from locgraph.errors import DataError
from locgraph.show.figures.objects import MOST_NAMES, objects_figure
from locgraph.show.figures.style import GREY, class_marks

CLASSES = ("ring", "line")


def drawn(n, dimensions=2):
    rng = np.random.default_rng(0)
    places = 1000.0 * np.stack([np.arange(n) % 20, np.arange(n) // 20], axis=1)
    points = (places[:, None] + rng.normal(0, 30, (n, 5, 2))).reshape(-1, 2)
    if dimensions == 3:
        points = np.column_stack([points, rng.normal(0, 100, len(points))])
    rows = [list(range(5 * index, 5 * index + 5)) for index in range(n)]
    decisions = [(*CLASSES, None)[index % 3] for index in range(n)]
    objects = pl.DataFrame({"object": [f"o{index}" for index in range(n)], "decision": decisions, "rows": rows})
    return objects_figure(points, objects, CLASSES, "wt/cell"), points


@pytest.mark.parametrize("dimensions", [2, 3])
def test_each_object_has_a_line_in_the_colour_of_its_class_and_its_name(dimensions):
    figure, points = drawn(6, dimensions)
    (axes,) = figure.axes
    (lines,) = [each for each in axes.collections if isinstance(each, PolyCollection)]
    marks = class_marks(CLASSES)
    expected = [marks["ring"].colour, marks["line"].colour, GREY] * 2
    assert [to_hex(colour).upper() for colour in lines.get_edgecolors()] == [each.upper() for each in expected]
    for index, path in enumerate(lines.get_paths()):
        assert path.contains_points(points[5 * index : 5 * index + 5, :2]).all()
    assert [text.get_text() for text in axes.texts][:6] == [f"o{index}" for index in range(6)]


def test_the_legend_counts():
    (legend,) = drawn(7)[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["ring: 3", "line: 2", "without class: 2"]
    assert legend.get_title().get_text() == "7 objects"


def test_many_objects_are_not_named():
    (axes,) = drawn(MOST_NAMES + 1)[0].axes
    assert not [text for text in axes.texts if text.get_text().startswith("o")]


def test_a_fov_without_objects_is_its_localisations():
    objects = pl.DataFrame(schema={"object": pl.String, "decision": pl.String, "rows": pl.List(pl.Int64)})
    figure = objects_figure(np.zeros((3, 2)), objects, CLASSES, "empty")
    assert figure.legends[0].get_title().get_text() == "0 objects"


def test_what_cannot_be_drawn_is_an_error():
    objects = pl.DataFrame({"object": ["a"], "decision": ["ring"], "rows": [[7]]})
    with pytest.raises(DataError, match="rows of objects among 3 localisations, found 7 to 7"):
        objects_figure(np.zeros((3, 2)), objects, CLASSES, "cell")
    with pytest.raises(DataError, match="cell: expected localisations to draw, found none"):
        objects_figure(np.zeros((0, 2)), objects, CLASSES, "cell")
