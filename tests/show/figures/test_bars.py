import pytest

from locgraph.errors import DataError
from locgraph.show.figures.bars import sweep_figure

FOLDS = {"model": {0: 0.9, 1: 1.0}, "count_alone": {0: 0.5}}
INTERVALS = {"model": (0.95, 0.9, 1.0), "count_alone": (0.5, None, None)}


def test_bars_are_means_and_dots_are_folds():
    axes = sweep_figure(FOLDS, INTERVALS, "balanced_accuracy", "A sweep").axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.95, 0.5]
    assert [dots.get_offsets()[:, 0].tolist() for dots in axes.collections] == [[0.9, 1.0], [0.5]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["model", "count alone"]
    assert axes.get_xlabel().startswith("balanced accuracy")
    assert axes.get_title(loc="left") == "A sweep"
    assert [text.get_text() for text in axes.texts] == ["0.950", "0.500"]


def test_the_first_method_stands_on_top_in_its_own_colour():
    axes = sweep_figure(FOLDS, INTERVALS, "accuracy", "").axes[0]
    assert axes.yaxis_inverted()
    model, control = (bar.get_facecolor() for bar in axes.patches)
    assert model != control


def test_an_interval_is_drawn_where_there_is_one():
    axes = sweep_figure(FOLDS, INTERVALS, "accuracy", "").axes[0]
    level = [line.get_xdata().tolist() for line in axes.lines if len(set(line.get_ydata())) == 1]
    assert level == [[0.9, 1.0]]


def test_a_method_without_folds_is_still_named():
    axes = sweep_figure({"model": {}}, {"model": (0.5, None, None)}, "accuracy", "").axes[0]
    assert len(axes.patches) == 1


@pytest.mark.parametrize(("folds", "intervals"), [({}, {}), (FOLDS, {"model": (1.0, None, None)})])
def test_mappings_that_do_not_fit_are_refused(folds, intervals):
    with pytest.raises(DataError, match="same methods"):
        sweep_figure(folds, intervals, "accuracy", "")
