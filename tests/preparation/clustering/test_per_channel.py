import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.clustering.kmeans import KMeans
from locgraph.preparation.clustering.simple import Given, PerChannel

DENSE = DBSCAN(eps_nm=1.5, min_samples=2, backend="cpu")


def test_hand_made():
    """Two points of each channel on top of each other: one cluster across channels, two within them."""
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [50.0, 0.0]])
    channel = np.array([1, 0, 1, 0, 1])
    assert DENSE(points, seed=0).tolist() == [0, 0, 0, 0, -1]
    assert PerChannel(DENSE)(points, seed=0, channel=channel).tolist() == [0, 1, 0, 1, -1]


def test_neighbours_of_another_channel_do_not_count():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    labels = PerChannel(DBSCAN(1.5, 3, backend="cpu"))(points, seed=0, channel=np.array([0, 0, 4]))
    assert labels.tolist() == [-1, -1, -1]


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


def test_needs_name_the_channel_once():
    assert PerChannel(PerChannel(DENSE)).needs == ("channel",)


def test_order_of_the_rows_changes_names_alone():
    rng = np.random.default_rng(2)
    points, channel, order = rng.random((200, 2)) * 30, rng.integers(0, 3, 200), rng.permutation(200)
    clusterer = PerChannel(DBSCAN(3.0, 4, backend="cpu"))
    labels = clusterer(points, seed=0, channel=channel)[order]
    mixed = clusterer(points[order], seed=0, channel=channel[order])
    assert ((labels[:, None] == labels[None]) == (mixed[:, None] == mixed[None])).all()


def test_localisations_without_a_channel_are_refused():
    with pytest.raises(DataError, match=r"expected channels 0, 1, \.\.\., found 2 of 3 localisations without one"):
        PerChannel(DENSE)(np.zeros((3, 2)), seed=0, channel=np.array([0.0, np.nan, -1.0]))


def test_absent_column_is_named():
    with pytest.raises(DataError, match=r"clustering=per_channel needs the column channel.*columns\.names"):
        PerChannel(DENSE)(np.zeros((3, 2)), seed=0)


def test_what_goes_wrong_in_a_channel_names_it():
    with pytest.raises(DataError, match=r"channel 1: DBSCAN expected points that span less"):
        PerChannel(DBSCAN(1e-9, 1))(np.array([[0.0, 0], [0, 0], [1e9, 0]]), seed=0, channel=np.array([0, 1, 1]))
