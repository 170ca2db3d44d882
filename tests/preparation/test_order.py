"""The order of localisations depends on what they are, not on where the file put them or how the FOV lies."""

import numpy as np
import polars as pl
import pytest

from locgraph.graphs.descriptors import MAX_LOCALISATIONS, draw_sample
from locgraph.io.catalogue import FovSource
from locgraph.io.columns import ColumnMap
from locgraph.io.featextracted import read_fov
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.clustering.hdbscan import HDBSCAN
from locgraph.preparation.clustering.kmeans import KMeans
from locgraph.preparation.extract import ExtractTask, extract_fov
from locgraph.preparation.filters.selection import Thin
from locgraph.preparation.order import centre_on_mean, order_localisations, order_points
from locgraph.preparation.views import Views


def cloud(n=300, dimensions=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dimensions)) * 8 + rng.integers(0, 4, (n, dimensions)) * 60.0


def test_by_distance_from_the_mean_by_hand():
    points = np.array([[9.0, 0.0], [0.0, 0.0], [3.0, 0.0], [4.0, 0.0]])  # mean 4
    assert order_points(points).tolist() == [3, 2, 1, 0]


def test_equally_far_points_are_sorted_by_their_coordinates():
    points = np.array([[1.0, 0.0], [0.0, -1.0], [0.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    assert order_points(points).tolist() == [2, 3, 1, 4, 0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_points(n):
    points = np.ones((n, 2))
    assert order_points(points).tolist() == list(range(n))
    table = pl.DataFrame(points, schema=["x", "y"])
    assert order_localisations(table, 2).tolist() == list(range(n))
    assert centre_on_mean(points).tolist() == [[0.0, 0.0]] * n


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_same_points_in_any_order_anywhere_and_turned(dimensions, turn):
    points = cloud(dimensions=dimensions)
    order = order_points(points)
    shuffled = np.random.default_rng(1).permutation(len(points))
    assert (shuffled[order_points(points[shuffled])] == order).all()
    assert (order_points(points + 12345.678) == order).all()
    assert (order_points(turn(points, 37.0)) == order).all()
    assert (order_points(points * [-1.0, *[1.0] * (dimensions - 1)]) == order).all()


def test_whole_nanometres_far_from_the_origin_keep_their_order():
    points = np.round(cloud())
    assert (order_points(points + 1e9) == order_points(points)).all()


def test_localisations_at_one_place_are_sorted_by_their_other_columns():
    table = pl.DataFrame(
        {"x": [5.0, 5.0, 5.0, 0.0], "y": 0.0, "frame": [3, None, 1, 2], "photons": [1.0, 2.0, 3.0, 4.0]}
    )
    for seed in range(6):
        shuffled = table.sample(fraction=1.0, shuffle=True, seed=seed)
        ordered = shuffled[order_localisations(shuffled.select("photons", "y", "frame", "x"), 2)]
        assert ordered["photons"].to_list() == [2.0, 3.0, 1.0, 4.0]


@pytest.mark.parametrize(
    "clusterer",
    [KMeans(12, backend="cpu"), DBSCAN(9.0, 4, backend="cpu"), HDBSCAN(8, backend="cpu")],
    ids=lambda clusterer: type(clusterer).__name__,
)
@pytest.mark.parametrize("change", ["permuted", "shifted", "turned", "mirrored"])
def test_tables_hold_the_same_clusters_of_the_same_localisations(tmp_path, make_recipe, turn, clusterer, change):
    points = cloud()
    changed = {
        "permuted": points,
        "shifted": points + np.array([512.0, -64.0]),
        "turned": turn(points, 37.0),
        "mirrored": points * [1.0, -1.0],
    }[change]
    rows = np.random.default_rng(1).permutation(300) if change == "permuted" else np.arange(300)
    columns = ColumnMap({"x": "x", "y": "y", "photons": "photons"}, unit="nm")
    recipe = make_recipe(clusterer=clusterer, columns=columns, views=Views(count=3), preprocess={"thin": Thin(250)})

    def tables(name, positions):
        path = tmp_path / f"{name}.parquet"
        table = pl.DataFrame(positions, schema=["x", "y"]).with_columns(photons=np.arange(300.0))
        table[rows if name != "as it is" else np.arange(300)].write_parquet(path)
        extract_fov(ExtractTask(FovSource(name, path, "a", None), ("a",), recipe, tmp_path, "mark"))
        return read_fov(tmp_path, name)

    before, after = tables("as it is", points), tables("another name", changed)
    which = ("view", "cluster_id", "photons")  # photons name the localisation
    assert before.locs.select(which).equals(after.locs.select(which))
    if change == "permuted":
        assert before.clusters.equals(after.clusters)
    else:
        both = (fov.clusters.select("count", "radius_of_gyration").to_numpy() for fov in (before, after))
        np.testing.assert_allclose(*both, rtol=1e-5)


def test_descriptors_of_large_fovs_look_at_the_same_localisations(turn):
    points = centre_on_mean(cloud(MAX_LOCALISATIONS + 500))
    shuffled = np.random.default_rng(1).permutation(len(points))
    sample = draw_sample(points)
    assert np.array_equal(draw_sample(points[shuffled]), sample)
    np.testing.assert_allclose(draw_sample(turn(points, 37.0)), turn(sample, 37.0), atol=1e-9)
