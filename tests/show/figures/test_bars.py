"""Bars with a dot for each fold and an interval."""

import pytest
from matplotlib.colors import to_hex

from locgraph.errors import DataError
from locgraph.show.figures.bars import Bar, comparison_figure, importance_figure, sweep_figure

FOLDS = {"model": {0: 0.9, 1: 1.0}, "count_alone": {0: 0.5}}
INTERVALS = {"model": (0.95, 0.9, 1.0), "count_alone": (0.5, None, None)}
METHODS = [
    Bar("network", 0.9, 0.8, 0.95, (0.85, 0.95), "network"),
    Bar("random_forest", 0.7, None, None, (0.7,), "classifier"),
    Bar("count_alone", 0.4, 0.3, 0.5, (0.3, 0.5), "control", is_control=True),
]


def widths(axes):
    return [bar.get_width() for bar in axes.patches]


def dots(axes):
    return [dots.get_offsets()[:, 0].tolist() for dots in axes.collections]


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_a_sweep_has_the_model_on_top_in_its_own_colour():
    axes = sweep_figure(FOLDS, INTERVALS, "balanced_accuracy", "A sweep").axes[0]

    assert widths(axes) == [0.95, 0.5]
    assert dots(axes) == [[0.9, 1.0], [0.5]]
    assert names(axes) == ["model", "count alone"]
    assert axes.get_xlabel().startswith("balanced accuracy")
    assert axes.get_title(loc="left") == "A sweep"
    assert [text.get_text() for text in axes.texts] == ["0.950", "0.500"]
    assert axes.yaxis_inverted()
    model, control = (bar.get_facecolor() for bar in axes.patches)
    assert model != control
    level = [line.get_xdata().tolist() for line in axes.lines if len(set(line.get_ydata())) == 1]
    assert level == [[0.9, 1.0]], "an interval is drawn where there is one"


def test_a_method_without_folds_has_a_bar():
    axes = sweep_figure({"model": {}}, {"model": (0.5, None, None)}, "accuracy", "").axes[0]
    assert widths(axes) == [0.5]


def test_a_comparison_has_bars_dots_intervals_and_chance():
    axes = comparison_figure(METHODS, "test_accuracy", "Title", chance=0.25).axes[0]

    assert widths(axes) == [0.9, 0.7, 0.4]
    assert dots(axes) == [[0.85, 0.95], [0.7], [0.3, 0.5]]
    spans = [tuple(line.get_xdata()) for line in axes.lines]
    assert spans == [(0.8, 0.95), (0.9, 0.9), (0.7, 0.7), (0.3, 0.5), (0.4, 0.4), (0.25, 0.25)]
    assert names(axes) == ["network", "random forest", "count alone"]
    assert axes.get_xlabel().startswith("test accuracy")


def test_kinds_have_colours_and_gaps_between_them():
    figure = comparison_figure(METHODS, "accuracy", "t")

    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["network", "classifier", "control"]
    assert len({to_hex(bar.get_facecolor()) for bar in figure.axes[0].patches}) == 3
    assert figure.axes[0].get_yticks().tolist() == [0.0, 1.5, 3.0]


def test_importance_may_be_negative():
    features = [Bar("area_hull", 0.2, 0.1, 0.3, (0.1, 0.3)), Bar("count", -0.01, None, None, (-0.01,))]
    axes = importance_figure(features, "Title").axes[0]

    assert widths(axes) == [0.2, -0.01]
    assert dots(axes) == [[0.1, 0.3], [-0.01]]
    assert tuple(axes.lines[0].get_xdata()) == (0.1, 0.3)
    assert names(axes) == ["area hull", "count"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: sweep_figure({}, {}, "accuracy", ""), "same methods"),
        (lambda: sweep_figure(FOLDS, {"model": (1.0, None, None)}, "accuracy", ""), "same methods"),
        (lambda: comparison_figure([], "accuracy", "t"), "at least one method"),
        (lambda: importance_figure([], "t"), "at least one feature"),
    ],
)
def test_nothing_to_draw_is_refused(draw, message):
    with pytest.raises(DataError, match=message):
        draw()
