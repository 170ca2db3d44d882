"""Features by class, correlations, and maps of FOVs."""

import numpy as np
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.show.figures.features import (
    MOST_DOTS,
    BoxPanel,
    ScatterPanel,
    boxes_figure,
    correlation_figure,
    scatter_figure,
)
from locgraph.show.figures.style import class_marks

RNG = np.random.default_rng(0)
POINTS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])


def box(**values) -> BoxPanel:
    return BoxPanel("mean area (nm²)", "ε² = 0.5", {name: np.asarray(cases, float) for name, cases in values.items()})


def test_medians_stand_where_they_belong():
    axes = boxes_figure([box(T=[1, 2, 9], L=[4, 4, 4])], ["L", "T"], "Features").axes[0]

    assert [label.get_text() for label in axes.get_xticklabels()] == ["L", "T"]
    middles = {tuple(line.get_ydata()) for line in axes.lines if line.get_linewidth() == 1.2}
    assert middles == {(4.0, 4.0), (2.0, 2.0)}
    dots = [np.asarray(dots.get_offsets())[:, 1].tolist() for dots in axes.collections]
    assert [sorted(values) for values in dots] == [[4, 4, 4], [1, 2, 9]]
    assert axes.get_title(loc="left").startswith("mean area (nm²)")
    assert axes.texts[0].get_text() == "ε² = 0.5"


def test_violins_need_some_cases_that_differ():
    many, few = RNG.normal(size=40), [1.0, 2.0]
    axes = boxes_figure([box(a=many, b=few, c=[3.0] * 20)], ["a", "b", "c"], "t", "violin").axes[0]

    bodies = [body for body in axes.collections if not len(np.atleast_1d(body.get_offsets())) > 1]
    assert len(axes.patches) == 2
    assert len(bodies) >= 1


def test_of_many_cases_some_are_drawn_and_empty_classes_stay_empty():
    axes = boxes_figure([box(a=RNG.normal(size=1000), b=[np.nan])], ["a", "b"], "t").axes[0]

    assert [len(dots.get_offsets()) for dots in axes.collections] == [MOST_DOTS]


def test_many_panels_stand_side_by_side_unless_there_are_many_classes():
    few, many = ["a", "b"], [f"class {index}" for index in range(12)]

    assert boxes_figure([box(a=[1, 2])] * 3, few, "t").axes[0].get_gridspec().ncols == 2
    assert boxes_figure([box()] * 3, many, "t").axes[0].get_gridspec().ncols == 1


@pytest.mark.parametrize(
    ("panels", "message"), [([], r"\['a'\], found none"), ([box(b=[1])], r"\['a'\], found \['b'\]")]
)
def test_boxes_of_other_classes_are_refused(panels, message):
    with pytest.raises(DataError, match=message):
        boxes_figure(panels, ["a"], "t")


def test_other_styles_are_refused():
    with pytest.raises(ConfigError, match=r"^style: expected one of box, violin, found 'bars'"):
        boxes_figure([box(a=[1])], ["a"], "t", "bars")


def test_small_matrices_have_their_numbers_written():
    axes = correlation_figure(np.array([[1.0, -0.04], [-0.04, 1.0]]), ["area", "length"], "t").axes[0]

    assert [text.get_text() for text in axes.texts] == ["1.0", "0.0", "0.0", "1.0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["area", "length"]
    assert axes.images[0].get_clim() == (-1.0, 1.0)


def test_large_matrices_are_wider_and_never_wider_than_a_page():
    widths = [
        correlation_figure(np.eye(size), [f"f{i}" for i in range(size)], "t").get_size_inches()[0]
        for size in (5, 30, 90)
    ]

    assert widths[0] * 25.4 == pytest.approx(89)
    assert widths[0] < widths[1] < widths[2] <= 183.1 / 25.4


@pytest.mark.parametrize(("matrix", "names"), [(np.eye(2), ["one"]), (np.empty((0, 0)), [])])
def test_a_matrix_that_does_not_fit_is_refused(matrix, names):
    with pytest.raises(DataError, match=f"expected correlations of {len(names)} features"):
        correlation_figure(matrix, names, "t")


def points(labels, points=POINTS, **more) -> ScatterPanel:
    return ScatterPanel("fold 0", points, labels, ("PC 1 (50%)", "PC 2"), **more)


def test_every_class_has_its_points_and_its_place_in_the_legend():
    figure = scatter_figure([points(["L", "T", None])], ["T", "L"], "Maps")
    axes = figure.axes[0]

    places = [np.asarray(points.get_offsets()).tolist() for points in axes.collections]
    assert places == [[[4, 5]], [[2, 3]], [[0, 1]]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["T", "L", "no class"]
    assert [line.get_marker() for line in figure.legends[0].get_lines()][:2] == [
        mark.symbol for mark in class_marks(["T", "L"]).values()
    ]
    assert axes.get_xlabel() == "PC 1 (50%)"


def test_maps_without_a_scale_have_no_numbers():
    axes = scatter_figure([points(["T"] * 3, has_scale=False)], ["T"], "t").axes[0]

    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0


def test_several_maps_share_one_legend_and_fill_a_page():
    figure = scatter_figure([points(["T"] * 3)] * 4, ["T"], "t")

    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(183)
    assert len(figure.legends) == 1
    assert [axes.get_title(loc="left") for axes in figure.axes[:4]] == ["fold 0"] * 4


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "at least one map"),
        ([points(["T"])], r"a point for each of 1 labels, found \(3, 2\)"),
        ([points(["T", "O", "T"])], r"classes \['T'\], found \['O'\]"),
    ],
)
def test_labels_that_do_not_fit_are_refused(panels, message):
    with pytest.raises(DataError, match=message):
        scatter_figure(panels, ["T"], "t")


def test_numbers_of_an_axis_are_no_source_text():
    """Nothing is read as mathematics, so that a number in its notation would be drawn as it is written."""
    values = {name: np.array([2e-6, 3e-6, 4e-6]) for name in ("T", "L")}
    figure = boxes_figure([BoxPanel("density", "", values)], ("T", "L"), "title", "box")

    figure.canvas.draw()

    axes = figure.axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    drawn = [*labels, axes.yaxis.get_major_formatter().get_offset()]
    assert {"2.0", "3.0", "4.0", "1e−6"} <= set(drawn)
    assert not any("$" in text for text in drawn)
