import numpy as np
import pytest

from locgraph import schema
from locgraph.errors import DataError
from locgraph.preparation.clustering.base import by_first_appearance, centred, checked, whole_numbers
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.clustering.hdbscan import HDBSCAN
from locgraph.preparation.clustering.kmeans import KMeans
from locgraph.preparation.clustering.simple import Given, Grid, One, PerChannel

CLUSTERERS = [
    DBSCAN(eps_nm=10.0, min_samples=3, backend="cpu"),
    HDBSCAN(min_cluster_size=5, backend="cpu"),
    KMeans(n_clusters=5, backend="cpu"),
    Grid(cell_nm=50.0, min_samples=2),
    Given(),
    One(),
    PerChannel(KMeans(n_clusters=3, backend="cpu")),
    PerChannel(PerChannel(Given())),
]
every_clusterer = pytest.mark.parametrize("clusterer", CLUSTERERS, ids=lambda c: type(c).__name__)


def columns_for(clusterer, n):
    """What a clusterer needs for n localisations: two channels, and clusters of about ten."""
    made = {"channel": np.arange(n) % 2, "source_cluster": np.arange(n) % (n // 10 + 1) - 1}
    return {name: made[name] for name in clusterer.needs}


def test_by_first_appearance_renames_in_the_order_of_the_rows():
    labels = np.array([5, -1, 5, 2, 9, 2, -3, 0])
    assert by_first_appearance(labels).tolist() == [0, -1, 0, 1, 2, 1, -1, 3]


@pytest.mark.parametrize("labels", [[], [-1, -1, -7]])
def test_by_first_appearance_without_clusters(labels):
    renamed = by_first_appearance(np.array(labels, dtype=np.int32))
    assert renamed.dtype == np.int64
    assert renamed.tolist() == [-1] * len(labels)


def test_centred_keeps_distances_between_whole_nanometres():
    points = np.array([[1e9, 2e9], [1e9 + 3, 2e9 + 4], [1e9 - 7, 2e9]])
    moved = centred(points)
    assert np.array_equal(moved - moved[0], [[0, 0], [3, 4], [-7, 0]])
    assert np.abs(moved).max() <= 6


def test_centred_does_not_depend_on_the_order_and_leaves_the_input():
    points = np.random.default_rng(0).normal(size=(100, 3)) + 1e6
    points.setflags(write=False)
    assert np.array_equal(centred(points)[::-1], centred(points[::-1]))


def test_checked_moves_nothing():
    points = np.array([[1e9, 2.5], [1e9 + 3, 4.0]])
    assert np.array_equal(checked(points), points)
    assert checked(points.astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 4), (2, 2, 2)])
def test_centred_refuses_other_shapes(shape):
    with pytest.raises(DataError, match=r"shape \(N, 2\) or \(N, 3\)"):
        centred(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_centred_counts_rows_that_are_not_finite(value):
    points = np.zeros((5, 2))
    points[1:3, 1] = value
    with pytest.raises(DataError, match="found 2 of 5 rows"):
        centred(points)


def test_centred_refuses_an_absurd_extent():
    with pytest.raises(DataError, match=r"extent of 1e\+300 nm; check columns.unit"):
        centred(np.array([[0.0, 0.0], [1e300, 0.0]]))


def test_whole_numbers_of_any_type_and_minus_one_where_there_is_none():
    columns = {"a": np.array([3, 2**40], dtype=np.uint64), "b": np.array([2.0, np.nan, -4.0])}
    assert whole_numbers(columns, "a", "given").tolist() == [3, 2**40]
    assert whole_numbers(columns, "b", "given").tolist() == [2, -1, -4]
    assert whole_numbers(columns, "b", "given").dtype == np.int64


def test_whole_numbers_that_are_absent_or_are_none():
    with pytest.raises(
        DataError, match=r"clustering=given needs the column c, found \['a'\]; name it in columns\.names"
    ):
        whole_numbers({"a": np.zeros(1)}, "c", "given")
    with pytest.raises(DataError, match=r"clustering=given expected whole numbers in the column a, found 2\.5"):
        whole_numbers({"a": np.array([1.0, 2.5])}, "a", "given")


@every_clusterer
def test_clusterers_say_which_columns_they_need(clusterer):
    assert isinstance(clusterer.needs, tuple)
    assert set(clusterer.needs) <= set(schema.LOCALISATION_COLUMNS)
    assert len(set(clusterer.needs)) == len(clusterer.needs)


@every_clusterer
@pytest.mark.parametrize("dimensions", [2, 3])
def test_empty_input_gives_empty_labels(clusterer, dimensions):
    labels = clusterer(np.zeros((0, dimensions)), seed=0, **columns_for(clusterer, 0))
    assert labels.shape == (0,)
    assert labels.dtype == np.int64


@every_clusterer
def test_one_point_has_one_label(clusterer):
    assert clusterer(np.array([[3.0, 4.0]]), seed=0, **columns_for(clusterer, 1)).shape == (1,)


@every_clusterer
def test_contract(clusterer):
    rng = np.random.default_rng(3)
    points = np.repeat(rng.random((6, 2)) * 1000, 20, axis=0) + rng.normal(0, 3, (120, 2))
    columns = columns_for(clusterer, 120)
    labels = clusterer(points, seed=4, **columns)
    assert labels.shape == (120,)
    assert labels.dtype == np.int64
    found, first = np.unique(labels[labels >= 0], return_index=True)
    assert found.tolist() == list(range(len(found)))
    assert np.all(np.diff(first) > 0)
    assert np.array_equal(clusterer(points, seed=4, **columns), labels)


@every_clusterer
@pytest.mark.parametrize("layout", [np.asfortranarray, lambda p: np.repeat(p, 2, axis=0)[::2]])
def test_memory_layout_does_not_matter(clusterer, layout):
    points = np.random.default_rng(5).random((100, 2)) * 100
    columns = columns_for(clusterer, 100)
    assert np.array_equal(clusterer(layout(points), seed=1, **columns), clusterer(points, seed=1, **columns))


@every_clusterer
def test_points_that_are_not_finite_are_refused(clusterer):
    with pytest.raises(DataError, match="finite positions"):
        clusterer(np.array([[0.0, np.nan], [1.0, 1.0]]), seed=0, **columns_for(clusterer, 2))
