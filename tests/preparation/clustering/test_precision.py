"""DBSCAN in units of localisation precision, against its definition and against scikit-learn."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2
from sklearn import cluster
from sklearn.metrics import adjusted_rand_score

from locgraph.errors import ConfigError, DataError
from locgraph.preparation.clustering.anisotropic import AnisotropicDBSCAN
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.clustering.precision import PrecisionDBSCAN
from locgraph.preparation.clustering.simple import PerChannel


def field(seed, dimensions, spread=(3.0, 40.0)):
    """Points around centres, as far off as their own precision says, and noise; precisions differ by a factor of 13."""
    rng = np.random.default_rng(seed)
    lateral = np.exp(rng.uniform(*np.log(spread), 400))
    precision = {"precision": lateral, "precision_z": lateral * rng.uniform(1, 4, 400)}
    errors = np.column_stack([lateral, lateral, precision["precision_z"]])[:, :dimensions]
    centres = np.repeat(rng.uniform(0, 1500, (10, dimensions)), 30, axis=0)
    points = np.vstack([centres, rng.uniform(0, 1500, (100, dimensions))])
    points[:300] += rng.normal(size=(300, dimensions)) * errors[:300]
    return points, {name: precision[name] for name in ("precision", "precision_z")[: dimensions - 1]}


def distances(points, columns):
    """Distances of all pairs (N, N) in standard deviations."""
    s = columns["precision"]
    squared = ((points[:, None, :2] - points[None, :, :2]) ** 2).sum(axis=2) / (s[:, None] ** 2 + s**2)
    if points.shape[1] == 3:
        t = columns["precision_z"]
        squared += (points[:, None, 2] - points[None, :, 2]) ** 2 / (t[:, None] ** 2 + t**2)
    return np.sqrt(squared)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("eps", "min_samples"), [(1.5, 4), (3.0, 8)])
def test_clusters_are_those_of_the_definition(seed, dimensions, eps, min_samples):
    points, columns = field(seed, dimensions)
    labels = PrecisionDBSCAN(eps, min_samples, dimensions)(points, seed=0, **columns)
    apart = distances(points, columns)
    near = apart <= eps
    core = near.sum(axis=1) >= min_samples
    expected = np.full(len(points), -1)
    expected[core] = connected_components(coo_array(near[core][:, core]))[1]
    nearest = np.where(core, apart, np.inf).argmin(axis=1)
    border = ~core & (apart[np.arange(len(points)), nearest] <= eps)
    expected[border] = expected[nearest[border]]
    assert 0 < core.sum() < len(points)
    assert border.any()
    assert np.array_equal(labels == -1, expected == -1)
    assert adjusted_rand_score(labels, expected) == 1.0


@pytest.mark.parametrize("dimensions", [2, 3])
def test_equal_precisions_are_plain_dbscan(dimensions):
    points, _ = field(7, dimensions)
    columns = {"precision": np.full(400, 8.0), "precision_z": np.full(400, 8.0)}
    columns = {name: columns[name] for name in PrecisionDBSCAN(1, 1, dimensions).needs}
    labels = PrecisionDBSCAN(30 / (8 * np.sqrt(2)), 5, dimensions)(points, seed=0, **columns)
    assert np.array_equal(labels, DBSCAN(30.0, 5, backend="cpu")(points, seed=0))


def test_order_shift_and_turn_change_nothing():
    points, columns = field(2, 3)
    clusterer = PrecisionDBSCAN(2.5, 5, 3)
    labels = clusterer(points, seed=0, **columns)
    order = np.random.default_rng(0).permutation(400)
    mixed = clusterer(points[order] + 1e8, seed=0, **{name: values[order] for name, values in columns.items()})
    assert adjusted_rand_score(mixed, labels[order]) == 1.0
    assert np.array_equal(mixed == -1, labels[order] == -1)
    turned = points @ np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])
    assert adjusted_rand_score(clusterer(turned, seed=0, **columns), labels) == 1.0


@pytest.mark.parametrize(("dimensions", "eps"), [(2, 2.448), (3, 2.795)])
def test_95_percent_of_the_pairs_of_one_molecule_are_near(dimensions, eps):
    assert chi2(dimensions).cdf(eps**2) == pytest.approx(0.95, abs=1e-3)
    rng = np.random.default_rng(0)
    s = rng.uniform(3, 30, (2, 4000))
    errors = np.stack([s, s, 3 * s][:dimensions], axis=-1)
    pairs = rng.normal(size=errors.shape) * errors + np.arange(4000)[None, :, None] * 1e5
    labels = PrecisionDBSCAN(eps, 2, dimensions)(
        pairs.reshape(-1, dimensions),
        seed=0,
        **{"precision": s.ravel(), **({"precision_z": 3 * s.ravel()} if dimensions == 3 else {})},
    )
    assert np.mean(labels[:4000] >= 0) == pytest.approx(0.95, abs=0.015)


def test_a_tie_goes_to_the_point_whose_coordinates_come_first():
    line = np.outer([0, 1, 2, 3, 7, 8, 9, 10, 5], [1.0, 1.0])  # two steps are a distance of exactly 2
    labels = PrecisionDBSCAN(2.0, 4)(line, seed=0, precision=np.ones(9))
    assert labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 0]
    mirrored = PrecisionDBSCAN(2.0, 4)(line[::-1], seed=0, precision=np.ones(9))
    assert mirrored.tolist() == [0, 1, 1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_no_points_and_repeated_ones(dimensions):
    clusterer = PrecisionDBSCAN(1.0, 3, dimensions)
    ones = {name: np.ones(4) for name in clusterer.needs}
    assert clusterer(np.ones((4, dimensions)), seed=0, **ones).tolist() == [0] * 4
    none = {name: np.ones(0) for name in clusterer.needs}
    assert clusterer(np.empty((0, dimensions)), seed=0, **none).tolist() == []


def test_ellipsoid_is_dbscan_of_scaled_z():
    points, columns = field(3, 3)
    labels = AnisotropicDBSCAN(40.0, 5, eps_z_nm=120.0, backend="cpu")(points, seed=0)
    reference = cluster.DBSCAN(eps=40.0, min_samples=5).fit(points / [1, 1, 3])
    assert np.array_equal(labels == -1, reference.labels_ == -1)
    core = reference.core_sample_indices_
    assert adjusted_rand_score(labels[core], reference.labels_[core]) == 1.0
    ratio = np.median(columns["precision_z"]) / np.median(columns["precision"])
    by_precision = AnisotropicDBSCAN(40.0, 5, backend="cpu")
    assert by_precision.needs == ("precision", "precision_z")
    given = AnisotropicDBSCAN(40.0, 5, eps_z_nm=40.0 * ratio, backend="cpu")
    assert given.needs == ()
    assert adjusted_rand_score(by_precision(points, seed=0, **columns), given(points, seed=0)) == 1.0


def test_each_channel_alone():
    points, columns = field(4, 2)
    both = PerChannel(PrecisionDBSCAN(2.0, 4))
    labels = both(points, seed=0, channel=np.arange(400) % 2, **columns)
    even = PrecisionDBSCAN(2.0, 4)(points[::2], seed=0, precision=columns["precision"][::2])
    assert adjusted_rand_score(labels[::2], even) == 1.0


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("clusterer", [PrecisionDBSCAN(2.0, 4, 3), AnisotropicDBSCAN(20.0, 4)])
def test_a_precision_that_is_not_above_0_is_refused(clusterer, value):
    points, columns = field(0, 3)
    columns["precision_z"][5] = value
    with pytest.raises(DataError, match="column precision_z, found 1 of 400"):
        clusterer(points, seed=0, **columns)


@pytest.mark.parametrize("clusterer", [PrecisionDBSCAN(2.0, 4, 3), AnisotropicDBSCAN(20.0, 4)])
def test_wrong_dimensions_and_missing_columns(clusterer):
    points, columns = field(0, 3)
    with pytest.raises(DataError, match="3D, found 2D"):
        clusterer(points[:, :2], seed=0, **columns)
    with pytest.raises(DataError, match="expected the column precision"):
        clusterer(points, seed=0)


def test_precisions_that_are_tiny_beside_the_extent_are_refused():
    with pytest.raises(DataError, match="10\\^14 radii"):
        PrecisionDBSCAN(1.0, 1)(np.array([[0.0, 0], [1e9, 0]]), seed=0, precision=np.full(2, 1e-9))


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: PrecisionDBSCAN(0.0, 4), "eps"),
        (lambda: PrecisionDBSCAN(1.0, 0), "min_samples"),
        (lambda: PrecisionDBSCAN(1.0, 4, 4), "dimensions"),
        (lambda: AnisotropicDBSCAN(1.0, 4, eps_z_nm=0.0), "eps_z_nm"),
        (lambda: AnisotropicDBSCAN(0.0, 4), "eps_nm"),
    ],
)
def test_wrong_settings_name_themselves(make, setting):
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.setting == setting
