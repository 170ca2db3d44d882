"""The figure of an explained FOV: what is said above it, its colour bar and its panels."""

import dataclasses

import numpy as np
import pytest

from locgraph.show.figures import fov_panel
from locgraph.show.figures.explanation import Caption, explanation_figure, shortened
from locgraph.show.figures.save import save_figure
from locgraph.show.figures.style import GREEN, VERMILLION

CAPTION = Caption("fov_1", "T", "T", 0.934, "T", "subgraphx", True)


def lines(figure):
    return {text.get_text(): text.get_color() for text in figure.axes[0].texts}


def test_the_lines_above_say_what_is_explained(scored):
    assert list(lines(explanation_figure(scored(), CAPTION))) == [
        "fov_1",
        "class T, prediction ✓ T (0.93)",
        "subgraphx for class T",
        "outlined: the subgraph, 2 of 4 clusters",
    ]


@pytest.mark.parametrize(
    ("change", "line", "colour"),
    [
        ({}, "class T, prediction ✓ T (0.93)", GREEN),
        ({"truth": "L"}, "class L, prediction ✗ T (0.93)", VERMILLION),
        ({"truth": None}, "class not known, prediction T (0.93)", "#000000"),
        ({"named": False}, "outlined: the highest scores, 2 of 4 clusters", "#000000"),
    ],
)
def test_a_caption_tells_right_from_wrong(scored, change, line, colour):
    assert lines(explanation_figure(scored(), dataclasses.replace(CAPTION, **change)))[line] == colour


def test_a_figure_says_when_not_all_are_drawn(scored, monkeypatch):
    monkeypatch.setattr(fov_panel, "MAX_DRAWN", 10)
    assert "10 of 43 localisations drawn" in lines(explanation_figure(scored(), CAPTION))


def test_the_colour_bar_runs_over_both_signs(scored):
    bar = explanation_figure(scored(), CAPTION).axes[-1]
    assert bar.get_xlim() == (-2.0, 2.0)
    assert [tick.get_text() for tick in bar.get_xticklabels()] == ["-2", "0", "2"]
    assert bar.get_xlabel() == "score: against ← 0 → for class T"


def test_without_negative_scores_the_colour_bar_starts_at_0(scored):
    bar = explanation_figure(scored(scores=(0.0, 0.1, 0.2, 0.4)), CAPTION).axes[-1]
    assert bar.get_xlim() == (0.0, 0.4)
    assert bar.get_xlabel() == "score: 0 → for class T"


def test_everything_lies_within_the_panel_above_the_scale_bar(scored):
    fov = scored()
    panel = explanation_figure(fov, CAPTION).axes[1]
    bottom, top = panel.get_ylim()
    # as in a camera image, y points downwards
    assert top < fov.locs["y"].min() < fov.locs["y"].max() < panel.lines[0].get_ydata()[0] < bottom
    left, right = panel.get_xlim()
    assert left < fov.locs["x"].min() < fov.locs["x"].max() < right
    assert panel.texts[-1].get_text() == "20 nm"


def test_three_dimensions_have_a_panel_of_x_and_z(scored):
    _, from_above, from_the_side, _ = explanation_figure(scored(3), CAPTION).axes
    assert [panel.texts[-1].get_text() for panel in (from_above, from_the_side)] == ["x, y", "x, z"]
    # z points upwards
    low, high = from_the_side.get_ylim()
    assert low < high


def test_one_cluster_of_one_localisation_and_scores_of_0_can_be_drawn(scored, tmp_path):
    fov = scored(noise=0)
    one = dataclasses.replace(
        fov,
        locs=fov.locs.head(1),
        clusters=fov.clusters.head(1),
        scores=np.zeros(1),
        outlined=np.ones(1, dtype=bool),
        edges=np.zeros((2, 0), dtype=np.int64),
    )
    save_figure(explanation_figure(one, CAPTION), tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 1000


def test_equal_figures_give_equal_files(scored, tmp_path):
    for name in ("a.svg", "b.svg"):
        save_figure(explanation_figure(scored(), CAPTION), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_of_a_long_name_the_end_is_kept():
    assert shortened("plate/well/fov_1", 8) == "…l/fov_1"
    assert shortened("fov_1", 8) == "fov_1"
