"""Figures of annotators: what is drawn, and how."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from builders.annotators import GRID, click, mark, outline, sort, two_who_sort, write_statements
from locgraph.analysis.annotators.agreement import CompareSettings, compare_annotators, find_annotators
from locgraph.errors import DataError
from locgraph.io.annotations.table import read_annotations
from locgraph.show.figures.annotators.agreement import agreement_figure
from locgraph.show.figures.annotators.disputes import DisputedFov, disputes_figure
from locgraph.show.figures.style import class_marks


def stated(tmp_path, rows):
    return read_annotations(write_statements(tmp_path / "annotations.parquet", rows))


def compared(table, radius=None):
    about, notes = find_annotators(table, {}, "here")
    return compare_annotators(table, about, [], CompareSettings(radius), notes, {})


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_pairs_and_classes(tmp_path):
    rows = [*two_who_sort(20, wrong=4), sort("Cy", "f0", "a"), sort("Cy", "f9", "b"), sort("Bo", "alone", "a")]
    figure = agreement_figure(compared(stated(tmp_path, rows)))
    pairs, classes = figure.axes[:2]
    (image,) = pairs.images
    values = image.get_array()
    assert values.shape == (3, 3)
    assert values[0, 1] == values[1, 0] == pytest.approx(0.6)
    assert np.isnan(np.diag(np.ma.filled(values, np.nan))).all()
    assert "0.60" in texts(pairs)
    assert "20 FOVs of two or more annotators, 1 of one alone not counted" in texts(pairs)
    assert [label.get_text() for label in classes.get_yticklabels()] == ["all classes", "a", "b"]


def test_a_row_for_each_level(tmp_path):
    rows = [*two_who_sort(8, wrong=1)]
    rows += [mark(name, f"f{place}", "pore", 0, 0) for name in ("Ann", "Bo") for place in range(3)]
    figure = agreement_figure(compared(stated(tmp_path, rows), radius=5.0))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == ["Classes of FOVs", "Points"]
    # of the three FOVs with points no interval can be made
    assert len(figure.axes[3].lines) == 1 + 2 + 1  # zero, two values, the line between all and each


def test_what_has_no_value_says_so(tmp_path):
    rows = [sort(name, f"f{place}", "a") for name in ("Ann", "Bo") for place in range(9)]
    figure = agreement_figure(compared(stated(tmp_path, rows)))
    assert texts(figure.axes[1]) == ["no value", "no value"]


def test_nothing_to_draw(tmp_path):
    rows = [mark("Ann", "f", "a", 0, 0), mark("Bo", "f", "a", 0, 0)]
    with pytest.raises(DataError, match="found nothing to draw"):
        agreement_figure(compared(stated(tmp_path, rows)))
    with pytest.raises(DataError, match="found none to draw"):
        disputes_figure([], ["a"])


def test_annotators_side_by_side(tmp_path):
    rows = [
        *(sort("Ann", "f", "a"), sort("Bo", "f", "$b")),
        outline("Ann", "f", "a", (-5, -5), (35, 95)),
        *(mark("Bo", "f", "$b", 10, 10), click("Bo", "f", 1, "a"), mark("Bo", "f", None, 10, 10)),
    ]
    fov = DisputedFov("f", GRID, stated(tmp_path, rows), 1.0)
    figure = disputes_figure([fov], ["$b", "a"])
    ann, bo = figure.axes
    assert [axes.get_title(loc="left") for axes in (ann, bo)] == ["Ann", "Bo"]
    assert "FOV: a" in texts(ann)
    assert "FOV: $b" in texts(bo)
    colours = [to_hex(colour) for colour in ann.collections[0].get_facecolors()]
    own = class_marks(["$b", "a"])["a"].colour.lower()
    assert colours.count(own) == 40
    assert colours[-40:] == [own] * 40  # on top
    assert len(bo.collections[0].get_facecolors()) == 1 or own not in map(to_hex, bo.collections[0].get_facecolors())
    symbols = [line.get_marker() for line in bo.lines if line.get_linestyle() == "None"]
    assert symbols == [class_marks(["$b", "a"])[name].symbol for name in ("$b", "a")]
    figure.savefig(tmp_path / "drawn.png")


def test_of_many_annotators_some_are_drawn(tmp_path):
    names = [f"A{number}" for number in range(7)]
    rows = [sort(name, "f", "a") for name in names]
    figure = disputes_figure([DisputedFov("f", GRID, stated(tmp_path, rows), 0.0)], ["a"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == names[:5]
    assert any("2 more annotators" in text for text in texts(figure.axes[0]))
