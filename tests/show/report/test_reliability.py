"""The reliability curve of all test FOVs."""

import dataclasses

import plotly.graph_objects
import pytest

from locgraph.show.report import reliability
from locgraph.show.report.absent import Absent


def test_bins_are_those_of_the_test_side(source):
    found = reliability.calibrated(source)

    assert found.n_cases == 12
    assert found.accuracy == 0.75
    assert found.bins[-1].count == 3  # three are wrong with 0.9, which belongs to the bin below 0.9
    assert found.bins[-1].accuracy.estimate == 0.0


def test_the_section(source, parts, words):
    section = reliability.section(source)

    (plot,) = parts(section, "plot")
    plotly.graph_objects.Figure(plot.data, plot.layout)
    assert sum(plot.data[2]["y"]) == 12
    facts = dict(parts(section, "facts")[0].rows)
    assert facts["expected calibration error"].startswith("0.")
    assert "equal probabilities give 0.500" in facts["Brier score"]
    assert any("12 test FOVs are few" in text for text in words(section))


def test_what_cannot_be_calibrated_is_told(source, words):
    bare = dataclasses.replace(source, predictions=source.predictions.drop("p_L"))

    (text,) = words(reliability.section(bare), "missing")

    assert "expected predictions with p_L" in text


def test_localisations_are_calibrated_where_the_model_names_them(source, parts):
    named = dataclasses.replace(source, predictions=Absent("none"), localisations=source.predictions)

    section = reliability.section(named)

    assert "test localisations" in parts(section, "plot")[0].alt


def test_a_model_that_is_too_sure_is_called_so(source, parts):
    sure = source.predictions.with_columns(p_T=1.0 - (source.predictions["p_L"] > 0.5).cast(float))
    sure = sure.with_columns(p_L=1.0 - sure["p_T"])

    section = reliability.section(dataclasses.replace(source, predictions=sure))

    assert dict(parts(section, "facts")[0].rows)["mean confidence"].endswith("on the whole too sure")
    assert reliability.calibrated(source).mean_confidence == pytest.approx(0.71875, abs=0.1)
