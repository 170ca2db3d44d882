"""The picture of a benchmark shows every number, and the polar plot where it means something."""

import pytest

from locgraph.analysis.representations.scores import Score, absent, score_table, z_scores
from locgraph.errors import DataError
from locgraph.show.figures.representations.benchmark import benchmark_figure


def scores(shift: float) -> list[Score]:
    return [
        Score("balanced_accuracy", 0.5 + shift, 0.4 + shift, 0.6 + shift, 50, chance=0.25),
        Score("probe_r2", 0.9 - shift, 0.8 - shift, 1.0 - shift, 50, about="count", chance=0.0),
        Score("rotation_over_spread", 0.3 - shift, n=50),
        Score("dimension_two_nn", 5.0 + 10 * shift, n=50),
        *absent(["chamfer_nm"], "no decoder"),
    ]


THREE = {"first": scores(0.0), "second": scores(0.1), "third": scores(0.3)}
CONTROLS = {"count alone": [Score("balanced_accuracy", 0.3, 0.2, 0.4, 50, chance=0.25)]}


def test_z_scores_are_those_of_the_values_with_larger_better():
    z = z_scores(score_table(THREE, CONTROLS))
    found = {(row["label"], row["representation"]): row["z"] for row in z.to_dicts()}

    assert found["balanced accuracy", "third"] == pytest.approx(1.336, abs=1e-3)  # (0.8 - 0.633) / 0.1247
    assert found["rotation, against distances between units", "third"] == pytest.approx(1.336, abs=1e-3)
    assert found["dimension (TwoNN)", "third"] == pytest.approx(-1.336, abs=1e-3)
    assert "count alone" not in z["representation"].to_list()
    assert dict(z.select("label", "overlap").unique().rows()) == {
        "balanced accuracy": False,  # 0.4 to 0.6, 0.5 to 0.7, 0.7 to 0.9
        "rotation, against distances between units": None,
        "dimension (TwoNN)": None,
    }
    assert not any("probe" in label for label in z["label"])


def test_errors_of_rounding_have_no_order():
    errors = {name: [Score("rotation_over_spread", value)] for name, value in (("a", 1e-8), ("b", 2e-16), ("c", 3e-9))}
    assert z_scores(score_table(errors, {})).is_empty()


def test_two_representations_have_no_z_scores_and_no_polar_plot():
    table = score_table({name: THREE[name] for name in ("first", "second")}, CONTROLS)
    figure = benchmark_figure(table)

    assert z_scores(table).is_empty()
    assert [axes.name for axes in figure.axes] == ["rectilinear"] * 4


def test_bars_are_the_values_and_controls_stand_beside_the_classification():
    figure = benchmark_figure(score_table(THREE, CONTROLS))
    accuracy, probe, *_ = figure.axes
    lengths = [round(bar.get_width(), 6) for bar in accuracy.patches]

    assert lengths == [0.5, 0.6, 0.8, 0.3]
    assert [label.get_text() for label in accuracy.get_yticklabels()] == ["first", "second", "third", "count alone"]
    assert [round(bar.get_width(), 6) for bar in probe.patches] == [0.9, 0.8, 0.6]
    assert probe.get_title(loc="left") == "probe: R2 of count\nin the vectors"
    assert [axes.name for axes in figure.axes].count("polar") == 1
    assert any("order the" in text.get_text().replace("\n", " ") for axes in figure.axes for text in axes.texts)


def test_no_number_is_no_picture():
    with pytest.raises(DataError, match="expected at least one number to draw"):
        benchmark_figure(score_table({"first": absent(["chamfer_nm"], "no decoder")}, {}))
