"""One FOV in the colours of its scores: colours, outlines, edges, words, and what cannot be drawn."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.path import Path

from builders.figures import scored_fov
from locgraph.errors import DataError
from locgraph.show.figures.fov import outline
from locgraph.show.figures.scored_fov import (
    SCORE_COLOURS,
    Caption,
    draw_scored,
    explanation_figure,
    make_scored_scene,
    score_norm,
    shortened,
)
from locgraph.show.figures.style import BLUE, GREEN, VERMILLION, save_figure

CAPTION = Caption("fov_1", "T", "T", 0.934, "T", "subgraphx", True, "change of probability")


def drawn(fov, **settings):
    axes = Figure().subplots()
    draw_scored(axes, make_scored_scene(fov), **settings)
    return axes


def lines(figure):
    return {text.get_text(): text.get_color() for text in figure.axes[0].texts}


def test_localisations_have_the_colour_of_the_score_of_their_cluster():
    fov = scored_fov()
    dots = drawn(fov).collections[0]
    places = {tuple(point): colour for point, colour in zip(dots.get_offsets(), dots.get_facecolors(), strict=True)}
    for row in fov.locs.filter(pl.col("cluster_id") >= 0).iter_rows(named=True):
        expected = SCORE_COLOURS(score_norm(fov.scores)(fov.scores[row["cluster_id"]]))
        np.testing.assert_allclose(places[row["x"], row["y"]][:3], expected[:3])


def test_colours_follow_the_sign_and_0_is_grey():
    norm = score_norm(np.array([-1.0, 4.0]))
    assert SCORE_COLOURS(norm(4.0))[:3] == pytest.approx(to_rgb(VERMILLION), abs=0.01)
    assert SCORE_COLOURS(norm(-4.0))[:3] == pytest.approx(to_rgb(BLUE), abs=0.01)
    red, green, blue, _ = SCORE_COLOURS(norm(0.0))
    assert red == green == blue
    assert score_norm(np.zeros(3))(0.0) == 0.5


def test_the_largest_scores_lie_on_top():
    scene = make_scored_scene(scored_fov())
    weights = np.append(np.abs(scene.scores), -1)[scene.owners]
    assert (np.diff(weights) >= 0).all()
    assert (scene.owners[0], scene.owners[-1]) == (-1, 3)


def test_outlines_hold_their_clusters_and_edges_join_outlined_ones():
    fov = scored_fov()
    edges, rings = drawn(fov).collections[1:3]
    (edge,) = edges.get_segments()
    np.testing.assert_allclose(edge, fov.clusters.select("x_mean", "y_mean").to_numpy()[[2, 3]])
    for cluster, ring in zip((2, 3), rings.get_paths(), strict=True):
        points = fov.locs.filter(pl.col("cluster_id") == cluster).select("x", "y").to_numpy()
        assert ring.contains_points(points).all()


@pytest.mark.parametrize("points", [[[5.0, 5.0]], [[0.0, 0.0], [10.0, 0.0]], [[0.0, 0.0]] * 5])
def test_few_localisations_are_outlined_by_a_rounded_line(points):
    points = np.array(points)
    ring = outline(points, span_nm=500.0)  # of which 0.4 % are 2 nm
    distances = np.linalg.norm(ring[:, None] - points[None], axis=2).min(axis=1)
    np.testing.assert_allclose(distances, 2.0)
    assert Path(ring).contains_points(points).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"locs": pl.DataFrame({"x": [1.0], "y": [1.0]})}, "localisations with the columns x, y, cluster_id"),
        ({"clusters": pl.DataFrame({"cluster_id": [0]})}, "clusters with the columns x_mean, y_mean, cluster_id"),
        ({"locs": pl.DataFrame({"x": [], "y": [], "cluster_id": []})}, "found 0 rows"),
        ({"scores": np.zeros(3)}, "each of 4 clusters, found 3 scores and 4 outlines"),
        ({"outlined": np.zeros(5, dtype=bool)}, "found 4 scores and 5 outlines"),
        ({"scores": np.array([0.0, np.nan, 1.0, np.inf])}, "finite scores to draw, found 2"),
        ({"edges": np.array([[0], [4]])}, "edges between clusters 0 to 3"),
        (
            {"clusters": scored_fov().clusters.head(3), "scores": np.zeros(3), "outlined": np.ones(3, bool)},
            "localisations of clusters 0 to 2, found 3",
        ),
    ],
)
def test_scores_that_do_not_fit_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        make_scored_scene(dataclasses.replace(scored_fov(), **change))


@pytest.mark.parametrize(
    ("change", "line", "colour"),
    [
        ({}, "class T, prediction ✓ T (0.93)", GREEN),
        ({"truth": "L"}, "class L, prediction ✗ T (0.93)", VERMILLION),
        ({"truth": None}, "class not known, prediction T (0.93)", "#000000"),
        ({}, "outlined: the subgraph, 2 of 4 clusters", "#000000"),
        ({"named": False}, "outlined: the highest scores, 2 of 4 clusters", "#000000"),
        ({}, "subgraphx for class T", "#000000"),
    ],
)
def test_the_lines_above_name_prediction_explainer_and_outlines(change, line, colour):
    written = lines(explanation_figure(scored_fov(), dataclasses.replace(CAPTION, **change)))
    assert next(iter(written)) == "fov_1"
    assert written[line] == colour


@pytest.mark.parametrize(
    ("scores", "limits", "ticks", "label"),
    [
        (
            (-1.0, 0.0, 0.5, 2.0),
            (-2.0, 2.0),
            ["-2", "0", "2"],
            "against ← 0 → for class T",
        ),
        ((0.0, 0.1, 0.2, 0.4), (0.0, 0.4), ["0", "0.2", "0.4"], "0 → for class T"),
    ],
)
def test_the_colour_bar_starts_at_0_without_negative_scores(scores, limits, ticks, label):
    bar = explanation_figure(scored_fov(scores=scores), CAPTION).axes[-1]
    assert bar.get_xlim() == limits
    assert [tick.get_text() for tick in bar.get_xticklabels()] == ticks
    assert bar.get_xlabel() == f"score (change of probability): {label}"


def test_three_dimensions_have_a_panel_of_x_and_z():
    fov = scored_fov(3, noise=0)
    _, from_above, from_the_side, _ = explanation_figure(fov, CAPTION).axes
    dots = from_the_side.collections[0].get_offsets()
    assert sorted(map(tuple, dots)) == sorted(fov.locs.select("x", "z").iter_rows())
    assert [panel.texts[-1].get_text() for panel in (from_above, from_the_side)] == ["x, y", "x, z"]
    low, high = from_the_side.get_ylim()
    assert low < high, "z points upwards"


def test_one_cluster_of_one_localisation_and_scores_of_0_can_be_drawn(tmp_path):
    fov = scored_fov(noise=0)
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


def test_of_a_long_name_the_end_is_kept():
    assert shortened("plate/well/fov_1", 8) == "…l/fov_1"
    assert shortened("fov_1", 8) == "fov_1"
