import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.show.figures import fov_panel
from locgraph.show.figures.fov import fov_figure


def tables(dimensions=2):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, size=(40, 3))
    labels = np.repeat(np.arange(4), 10)
    means = np.stack([points[labels == label].mean(axis=0) for label in range(4)])
    locs = {name: points[:, axis] for axis, name in enumerate("xyz"[:dimensions])}
    clusters = {f"{name}_mean": means[:, axis] for axis, name in enumerate("xyz"[:dimensions])}
    return pl.DataFrame({**locs, "cluster_id": labels}), pl.DataFrame({"cluster_id": np.arange(4), **clusters})


EDGES = np.array([[0, 1, 2], [1, 2, 3]])


def test_everything_lies_within_the_panel_above_the_scale_bar():
    locs, clusters = tables()
    axes = fov_figure(locs, clusters, EDGES, "A FOV", 2).axes[0]
    assert axes.get_title(loc="left") == "A FOV"
    bottom, top = axes.get_ylim()
    # As in a camera image, y points downwards.
    assert top < locs["y"].min() < locs["y"].max() < axes.lines[0].get_ydata()[0] < bottom
    left, right = axes.get_xlim()
    assert left < locs["x"].min() < locs["x"].max() < right
    assert axes.texts[0].get_text() == "20 nm"
    assert axes.get_aspect() == 1


def test_localisations_edges_and_centres_are_drawn_where_given():
    locs, clusters = tables()
    assert len(fov_figure(locs, clusters, EDGES, "", 2).axes[0].collections) == 3
    assert len(fov_figure(locs, clusters, None, "", 2).axes[0].collections) == 2
    assert len(fov_figure(locs.drop("cluster_id"), None, None, "", 2).axes[0].collections) == 1


def test_three_dimensions_have_a_panel_of_x_and_z():
    locs, clusters = tables(3)
    from_above, from_the_side = fov_figure(locs, clusters, EDGES, "A FOV", 3).axes
    np.testing.assert_array_equal(from_above.collections[0].get_offsets(), locs.select("x", "y").to_numpy())
    np.testing.assert_array_equal(from_the_side.collections[0].get_offsets(), locs.select("x", "z").to_numpy())
    # z points upwards.
    low, high = from_the_side.get_ylim()
    assert low < locs["z"].min() < locs["z"].max() < high
    assert [axes.texts[-1].get_text() for axes in (from_above, from_the_side)] == ["x, y", "x, z"]


def test_one_localisation_can_be_drawn():
    axes = fov_figure(pl.DataFrame({"x": [5.0], "y": [7.0]}), None, None, "", 2).axes[0]
    assert axes.get_xlim()[0] < 5 < axes.get_xlim()[1]


def test_a_title_says_when_not_all_are_drawn(monkeypatch):
    monkeypatch.setattr(fov_panel, "MAX_DRAWN", 10)
    locs, clusters = tables()
    title = fov_figure(locs, clusters, None, "A FOV", 2).axes[0].get_title(loc="left")
    assert title == "A FOV\n10 of 40 localisations drawn"


def test_a_missing_column_is_named():
    locs, clusters = tables()
    with pytest.raises(DataError, match="columns x, y, z"):
        fov_figure(locs, clusters, None, "", 3)
