import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.show.figures.confusion import confusion_figure

COUNTS = np.array([[8, 2, 0], [0, 5, 0], [0, 0, 0]])


def texts(axes):
    return {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts if text.get_text().isdigit()}


def test_counts_are_written_where_there_are_any_and_colours_are_parts_of_rows():
    figure = confusion_figure(COUNTS, ["one", "two", "three"], "A sweep")
    axes = figure.axes[0]
    # Text positions are (column, row).
    assert texts(axes) == {(0, 0): "8", (1, 0): "2", (1, 1): "5"}
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.8, 0.2, 0], [0, 1, 0], [0, 0, 0]])
    assert axes.images[0].get_clim() == (0, 1)
    assert axes.get_title(loc="left") == "A sweep"
    assert "accuracy 86.7% of 15 FOVs" in [text.get_text() for text in axes.texts]


def test_rows_are_truth_and_columns_predictions():
    axes = confusion_figure(COUNTS, ["one", "two", "three"], "").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true (number)")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["one", "two", "three"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one (10)", "two (5)", "three (0)"]


def test_text_is_light_on_dark_and_dark_on_light():
    axes = confusion_figure(COUNTS, ["one", "two", "three"], "").axes[0]
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    assert (colours["8"], colours["2"]) == ("white", "black")


def test_long_names_are_turned_and_short_ones_are_not():
    turned = confusion_figure(np.eye(2, dtype=int), ["a rather long name of a class", "b"], "").axes[0]
    assert turned.get_xticklabels()[0].get_rotation() == 45
    assert confusion_figure(np.eye(2, dtype=int), ["a", "b"], "").axes[0].get_xticklabels()[0].get_rotation() == 0


def test_very_many_classes_are_drawn_without_numbers():
    figure = confusion_figure(np.eye(30, dtype=int), [str(index) for index in range(30)], "")
    assert not texts(figure.axes[0])
    assert figure.get_size_inches()[0] < 7.3


def test_no_fov_at_all():
    axes = confusion_figure(np.zeros((2, 2), dtype=int), ["a", "b"], "").axes[0]
    assert "no FOV" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("matrix", [np.eye(3), np.ones((2, 3)), np.array([[1, -1], [0, 1]])])
def test_a_matrix_that_does_not_fit_is_refused(matrix):
    with pytest.raises(DataError, match=r"shape \(2, 2\)"):
        confusion_figure(matrix, ["a", "b"], "")
