"""Metrics beside controls, the confusion matrix and each class by itself."""

import numpy as np
import plotly.graph_objects
import pytest

from locgraph.show.report import results
from locgraph.stats.intervals import Interval, wilson_interval


def table_of(section, parts, caption):
    (found,) = [table for table in parts(section, "table") if table.caption.startswith(caption)]
    return found


def test_the_model_stands_above_its_controls(source, parts):
    table = table_of(results.scores_section(source), parts, "Accuracy")

    assert [row[0] for row in table.rows] == ["model", "pair distances and count", "count alone", "majority class"]
    # folds: 0.5, 0.75 and 1
    assert table.rows[0][:3] == ("model", "0.750", "0.250")
    assert table.rows[0][4:] == ("0.500", "0.750", "1.000")
    # equal folds leave the uncertainty of 12 FOVs
    low, high = wilson_interval(6, 12).low, wilson_interval(6, 12).high
    assert table.rows[1][1:4] == ("0.500", "0.000", f"{low:.3f} to {high:.3f}")


def test_one_run_has_values_alone(sweep, parts):
    source = sweep.read_fold(0)

    accuracy = table_of(results.scores_section(source), parts, "Accuracy").rows[0]
    assert accuracy == ("model", "0.500", f"{wilson_interval(2, 4).low:.3f} to {wilson_interval(2, 4).high:.3f}")
    assert table_of(results.scores_section(source), parts, "Other metrics").rows == (("F1", "0.500"), ("loss", "0.400"))


def test_the_plot_shows_every_fold(source, parts):
    plot = parts(results.scores_section(source), "plot")[0]

    figure = plotly.graph_objects.Figure(plot.data, plot.layout)  # refuses what plotly does not know
    dots = [trace for trace in figure.data if trace.mode == "markers" and len(trace.x) == 3]
    assert list(dots[0].x) == [0.5, 0.75, 1.0]
    assert plot.alt.startswith("accuracy of the model and its controls: model 0.750; ")


def test_the_difference_to_the_best_control_is_paired_by_fold(source, words):
    name, mean = source.summary.best_control()
    difference = source.summary.lead_over(name)

    assert (name, mean) == ("pair_distances_and_count", 0.5)
    assert difference.estimate == pytest.approx(0.25)
    # t of two degrees of freedom, standard deviation 0.25; four FOVs are tested and eight trained on
    assert difference.low == pytest.approx(0.25 - 4.302653 * 0.25 * np.sqrt(1 / 3 + 4 / 8))
    (text,) = [text for text in words(results.scores_section(source)) if text.startswith("The best of the 2 simple")]
    assert "is pair distances and count, 0.500: the model is ahead by 0.250 (95 % interval -0.732 to 1.000)" in text
    assert text.endswith("Classifiers of locgraph analyse are not among them: it was not run on these folds.")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "controls=false"),
        ({"no_controls": "they name FOVs"}, "they name FOVs"),
    ],
)
def test_no_controls_are_told(sweep, words, changes, expected):
    for fold in range(3):
        sweep.edit(fold, controls=[], **changes)
    source = sweep.read()

    (text,) = words(results.scores_section(source), "missing")

    assert expected in text
    assert source.summary.best_control() is None


def test_confusion_of_all_folds(source, parts, words):
    section = results.confusion_section(source)

    (matrix,) = parts(section, "matrix")
    # T_0 is predicted as L, L_1 and L_5 as T
    assert matrix.counts.tolist() == [[5, 1], [2, 4]]
    assert "accuracy 0.750" in words(section)[0]


def test_scores_of_each_class_are_those_counted_by_hand():
    counts = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    rows = results.class_scores(("T", "L", "O"), counts, {}).rows

    assert rows == (
        ("T", "4", "0.750", "0.600", "0.667"),
        ("L", "6", "0.667", "0.800", "0.727"),
        ("O", "0", "–", "–", "–"),
    )
    (row,) = results.class_scores(("T",), np.array([[4]]), {"T": Interval(1.0, 0.51, 1.0)}).rows
    assert row == ("T", "4", "1.000", "0.510 to 1.000", "1.000", "1.000")
