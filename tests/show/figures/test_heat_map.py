"""Correlations as a heat map."""

import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.show.figures.heat_map import correlation_figure


def test_small_maps_say_their_numbers():
    axes = correlation_figure(np.array([[1.0, -0.04], [-0.04, 1.0]]), ["area", "length"], "t").axes[0]

    assert [text.get_text() for text in axes.texts] == ["1.0", "0.0", "0.0", "1.0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["area", "length"]
    assert axes.images[0].get_clim() == (-1.0, 1.0)


def test_large_maps_are_wider_and_never_wider_than_a_page():
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
