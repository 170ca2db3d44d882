"""Methods beside each other."""

import pytest
from matplotlib.colors import to_hex

from locgraph.errors import DataError
from locgraph.show.figures.comparison import Method, comparison_figure

METHODS = [
    Method("network", "network", 0.9, 0.8, 0.95, (0.85, 0.95)),
    Method("random_forest", "classifier", 0.7, None, None, (0.7,)),
    Method("count_alone", "control", 0.4, 0.3, 0.5, (0.3, 0.5), is_control=True),
]


def test_bars_dots_and_intervals_are_those_of_the_methods():
    axes = comparison_figure(METHODS, "test_accuracy", "Title", chance=0.25).axes[0]

    assert [bar.get_width() for bar in axes.patches] == [0.9, 0.7, 0.4]
    assert [dots.get_offsets()[:, 0].tolist() for dots in axes.collections] == [[0.85, 0.95], [0.7], [0.3, 0.5]]
    spans = [tuple(line.get_xdata()) for line in axes.lines]
    assert spans == [(0.8, 0.95), (0.9, 0.9), (0.7, 0.7), (0.3, 0.5), (0.4, 0.4), (0.25, 0.25)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["network", "random forest", "count alone"]
    assert axes.get_xlabel().startswith("test accuracy")


def test_kinds_have_colours_and_gaps_between_them():
    figure = comparison_figure(METHODS, "accuracy", "t")

    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["network", "classifier", "control"]
    assert len({to_hex(bar.get_facecolor()) for bar in figure.axes[0].patches}) == 3
    assert figure.axes[0].get_yticks().tolist() == [0.0, 1.5, 3.0]


def test_nothing_to_compare_is_refused():
    with pytest.raises(DataError, match="at least one method"):
        comparison_figure([], "accuracy", "t")
