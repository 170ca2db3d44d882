"""Boxes and violins by class."""

import numpy as np
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.show.figures.boxes import MOST_DOTS, BoxPanel, boxes_figure

RNG = np.random.default_rng(0)


def panel(**values) -> BoxPanel:
    return BoxPanel("mean area (nm²)", "ε² = 0.5", {name: np.asarray(cases, float) for name, cases in values.items()})


def test_medians_stand_where_they_belong():
    axes = boxes_figure([panel(T=[1, 2, 9], L=[4, 4, 4])], ["L", "T"], "Features").axes[0]

    assert [label.get_text() for label in axes.get_xticklabels()] == ["L", "T"]
    middles = {tuple(line.get_ydata()) for line in axes.lines if line.get_linewidth() == 1.2}
    assert middles == {(4.0, 4.0), (2.0, 2.0)}
    dots = [np.asarray(dots.get_offsets())[:, 1].tolist() for dots in axes.collections]
    assert [sorted(values) for values in dots] == [[4, 4, 4], [1, 2, 9]]
    assert axes.get_title(loc="left").startswith("mean area (nm²)")
    assert axes.texts[0].get_text() == "ε² = 0.5"


def test_violins_need_some_cases_that_differ():
    many, few = RNG.normal(size=40), [1.0, 2.0]
    axes = boxes_figure([panel(a=many, b=few, c=[3.0] * 20)], ["a", "b", "c"], "t", "violin").axes[0]

    bodies = [body for body in axes.collections if not len(np.atleast_1d(body.get_offsets())) > 1]
    assert len(axes.patches) == 2
    assert len(bodies) >= 1


def test_of_many_cases_some_are_drawn_and_empty_classes_stay_empty():
    axes = boxes_figure([panel(a=RNG.normal(size=1000), b=[np.nan])], ["a", "b"], "t").axes[0]

    assert [len(dots.get_offsets()) for dots in axes.collections] == [MOST_DOTS]


def test_many_panels_stand_side_by_side_unless_there_are_many_classes():
    few, many = ["a", "b"], [f"class {index}" for index in range(12)]

    assert boxes_figure([panel(a=[1, 2])] * 3, few, "t").axes[0].get_gridspec().ncols == 2
    assert boxes_figure([panel()] * 3, many, "t").axes[0].get_gridspec().ncols == 1


@pytest.mark.parametrize(
    ("panels", "message"), [([], r"\['a'\], found none"), ([panel(b=[1])], r"\['a'\], found \['b'\]")]
)
def test_what_cannot_be_drawn_is_refused(panels, message):
    with pytest.raises(DataError, match=message):
        boxes_figure(panels, ["a"], "t")


def test_other_styles_are_refused():
    with pytest.raises(ConfigError, match=r"analysis\.style must be one of box, violin, found 'bars'"):
        boxes_figure([panel(a=[1])], ["a"], "t", "bars")
