"""The chapter on calibration."""

import dataclasses

import plotly.graph_objects
import pytest

from locgraph.show.report import calibration as chapter


@pytest.mark.parametrize(("certain", "leaning"), [(False, "underconfident"), (True, "overconfident")])
def test_calibration_is_that_of_the_test_side(source, parts, words, certain, leaning):
    if certain:
        sure = (source.predictions["p_T"] > 0.5).cast(float)
        source = dataclasses.replace(source, predictions=source.predictions.with_columns(p_T=sure, p_L=1.0 - sure))

    section = chapter.calibration_section(source)

    calibration = chapter.calibrate(source)
    assert (calibration.n_cases, calibration.accuracy) == (12, 0.75)
    (plot,) = parts(section, "plot")
    plotly.graph_objects.Figure(plot.data, plot.layout)
    assert sum(plot.data[2]["y"]) == 12
    facts = dict(parts(section, "facts")[0].rows)
    assert facts["expected calibration error"].startswith("0.")
    assert "equal probabilities give 0.500" in facts["Brier score"]
    assert facts["mean confidence"].endswith(f"on the whole {leaning}")
    assert any("12 test FOVs are few" in text for text in words(section))


def test_what_cannot_be_calibrated_is_told(source, words):
    bare = dataclasses.replace(source, predictions=source.predictions.drop("p_L"))

    (text,) = words(chapter.calibration_section(bare), "missing")

    assert "expected predictions with p_L" in text
