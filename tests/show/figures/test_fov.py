"""One FOV: colours and outlines of clusters, dots and densities, and a scale that several share."""

import numpy as np
import polars as pl
import pytest
from matplotlib.path import Path

from builders.figures import fov_tables
from locgraph.errors import DataError
from locgraph.show.figures import fov
from locgraph.show.figures.fov import draw_points, draw_scene, make_scene, outline, shared_spans
from locgraph.show.figures.style import new_figure


def line_locs():
    """Three clusters on a line, two localisations each, and one localisation of noise."""
    x = [0.0, 2, 10, 12, 20, 22, 50]
    return pl.DataFrame({"x": x, "y": [0.0] * 7, "cluster_id": [0, 0, 1, 1, 2, 2, -1]})


def drawn(scene):
    axes = new_figure(50, 50).add_subplot()
    draw_scene(axes, scene)
    return axes


def test_localisations_of_a_cluster_share_a_colour_and_noise_is_grey():
    scene = make_scene(line_locs(), dimensions=2)
    colours = drawn(scene).collections[0].get_facecolors()
    np.testing.assert_array_equal(colours[:6:2], colours[1:6:2])
    assert len(np.unique(colours[:6], axis=0)) == 3
    assert len(set(colours[6, :3])) == 1


def test_unclustered_localisations_may_stand_first_as_in_the_tables():
    scene, expected = (make_scene(rows, dimensions=2) for rows in (line_locs().sort("cluster_id"), line_locs()))
    np.testing.assert_array_equal(scene.palette, expected.palette)
    np.testing.assert_array_equal(scene.owners, np.roll(expected.owners, 1))


def test_every_cluster_is_outlined_no_farther_out_than_its_size():
    locs, _ = fov_tables()
    rings = drawn(make_scene(locs, dimensions=2)).collections[1].get_paths()
    assert len(rings) == 4
    for cluster, ring in enumerate(rings):
        points = locs.filter(pl.col("cluster_id") == cluster).select("x", "y").to_numpy()
        assert ring.contains_points(points).all()
        gyration = np.sqrt(points.var(axis=0).sum())
        assert np.ptp(ring.vertices, axis=0).max() < np.ptp(points, axis=0).max() + gyration


def test_a_small_cluster_in_a_wide_fov_is_not_hidden_by_its_outline():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert np.ptp(outline(points, span_nm=1000.0), axis=0).max() < 10.0
    assert Path(outline(points, span_nm=1000.0)).contains_points(points).all()


def test_of_very_many_clusters_none_is_outlined(monkeypatch):
    monkeypatch.setattr(fov, "MOST_OUTLINES", 2)
    assert len(drawn(make_scene(line_locs(), dimensions=2)).collections) == 1


def test_neighbouring_clusters_differ_in_colour():
    points = np.random.default_rng(0).uniform(0, 100, size=(60, 2))
    locs = pl.DataFrame({"x": points[:, 0], "y": points[:, 1], "cluster_id": np.arange(60)})
    palette = make_scene(locs, dimensions=2).palette
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag(np.full(60, np.inf))
    assert (palette[:-1] != palette[distances.argmin(axis=1)]).any(axis=1).all()


def test_many_localisations_are_drawn_as_a_density_in_their_colours(monkeypatch):
    monkeypatch.setattr(fov, "MOST_DOTS", 10)
    axes = new_figure(50, 50).add_subplot()
    points = np.concatenate([np.zeros((90, 2)), [[100.0, 50.0]] * 10])
    colours = np.concatenate([[[1.0, 0, 0, 1]] * 90, [[0, 0, 1.0, 1]] * 10])
    draw_points(axes, points, colours)
    (image,) = axes.images
    pixels, (left, right, low, high) = image.get_array(), image.get_extent()
    assert not axes.collections
    np.testing.assert_allclose([left, low], [0, 0])
    assert right >= 100.0
    assert high >= 50.0
    np.testing.assert_allclose(pixels[0, 0, :3], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(pixels[-1, -1, :3], [0, 0, 1], atol=1e-6)
    assert pixels[0, 0, 3] > pixels[-1, -1, 3] > 0.3, "denser is darker, and single ones stay visible"
    assert pixels[pixels.shape[0] // 2, 0, 3] == 0.0


@pytest.mark.parametrize(
    ("spans", "expected", "words"),
    [
        ([], [], ""),
        ([10.0, 30.0, 20.0], [30.0, 30.0, 30.0], ""),
        ([10.0, 10.0, 60.0], [10.0, 10.0, 60.0], "each FOV at its own scale"),
    ],
)
def test_one_scale_for_all_unless_one_is_far_larger(spans, expected, words):
    assert shared_spans(spans) == (expected, words)


@pytest.mark.parametrize(
    ("change", "dimensions", "message"),
    [
        (lambda locs: locs.drop("y"), 2, "columns x, y in the localisations"),
        (lambda locs: locs, 3, "columns x, y, z in the localisations"),
        (lambda locs: locs, 4, "2 or 3 dimensions, found 4"),
        (lambda locs: locs.head(0), 2, "at least one localisation"),
        (lambda locs: locs.with_columns(view=pl.Series([0, 0, 0, 1, 1, 1, 1])), 2, "one view, found 2"),
    ],
)
def test_tables_that_cannot_be_drawn_are_refused(change, dimensions, message):
    with pytest.raises(DataError, match=message):
        make_scene(change(line_locs()), dimensions)
