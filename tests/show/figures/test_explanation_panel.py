"""The panel of an explained FOV: colours by score, outlines, edges, and what cannot be drawn."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.path import Path

from locgraph.errors import DataError
from locgraph.show.figures import fov_panel
from locgraph.show.figures.explanation_panel import (
    SCORE_COLOURS,
    draw_scored,
    make_scored_scene,
    outline,
    score_norm,
)
from locgraph.show.figures.style import BLUE, VERMILLION


def drawn(fov, **settings):
    axes = Figure().subplots()
    draw_scored(axes, make_scored_scene(fov), **settings)
    return axes


def test_localisations_have_the_colour_of_the_score_of_their_cluster(scored):
    fov = scored()
    _, dots, *_ = drawn(fov).collections
    places = {tuple(point): colour for point, colour in zip(dots.get_offsets(), dots.get_facecolors(), strict=True)}
    for row in fov.locs.filter(pl.col("cluster_id") >= 0).iter_rows(named=True):
        expected = SCORE_COLOURS(score_norm(fov.scores)(fov.scores[row["cluster_id"]]))
        np.testing.assert_allclose(places[row["x"], row["y"]][:3], expected[:3])


def test_colours_tell_the_sign_and_grey_is_nothing():
    norm = score_norm(np.array([-1.0, 4.0]))
    assert SCORE_COLOURS(norm(4.0))[:3] == pytest.approx(to_rgb(VERMILLION), abs=0.01)
    assert SCORE_COLOURS(norm(-4.0))[:3] == pytest.approx(to_rgb(BLUE), abs=0.01)
    red, green, blue, _ = SCORE_COLOURS(norm(0.0))
    assert red == green == blue
    assert score_norm(np.zeros(3))(0.0) == 0.5


def test_what_matters_most_lies_on_top(scored):
    scene = make_scored_scene(scored())
    weights = np.append(np.abs(scene.scores), -1)[scene.owners]
    assert (np.diff(weights) >= 0).all()
    assert scene.owners[0] == -1
    assert scene.owners[-1] == 3


def test_outlines_hold_their_clusters_and_edges_join_outlined_ones(scored):
    fov = scored()
    axes = drawn(fov)
    lines, rings = axes.collections[2], axes.collections[3]
    centres = fov.clusters.select("x_mean", "y_mean").to_numpy()
    (line,) = lines.get_segments()
    np.testing.assert_allclose(line, centres[[2, 3]])
    for cluster, ring in zip((2, 3), rings.get_paths(), strict=True):
        inside = ring.contains_points(fov.locs.filter(pl.col("cluster_id") == cluster).select("x", "y").to_numpy())
        assert inside.all()


@pytest.mark.parametrize("points", [[[5.0, 5.0]], [[0.0, 0.0], [10.0, 0.0]], [[0.0, 0.0]] * 3])
def test_few_localisations_are_outlined_by_a_rounded_line(points):
    points = np.array(points)
    ring = outline(points, pad=2.0)
    distances = np.linalg.norm(ring[:, None] - points[None], axis=2).min(axis=1)
    np.testing.assert_allclose(distances, 2.0)
    assert Path(ring).contains_points(points).all()


def test_without_outlines_and_noise_dots_alone_are_seen(scored):
    axes = drawn(dataclasses.replace(scored(noise=0), outlined=np.zeros(4, dtype=bool)))
    assert [len(collection.get_paths()) for collection in axes.collections[1:]] == [0]


def test_a_plane_of_three_dimensions_is_drawn(scored):
    fov = scored(3, noise=0)
    dots = drawn(fov, plane=(0, 2)).collections[0].get_offsets()
    assert sorted(map(tuple, dots)) == sorted(fov.locs.select("x", "z").iter_rows())


def test_of_very_many_localisations_some_are_drawn(scored, monkeypatch):
    monkeypatch.setattr(fov_panel, "MAX_DRAWN", 10)
    assert len(make_scored_scene(scored()).points) == 10


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
    ],
)
def test_what_does_not_fit_is_refused(scored, change, message):
    with pytest.raises(DataError, match=message):
        make_scored_scene(dataclasses.replace(scored(), **change))


def test_localisations_of_a_cluster_that_is_not_there_are_refused(scored):
    fov = scored()
    fewer = dataclasses.replace(fov, clusters=fov.clusters.head(3), scores=np.zeros(3), outlined=np.ones(3, bool))
    with pytest.raises(DataError, match="localisations of clusters 0 to 2, found 3"):
        make_scored_scene(fewer)
