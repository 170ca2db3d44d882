import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.preparation.features.base import Groups


def random_clusters(dimensions, n_clusters=60):
    """Elongated clusters of 4 to 80 points, rows in random order: points (N, D) nm, labels (N,)."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(n_clusters), rng.integers(4, 80, n_clusters)))
    spread, centres = rng.uniform(1, 60, (n_clusters, dimensions)), rng.random((n_clusters, dimensions)) * 1e4
    turn = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
    return (rng.normal(size=(len(labels), dimensions)) * spread[labels]) @ turn + centres[labels], labels


def test_hand_made():
    points = np.array([[10.0, 0.0], [0.0, 1.0], [12.0, 4.0], [0.0, 3.0], [0.0, 5.0]])
    groups = Groups.from_labels(points, np.array([1, 0, 1, 0, 0]), {"photons": np.arange(5.0)})
    assert groups.order.tolist() == [1, 3, 4, 0, 2]
    assert groups.offsets.tolist() == [0, 3, 5]
    assert groups.counts.tolist() == [3, 2]
    assert groups.centres.tolist() == [[0.0, 3.0], [11.0, 2.0]]
    assert groups.centred.tolist() == [[0, -2], [0, 0], [0, 2], [-1, -2], [1, 2]]
    assert groups.extra["photons"].tolist() == [1, 3, 4, 0, 2]
    assert groups.sums(groups.extra["photons"]).tolist() == [8.0, 2.0]
    assert groups.sums(groups.centred**2).tolist() == [[0, 8], [2, 8]]
    assert groups.spread(np.array([5, 6])).tolist() == [5, 5, 5, 6, 6]
    assert groups.clusters.tolist() == [0, 0, 0, 1, 1]
    assert groups.means(groups.extra["photons"]).tolist() == [8 / 3, 1.0]
    assert groups.places.tolist() == [[0.0, 3.0], [11.0, 2.0]]
    assert groups.positions.tolist() == [[0, 1], [0, 3], [0, 5], [10, 0], [12, 4]]
    assert groups.dimensions == 2


def test_places_keep_their_digits_one_metre_from_the_origin():
    points = np.array([[0.0, 0.5], [1.0, 0.0], [0.0, 0.0], [100.0, 0.0]])
    near, far = (Groups.from_labels(points + shift, np.array([0, 0, 0, 1])) for shift in (-3.0, 1e9))
    assert np.array_equal(near.places, far.places)
    assert far.places[1].tolist() == [100.0, 0.0]
    assert far.places[0] == pytest.approx([1 / 3, 1 / 6], rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.uint8])
def test_medians_of_even_and_odd_numbers(dtype):
    labels, values = np.array([0, 1, 0, 1, 0, 2, 1, 1]), np.array([250, 1, 10, 4, 20, 255, 200, 2]).astype(dtype)
    groups = Groups.from_labels(np.zeros((8, 2)), labels)
    assert groups.medians(values[groups.order]).tolist() == [20.0, 3.0, 255.0]


def test_medians_equal_numpy():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(50), rng.integers(1, 9, 50)))
    values = rng.normal(size=len(labels)).round(1)
    groups = Groups.from_labels(np.zeros((len(labels), 3)), labels)
    assert groups.medians(values[groups.order]).tolist() == [np.median(values[labels == c]) for c in range(50)]


def test_what_is_found_once_is_not_searched_again():
    calls = []

    def count(groups):
        calls.append(groups)
        return groups.counts

    groups, others = (Groups.from_labels(np.zeros((n, 2)), np.zeros(n, dtype=int)) for n in (3, 5))
    assert [groups.once(count).tolist(), groups.once(count).tolist(), others.once(count).tolist()] == [[3], [3], [5]]
    assert len(calls) == 2


def test_sorted_and_shuffled_rows_give_the_same():
    points, labels = random_clusters(3)
    order = np.argsort(labels, kind="stable")
    shuffled, ordered = Groups.from_labels(points, labels), Groups.from_labels(points[order], labels[order])
    assert np.array_equal(shuffled.order, order)
    assert np.array_equal(shuffled.centred, ordered.centred)
    assert np.array_equal(shuffled.centres, ordered.centres)


def test_one_metre_from_the_origin_loses_nothing_but_the_last_digits():
    points, labels = random_clusters(2)
    points = np.round(points)  # whole nm: exact 1 m away too
    near, far = Groups.from_labels(points, labels), Groups.from_labels(points + 1e9, labels)
    assert np.array_equal(far.centred, near.centred)
    assert far.resolution == pytest.approx(2.0**-23)
    assert near.resolution.max() < 1e-11


def test_thinnest_grows_with_length_and_with_distance_from_the_origin():
    groups = Groups.from_labels(np.array([[1.0, 1.0], [1e9, 0.0]]), np.array([0, 1]))
    thin = groups.thinnest(np.array([100.0, 100.0]))
    assert thin[0] == pytest.approx(1e-7, rel=1e-3)
    assert thin[1] == pytest.approx(1e-7 + 8 * 2.0**-23, rel=1e-3)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_no_localisation(dimensions):
    groups = Groups.from_labels(np.zeros((0, dimensions)), np.zeros(0, dtype=np.int64))
    assert groups.counts.shape == (0,)
    assert groups.centres.shape == (0, dimensions)
    assert groups.places.shape == groups.positions.shape == (0, dimensions)
    assert groups.sums(groups.centred).shape == (0, dimensions)
    assert groups.means(np.zeros(0)).shape == groups.medians(np.zeros(0)).shape == (0,)
    assert groups.dimensions == dimensions


def test_read_only_integer_and_unsigned_input():
    points = np.array([[1, 2], [3, 4]])
    points.setflags(write=False)
    groups = Groups.from_labels(points, np.array([0, 0], dtype=np.uint32))
    assert groups.centres.tolist() == [[2.0, 3.0]]


@pytest.mark.parametrize("labels", [[0, 2, 2], [1, 1, 1], [0, 10**15, 0]])
def test_gaps_in_the_numbers_are_refused(labels):
    with pytest.raises(DataError, match=r"numbered 0 to C - 1 without a gap"):
        Groups.from_labels(np.zeros((3, 2)), np.array(labels))


def test_noise_is_refused_and_counted():
    with pytest.raises(DataError, match=r"found 2 of 3 labelled as noise"):
        Groups.from_labels(np.zeros((3, 2)), np.array([-1, 0, -1]))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_positions_that_are_not_finite_are_refused(value):
    with pytest.raises(DataError, match=r"found 1 of 3 rows"):
        Groups.from_labels(np.array([[0.0, 0.0], [value, value], [1.0, 1.0]]), np.zeros(3, dtype=int))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=r"shape \(N, 2\) or \(N, 3\), found \(3, 4\)"):
        Groups.from_labels(np.zeros((3, 4)), np.zeros(3, dtype=int))
    with pytest.raises(DataError, match=r"expected 3 values of 'labels'"):
        Groups.from_labels(np.zeros((3, 2)), np.zeros(2, dtype=int))
    with pytest.raises(DataError, match=r"expected 3 values of 'photons'"):
        Groups.from_labels(np.zeros((3, 2)), np.zeros(3, dtype=int), {"photons": np.zeros(4)})
    with pytest.raises(DataError, match=r"integer cluster labels, found float64"):
        Groups.from_labels(np.zeros((3, 2)), np.zeros(3))
