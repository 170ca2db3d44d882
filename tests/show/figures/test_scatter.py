"""FOVs as points."""

import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.show.figures.class_marks import class_marks
from locgraph.show.figures.scatter import ScatterPanel, scatter_figure

POINTS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])


def panel(labels, points=POINTS, **more) -> ScatterPanel:
    return ScatterPanel("fold 0", points, labels, ("PC 1 (50%)", "PC 2"), **more)


def test_every_class_has_its_points_and_its_place_in_the_legend():
    figure = scatter_figure([panel(["L", "T", None])], ["T", "L"], "Maps")
    axes = figure.axes[0]

    places = [np.asarray(points.get_offsets()).tolist() for points in axes.collections]
    assert places == [[[4, 5]], [[2, 3]], [[0, 1]]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["T", "L", "no class"]
    assert [line.get_marker() for line in figure.legends[0].get_lines()][:2] == [
        mark.symbol for mark in class_marks(["T", "L"]).values()
    ]
    assert axes.get_xlabel() == "PC 1 (50%)"


def test_maps_without_a_scale_have_no_numbers():
    axes = scatter_figure([panel(["T"] * 3, has_scale=False)], ["T"], "t").axes[0]

    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0


def test_several_maps_share_one_legend_and_fill_a_page():
    figure = scatter_figure([panel(["T"] * 3)] * 4, ["T"], "t")

    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(183)
    assert len(figure.legends) == 1
    assert [axes.get_title(loc="left") for axes in figure.axes[:4]] == ["fold 0"] * 4


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "at least one map"),
        ([panel(["T"])], r"a point for each of 1 labels, found \(3, 2\)"),
        ([panel(["T", "O", "T"])], r"classes \['T'\], found \['O'\]"),
    ],
)
def test_what_cannot_be_drawn_is_refused(panels, message):
    with pytest.raises(DataError, match=message):
        scatter_figure(panels, ["T"], "t")
