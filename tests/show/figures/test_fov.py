"""One FOV: colours of clusters, edges, planes, and the room around them."""

import numpy as np
import polars as pl
import pytest

from builders.figures import fov_tables
from locgraph.errors import DataError
from locgraph.show.figures import fov
from locgraph.show.figures.fov import draw_scene, fov_figure, make_scene
from locgraph.show.figures.style import new_figure

EDGES = np.array([[0, 1, 2], [1, 2, 3]])


def line_tables():
    """Three clusters on a line, two localisations each, and one localisation of noise."""
    x = [0.0, 2, 10, 12, 20, 22, 50]
    locs = pl.DataFrame({"x": x, "y": [0.0] * 7, "cluster_id": [0, 0, 1, 1, 2, 2, -1]})
    clusters = pl.DataFrame({"cluster_id": [2, 0, 1], "x_mean": [21.0, 1.0, 11.0], "y_mean": [0.0] * 3})
    return locs, clusters


def test_centres_follow_cluster_id_and_share_the_colour_of_their_localisations():
    scene = make_scene(*line_tables(), None, dimensions=2)
    np.testing.assert_array_equal(scene.centres, [[1, 0], [11, 0], [21, 0]])
    np.testing.assert_array_equal(scene.colours[:6], np.repeat(scene.centre_colours, 2, axis=0))
    assert len(np.unique(scene.centre_colours, axis=0)) == 3
    assert len(set(scene.colours[6, :3])) == 1, "noise is grey, of which the three parts are equal"


def test_unclustered_localisations_may_stand_first_as_in_the_tables():
    locs, clusters = line_tables()
    scene, expected = (make_scene(rows, clusters, None, dimensions=2) for rows in (locs.sort("cluster_id"), locs))
    np.testing.assert_array_equal(scene.colours, np.roll(expected.colours, 1, axis=0))
    np.testing.assert_array_equal(scene.centre_colours, expected.centre_colours)


def test_each_undirected_edge_is_drawn_once_and_loops_are_not():
    scene = make_scene(*line_tables(), np.array([[0, 1, 1, 2, 2], [1, 0, 2, 1, 2]]), dimensions=2)
    axes = new_figure(50, 50).add_subplot()
    draw_scene(axes, scene)
    segments = [segment.tolist() for segment in axes.collections[1].get_segments()]
    assert segments == [[[1, 0], [11, 0]], [[11, 0], [21, 0]]]


def test_neighbouring_clusters_differ_in_colour():
    points = np.random.default_rng(0).uniform(0, 100, size=(60, 2))
    locs = pl.DataFrame({"x": points[:, 0], "y": points[:, 1], "cluster_id": np.arange(60)})
    scene = make_scene(locs, None, None, dimensions=2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag(np.full(60, np.inf))
    assert (scene.colours != scene.colours[distances.argmin(axis=1)]).any(axis=1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda locs, clusters: (locs.drop("y"), clusters, None), "columns x, y in the localisations"),
        (lambda locs, clusters: (locs.head(0), clusters, None), "at least one localisation"),
        (lambda locs, clusters: (locs, clusters.drop("x_mean"), None), "x_mean, y_mean in the clusters"),
        (lambda locs, clusters: (locs.with_columns(view=pl.Series([0, 0, 0, 1, 1, 1, 1])), clusters, None), "one view"),
        (lambda locs, clusters: (locs, clusters, np.array([[0], [3]])), "clusters 0 to 2, found 0 to 3"),
        (lambda locs, clusters: (locs, clusters, np.array([[-1], [1]])), "found -1 to 1"),
        (lambda locs, clusters: (locs.head(4), clusters, None), "all 3 clusters, found 2"),
    ],
)
def test_tables_that_cannot_be_drawn_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        make_scene(*change(*line_tables()), dimensions=2)


@pytest.mark.parametrize(("dimensions", "message"), [(3, "columns x, y, z"), (4, "2 or 3 dimensions, found 4")])
def test_other_dimensions_are_refused(dimensions, message):
    with pytest.raises(DataError, match=message):
        make_scene(*line_tables(), None, dimensions=dimensions)


def test_everything_lies_within_the_panel_above_the_scale_bar():
    locs, clusters = fov_tables()
    axes = fov_figure(locs, clusters, EDGES, "A FOV", 2).axes[0]
    assert axes.get_title(loc="left") == "A FOV"
    bottom, top = axes.get_ylim()
    # as in a camera image, y points downwards
    assert top < locs["y"].min() < locs["y"].max() < axes.lines[0].get_ydata()[0] < bottom
    left, right = axes.get_xlim()
    assert left < locs["x"].min() < locs["x"].max() < right
    assert axes.texts[0].get_text() == "20 nm"
    assert axes.get_aspect() == 1


def test_localisations_edges_and_centres_are_drawn_where_given():
    locs, clusters = fov_tables()
    assert len(fov_figure(locs, clusters, EDGES, "", 2).axes[0].collections) == 3
    assert len(fov_figure(locs, clusters, None, "", 2).axes[0].collections) == 2
    assert len(fov_figure(locs.drop("cluster_id"), None, None, "", 2).axes[0].collections) == 1


def test_three_dimensions_have_a_panel_of_x_and_z():
    locs, clusters = fov_tables(3)
    from_above, from_the_side = fov_figure(locs, clusters, EDGES, "A FOV", 3).axes
    np.testing.assert_array_equal(from_above.collections[0].get_offsets(), locs.select("x", "y").to_numpy())
    np.testing.assert_array_equal(from_the_side.collections[0].get_offsets(), locs.select("x", "z").to_numpy())
    np.testing.assert_array_equal(
        from_the_side.collections[2].get_offsets(), clusters.select("x_mean", "z_mean").to_numpy()
    )
    low, high = from_the_side.get_ylim()
    assert low < locs["z"].min() < locs["z"].max() < high, "z points upwards"
    assert [axes.texts[-1].get_text() for axes in (from_above, from_the_side)] == ["x, y", "x, z"]


def test_of_very_many_localisations_some_are_drawn_and_the_title_counts_them(monkeypatch):
    monkeypatch.setattr(fov, "MAX_DRAWN", 10)
    axes = fov_figure(*fov_tables(), None, "A FOV", 2).axes[0]
    assert axes.get_title(loc="left") == "A FOV\n10 of 40 localisations drawn"
    assert [len(dots.get_offsets()) for dots in axes.collections] == [10, 4]
