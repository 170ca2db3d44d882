import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.show.figures import fov_panel
from locgraph.show.figures.fov_panel import draw_scene, make_scene
from locgraph.show.figures.style import new_figure


def tables():
    """Three clusters on a line, two localisations each, and one localisation of noise."""
    x = [0.0, 2, 10, 12, 20, 22, 50]
    locs = pl.DataFrame({"x": x, "y": [0.0] * 7, "cluster_id": [0, 0, 1, 1, 2, 2, -1]})
    clusters = pl.DataFrame({"cluster_id": [2, 0, 1], "x_mean": [21.0, 1.0, 11.0], "y_mean": [0.0] * 3})
    return locs, clusters


def test_centres_follow_cluster_id_and_share_the_colour_of_their_localisations():
    scene = make_scene(*tables(), None, dimensions=2)
    np.testing.assert_array_equal(scene.centres, [[1, 0], [11, 0], [21, 0]])
    np.testing.assert_array_equal(scene.colours[:6], np.repeat(scene.centre_colours, 2, axis=0))
    assert len(np.unique(scene.centre_colours, axis=0)) == 3
    # Noise is grey, of which the three parts are equal.
    assert len(set(scene.colours[6, :3])) == 1


def test_unclustered_localisations_may_stand_first_as_in_the_tables():
    locs, clusters = tables()
    scene, expected = (make_scene(rows, clusters, None, dimensions=2) for rows in (locs.sort("cluster_id"), locs))
    np.testing.assert_array_equal(scene.colours, np.roll(expected.colours, 1, axis=0))
    np.testing.assert_array_equal(scene.centre_colours, expected.centre_colours)


def test_each_undirected_edge_is_drawn_once_and_loops_are_not():
    edges = np.array([[0, 1, 1, 2, 2], [1, 0, 2, 1, 2]])
    scene = make_scene(*tables(), edges, dimensions=2)
    assert scene.edges.T.tolist() == [[0, 1], [1, 2]]
    axes = new_figure(50, 50).add_subplot()
    draw_scene(axes, scene)
    segments = axes.collections[1].get_segments()
    assert [segment.tolist() for segment in segments] == [[[1, 0], [11, 0]], [[11, 0], [21, 0]]]


def test_neighbouring_clusters_differ_in_colour():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, size=(60, 2))
    locs = pl.DataFrame({"x": points[:, 0], "y": points[:, 1], "cluster_id": np.arange(60)})
    scene = make_scene(locs, None, None, dimensions=2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag(np.full(60, np.inf))
    nearest = distances.argmin(axis=1)
    assert (scene.colours != scene.colours[nearest]).any(axis=1).all()


def test_localisations_without_clusters_are_all_drawn_alike():
    locs, _ = tables()
    for table in (locs.drop("cluster_id"), locs.with_columns(cluster_id=pl.lit(-1))):
        scene = make_scene(table, None, None, dimensions=2)
        assert len(np.unique(scene.colours, axis=0)) == 1
        assert scene.centres.shape == (0, 2)


def test_a_plane_of_three_dimensions_is_drawn():
    locs, clusters = tables()
    locs, clusters = locs.with_columns(z=pl.col("x") * 2), clusters.with_columns(z_mean=pl.col("x_mean") * 2)
    axes = new_figure(50, 50).add_subplot()
    draw_scene(axes, make_scene(locs, clusters, None, dimensions=3), plane=(0, 2))
    np.testing.assert_array_equal(axes.collections[1].get_offsets(), [[1, 2], [11, 22], [21, 42]])


def test_of_very_many_localisations_some_are_drawn(monkeypatch):
    monkeypatch.setattr(fov_panel, "MAX_DRAWN", 4)
    scene = make_scene(*tables(), None, dimensions=2)
    assert len(scene.points) == len(scene.colours) == 4
    assert scene.centres.shape == (3, 2)


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
        make_scene(*change(*tables()), dimensions=2)


def test_other_dimensions_are_refused():
    with pytest.raises(DataError, match="2 or 3 dimensions, found 4"):
        make_scene(*tables(), None, dimensions=4)
