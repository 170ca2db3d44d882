"""The figure of robustness: a pair of panels for each perturbation, gaps where no FOV was left."""

import polars as pl
import pytest

from locgraph.analysis.stress import STRESS_COLUMNS
from locgraph.errors import DataError
from locgraph.show.figures.stress import stress_figure


def rows(perturbation, severities, neutral, methods=("network", "pair_distances")):
    for method in methods:
        for severity in severities:
            yield {
                "perturbation": perturbation,
                "severity": severity,
                "unit": "nm",
                "meaning": f"how much {perturbation}",
                "neutral": severity == neutral,
                "method": method,
                "n_fovs": 9,
                "accuracy": None if severity == 3.0 else 0.9 - severity / 10,
                "accuracy_low": 0.4,
                "accuracy_high": 0.95,
                "ece": None if severity == 3.0 else severity / 10,
            }


def table(*perturbations):
    data = [row for name in perturbations for row in rows(name, [0.0, 1.0, 3.0], 0.0)]
    columns = {column.name: column.dtype for column in STRESS_COLUMNS.values()}
    return pl.DataFrame([dict.fromkeys(columns) | row for row in data], schema=columns)


def panels(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


@pytest.mark.parametrize(("names", "expected"), [(["a"], 2), (["a", "b", "c", "d", "e"], 10)])
def test_each_perturbation_has_two_panels(names, expected):
    figure = stress_figure(table(*names))
    assert len(panels(figure)) == expected
    assert [axes.get_title(loc="left") for axes in panels(figure) if axes.get_title(loc="left")] == names
    figure.draw_without_rendering()


def test_panels_show_the_scores_of_all_methods():
    upper, lower = panels(stress_figure(table("drift")))
    lines = [line for line in upper.get_lines() if len(line.get_xdata()) == 3]
    assert [line.get_ydata()[:2].tolist() for line in lines] == [[0.9, 0.8]] * 2
    assert lower.get_xlabel() == "how much drift"
    assert [label.get_text() for label in lower.get_xticklabels()] == ["0", "1", "3"]


def test_the_fraction_that_is_marked_as_unlike_is_drawn():
    marked = table("drift").with_columns(unlike=pl.when(pl.col("method") == "network").then(pl.col("severity") / 4))
    upper, _ = panels(stress_figure(marked))
    (dotted,) = [line for line in upper.get_lines() if line.get_linestyle() == ":"]
    assert dotted.get_ydata().tolist() == [0.0, 0.25, 0.75]


def test_an_empty_table_is_refused():
    with pytest.raises(DataError, match="at least one perturbation"):
        stress_figure(table())
