"""Importance as bars."""

import pytest

from locgraph.errors import DataError
from locgraph.show.figures.importance import Needed, importance_figure


def test_bars_dots_and_intervals_are_those_of_the_features():
    features = [Needed("area_hull", 0.2, 0.1, 0.3, (0.1, 0.3)), Needed("count", -0.01, None, None, (-0.01,))]
    axes = importance_figure(features, "Title").axes[0]

    assert [bar.get_width() for bar in axes.patches] == [0.2, -0.01]
    assert [dots.get_offsets()[:, 0].tolist() for dots in axes.collections] == [[0.1, 0.3], [-0.01]]
    assert tuple(axes.lines[0].get_xdata()) == (0.1, 0.3)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["area hull", "count"]


def test_nothing_to_draw_is_refused():
    with pytest.raises(DataError, match="at least one feature"):
        importance_figure([], "t")
