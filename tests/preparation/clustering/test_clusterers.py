"""Contract of clusterers, and those without a search: given clusters, a grid, one cluster, and each channel alone."""

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.preparation.clustering.base import centre_points, number_clusters, sort_by_cell, whole_numbers
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


def test_number_clusters_renames_in_the_order_of_the_rows():
    labels = np.array([5, -1, 5, 2, 9, 2, -3, 0])
    assert number_clusters(labels).tolist() == [0, -1, 0, 1, 2, 1, -1, 3]


@pytest.mark.parametrize("labels", [[], [-1, -1, -7]])
def test_number_clusters_without_clusters(labels):
    renamed = number_clusters(np.array(labels, dtype=np.int32))
    assert renamed.dtype == np.int64
    assert renamed.tolist() == [-1] * len(labels)


def test_centre_points_keeps_distances_between_whole_nanometres():
    points = np.array([[1e9, 2e9], [1e9 + 3, 2e9 + 4], [1e9 - 7, 2e9]])
    moved = centre_points(points)
    assert np.array_equal(moved - moved[0], [[0, 0], [3, 4], [-7, 0]])
    assert np.abs(moved).max() <= 6


def test_centre_points_does_not_depend_on_the_order_and_leaves_the_input():
    points = np.random.default_rng(0).normal(size=(100, 3)) + 1e6
    points.setflags(write=False)
    assert np.array_equal(centre_points(points)[::-1], centre_points(points[::-1]))


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 4), (2, 2, 2)])
def test_centre_points_refuses_other_shapes(shape):
    with pytest.raises(DataError, match=r"shape \(N, 2\) or \(N, 3\)"):
        centre_points(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_centre_points_counts_rows_that_are_not_finite(value):
    points = np.zeros((5, 2))
    points[1:3, 1] = value
    with pytest.raises(DataError, match="found 2 of 5 rows"):
        centre_points(points)


def test_centre_points_refuses_an_absurd_extent():
    with pytest.raises(DataError, match=r"extent of 1e\+300 nm; check the unit of the columns"):
        centre_points(np.array([[0.0, 0.0], [1e300, 0.0]]))


def test_whole_numbers_of_any_type_and_minus_one_where_there_is_none():
    columns = {"a": np.array([3, 2**40], dtype=np.uint64), "b": np.array([2.0, np.nan, -4.0])}
    assert whole_numbers(columns, "a").tolist() == [3, 2**40]
    assert whole_numbers(columns, "b").tolist() == [2, -1, -4]
    assert whole_numbers(columns, "b").dtype == np.int64


def test_whole_numbers_that_are_absent_or_are_none():
    with pytest.raises(DataError, match=r"expected the column c, found \['a'\]"):
        whole_numbers({"a": np.zeros(1)}, "c")
    with pytest.raises(DataError, match=r"whole numbers in the column a, found 2\.5"):
        whole_numbers({"a": np.array([1.0, 2.5])}, "a")


@every_clusterer
def test_clusterers_name_the_columns_that_they_need(clusterer):
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
    result, first = np.unique(labels[labels >= 0], return_index=True)
    assert result.tolist() == list(range(len(result)))
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


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("far", [0, 2**40])
def test_rows_sorted_by_cell_and_then_as_they_stood(dimensions, far):
    keys = np.random.default_rng(0).integers(0, 5, (300, dimensions))
    keys[7] += far  # with a far one, the cells are too many to be numbered

    order, first = sort_by_cell(keys)

    expected = sorted(range(300), key=lambda row: (tuple(keys[row]), row))
    assert order.tolist() == expected
    cells = keys[order].tolist()
    assert first.tolist() == [i for i in range(300) if i == 0 or cells[i] != cells[i - 1]]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("n", [0, 1, 50])
def test_all_are_cluster_0(n, dimensions):
    points = np.random.default_rng(0).normal(size=(n, dimensions)) * 1e6
    labels = One()(points, seed=3)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0] * n


POINTS = np.zeros((6, 2))


def test_numbers_become_names_by_first_appearance():
    given = np.array([7, -1, 3, 7, -5, 3])
    assert Given()(POINTS, seed=0, source_cluster=given).tolist() == [0, -1, 1, 0, -1, 1]


def test_numbers_can_be_large():
    given = np.array([10**15, 2**62, -(2**62), 10**15, 0, 2**62])
    labels = Given()(POINTS, seed=0, source_cluster=given)
    assert labels.tolist() == [0, 1, -1, 0, 2, 1]
    assert labels.dtype == np.int64


def test_no_value_is_noise():
    given = np.array([1.0, np.nan, 0.0, 1.0, np.nan, -1.0])
    assert Given()(POINTS, seed=0, source_cluster=given).tolist() == [0, -1, 1, 0, -1, -1]


def by_hand(points, cell, min_samples=1):
    """Labels by exact arithmetic."""
    cells = defaultdict(list)
    for row, point in enumerate(points.tolist()):
        cells[tuple(Fraction(value) // Fraction(cell) for value in point)].append(row)
    labels = np.full(len(points), -1)
    kept = [rows for rows in cells.values() if len(rows) >= min_samples]
    for name, rows in enumerate(sorted(kept)):
        labels[rows] = name
    return labels.tolist()


def test_grid_hand_made():
    points = np.array([[5.0, 5.0], [-0.1, 5.0], [9.9, 0.0], [10.0, 0.0], [5.0, 9.0], [-9.0, 1.0]])
    assert Grid(10.0)(points, seed=0).tolist() == [0, 1, 0, 2, 0, 1]
    assert Grid(10.0, min_samples=3)(points, seed=0).tolist() == [0, -1, 0, -1, 0, -1]
    assert Grid(10.0, min_samples=4)(points, seed=0).tolist() == [-1] * 6


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("offset", [0.0, -1e4, 1e9])
@pytest.mark.parametrize("min_samples", [1, 3])
def test_is_exact_arithmetic(dimensions, offset, min_samples):
    points = np.random.default_rng(0).normal(0, 60, (400, dimensions)) + offset
    assert Grid(33.3, min_samples)(points, seed=0).tolist() == by_hand(points, 33.3, min_samples)


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9])
@pytest.mark.parametrize("cell", [0.1, 1 / 3, 100.0, 1e-3])
def test_points_on_boundaries_and_just_below_them_are_distinguished(offset, cell):
    edges = (np.arange(-40, 40) + np.floor(offset / cell)) * cell
    x = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
    points = np.column_stack([x, np.zeros(len(x))])
    assert Grid(cell)(points, seed=0).tolist() == by_hand(points, cell)


def test_order_of_the_rows_changes_names_alone():
    rng = np.random.default_rng(3)
    points, order = rng.random((200, 2)) * 100, rng.permutation(200)
    labels, mixed = Grid(20.0, 3)(points, seed=0), Grid(20.0, 3)(points[order], seed=0)
    assert ((labels[order][:, None] == labels[order][None]) == (mixed[:, None] == mixed[None])).all()
    assert np.array_equal(mixed == -1, labels[order] == -1)


def test_far_islands_need_no_memory_for_the_sea_between():
    points = np.array([[0.0, 0.0], [1e14, 1e14], [0.5, 0.5], [-1e14, 3.0]])
    assert Grid(1.0)(points, seed=0).tolist() == [0, 1, 0, 2]


def test_too_many_cells_name_the_setting():
    with pytest.raises(DataError, match=r"one 1e\+16 cells away with cell_nm = 1e-07; raise"):
        Grid(1e-7)(np.array([[0.0, 0.0], [1e9, 0.0]]), seed=0)


DENSE = DBSCAN(eps_nm=1.5, min_samples=2, backend="cpu")


def test_per_channel_hand_made():
    """Two points of each channel on top of each other: one cluster across channels, two within them."""
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [50.0, 0.0]])
    channel = np.array([1, 0, 1, 0, 1])
    assert DENSE(points, seed=0).tolist() == [0, 0, 0, 0, -1]
    assert PerChannel(DENSE)(points, seed=0, channel=channel).tolist() == [0, 1, 0, 1, -1]


def test_is_each_channel_alone():
    rng = np.random.default_rng(0)
    points, channel = rng.random((500, 3)) * 40, rng.integers(0, 4, 500)
    clusterer = DBSCAN(5.0, 4, backend="cpu")
    labels = PerChannel(clusterer)(points, seed=0, channel=channel)
    for index in range(4):
        own, alone = labels[channel == index], clusterer(points[channel == index], seed=0)
        assert np.array_equal(own == -1, alone == -1)
        assert ((own[:, None] == own[None]) == (alone[:, None] == alone[None])).all()
    kept = labels >= 0
    assert kept.any()
    assert all(len(set(channel[labels == name])) == 1 for name in range(labels.max() + 1))
    assert sorted(set(labels[kept])) == list(range(labels.max() + 1))


def test_a_channel_does_not_depend_on_the_others():
    rng = np.random.default_rng(1)
    points, channel = rng.random((300, 2)), rng.integers(0, 3, 300)
    clusterer = PerChannel(KMeans(8, backend="cpu"))
    whole = clusterer(points, seed=5, channel=channel)[channel == 2]
    alone = clusterer(points[channel == 2], seed=5, channel=channel[channel == 2])
    assert ((whole[:, None] == whole[None]) == (alone[:, None] == alone[None])).all()


class Seeds:
    """Notes the seeds it is given."""

    needs = ("photons",)

    def __init__(self):
        self.seen = []

    def __call__(self, points, seed, **columns):
        self.seen.append((seed, columns))
        return np.zeros(len(points), dtype=np.int64)


def test_each_channel_has_a_seed_and_columns_of_its_own():
    noting = Seeds()
    clusterer = PerChannel(noting)
    assert clusterer.needs == ("channel", "photons")
    for seed in (3, 3, 4):
        clusterer(np.zeros((4, 2)), seed, channel=np.array([0, 2, 0, 2]), photons=np.arange(4.0))
    seeds = [seed for seed, _ in noting.seen]
    assert seeds[:2] == seeds[2:4]
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert [columns["photons"].tolist() for _, columns in noting.seen[:2]] == [[0.0, 2.0], [1.0, 3.0]]
    assert all(set(columns) == {"photons"} for _, columns in noting.seen)


def test_given_clusters_are_split_by_channel():
    points, source = np.zeros((4, 2)), np.array([5, 5, -1, 5])
    clusterer = PerChannel(Given())
    assert clusterer.needs == ("channel", "source_cluster")
    labels = clusterer(points, seed=0, channel=np.array([0, 1, 0, 0]), source_cluster=source)
    assert labels.tolist() == [0, 1, -1, 0]


def test_localisations_without_a_channel_are_refused():
    with pytest.raises(DataError, match=r"expected channels 0, 1, \.\.\., found 2 of 3 localisations without one"):
        PerChannel(DENSE)(np.zeros((3, 2)), seed=0, channel=np.array([0.0, np.nan, -1.0]))


def test_what_goes_wrong_in_a_channel_names_it():
    with pytest.raises(DataError, match="channel 1: expected points that span less"):
        PerChannel(DBSCAN(1e-9, 1))(np.array([[0.0, 0], [0, 0], [1e9, 0]]), seed=0, channel=np.array([0, 1, 1]))


def test_a_column_that_is_absent_is_named():
    for clusterer in (Given(), PerChannel(DENSE)):
        with pytest.raises(DataError, match=f"expected the column {clusterer.needs[0]}, found"):
            clusterer(np.zeros((3, 2)), seed=0)


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (DBSCAN, {"eps_nm": 0.0}),
        (DBSCAN, {"eps_nm": -3}),
        (DBSCAN, {"min_samples": 0}),
        (DBSCAN, {"min_samples": 2.5}),
        (HDBSCAN, {"min_cluster_size": 1}),
        (HDBSCAN, {"min_samples": 0}),
        (HDBSCAN, {"min_cluster_size": "many"}),
        (KMeans, {"n_clusters": 0}),
        (KMeans, {"n_init": 0}),
        (KMeans, {"max_iter": 0}),
        (KMeans, {"n_clusters": 2.5}),
        (Grid, {"cell_nm": 0.0}),
        (Grid, {"cell_nm": "x"}),
        (Grid, {"min_samples": 0}),
    ],
)
def test_a_setting_out_of_range_is_named(make, settings):
    required = {DBSCAN: {"eps_nm": 10.0, "min_samples": 3}, HDBSCAN: {"min_cluster_size": 5}, KMeans: {"n_clusters": 5}}
    with pytest.raises(ConfigError) as error:
        make(**required.get(make, {"cell_nm": 10.0}) | settings)
    assert error.value.setting == next(iter(settings))
