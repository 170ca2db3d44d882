"""Sets of features on tables, and the localisations sorted and centred by cluster."""

import numpy as np
import polars as pl
import pytest

from builders.clusters import random_clusters
from locgraph.errors import ConfigError, DataError
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.hull import Hull
from locgraph.preparation.features.localisations import CentreDistance
from locgraph.preparation.features.shape import PCA, Size
from locgraph.preparation.features.table import FeatureSet
from locgraph.schema import Column

ALL = FeatureSet({"size": Size(), "pca": PCA(), "hull": Hull()})


class MeanPhotons:
    """A feature that reads a further column."""

    needs = ("photons",)

    def columns(self, dimensions):
        return (Column("photons_mean", pl.Float64, "photons", "mean photons of the localisations"),)

    def compute(self, groups):
        return {"photons_mean": groups.sums(groups.extra["photons"]) / groups.counts}


class Doubled:
    """A feature of localisations that reads a further column."""

    needs = ("frame",)

    def columns(self, dimensions):
        return (Column("frame_doubled", pl.Int64, "frames", "twice the frame"),)

    def measure(self, groups):
        return {"frame_doubled": 2.0 * groups.extra["frame"]}


def table_of(points):
    return pl.DataFrame({name: points[:, axis] for axis, name in enumerate("xyz"[: points.shape[1]])})


def measure(points, labels):
    return ALL.compute(table_of(points), labels, points.shape[1])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_one_row_for_each_cluster_with_the_columns_in_order(dimensions):
    points, labels = random_clusters(dimensions)
    table = measure(points, labels)
    assert table.columns == ["cluster_id", *(column.name for column in ALL.columns(dimensions))]
    assert table["cluster_id"].to_list() == list(range(labels.max() + 1))
    assert table["count"].to_list() == np.bincount(labels).tolist()
    for column in ALL.columns(dimensions):
        assert table.schema[column.name] == column.dtype
    assert table.drop("cluster_id", "count").select(pl.all().is_finite().all()).row(0) == (True,) * (table.width - 2)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e4])
def test_features_scale_by_the_power_of_length_in_their_unit(dimensions, factor):
    points, labels = random_clusters(dimensions)
    before, after = measure(points, labels), measure(points * factor, labels)
    for column in ALL.columns(dimensions):
        expected = before[column.name].to_numpy() * factor**column.length_power
        assert after[column.name].to_numpy() == pytest.approx(expected, rel=1e-9), column.name


@pytest.mark.parametrize("dimensions", [2, 3])
def test_no_cluster_gives_an_empty_table_of_the_same_schema(dimensions):
    empty = measure(np.zeros((0, dimensions)), np.zeros(0, dtype=np.int64))
    assert empty.height == 0
    assert empty.schema == measure(*random_clusters(dimensions, n_clusters=2)).schema


def test_a_feature_may_need_further_columns():
    features = FeatureSet({"photons": MeanPhotons(), "again": Size()})
    assert features.needs == ("photons",)
    locs = pl.DataFrame({"x": [0.0, 1.0, 2.0], "y": [0.0, 0.0, 0.0], "photons": [10, 30, 500]})
    table = features.compute(locs, np.array([1, 1, 0]), 2)
    assert table["photons_mean"].to_list() == [500.0, 20.0]
    with pytest.raises(DataError, match=r"expected the columns \['photons'\], found \['x', 'y'\]"):
        features.compute(locs.drop("photons"), np.array([1, 1, 0]), 2)


def test_missing_z_is_refused():
    with pytest.raises(DataError, match=r"expected the columns \['z'\]"):
        ALL.compute(pl.DataFrame({"x": [0.0], "y": [0.0]}), np.array([0]), 3)


def test_null_positions_are_refused():
    with pytest.raises(DataError, match="finite positions, found 1 of 2"):
        ALL.compute(pl.DataFrame({"x": [0.0, None], "y": [0.0, 1.0]}), np.array([0, 0]), 2)


def test_two_features_with_the_same_column_are_refused():
    with pytest.raises(ConfigError, match=r"features\.second: gives the column 'count', which features\.first gives"):
        FeatureSet({"first": Size(), "second": Size()})


def test_values_that_a_feature_needs_must_be_there():
    features = FeatureSet({"photons": MeanPhotons(), "again": Size()})
    for bad in (None, float("nan"), float("inf")):
        locs = pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 0.0], "photons": [10.0, bad]})
        with pytest.raises(DataError, match=r"finite values in the columns \['photons'\], found missing, NaN or inf"):
            features.compute(locs, np.array([0, 0]), 2)


def test_localisation_features_are_added_in_the_order_of_the_rows():
    features = FeatureSet({"size": Size()}, {"frames": Doubled(), "centre": CentreDistance()})
    assert features.needs == ("frame",)
    assert [column.name for column in features.localisation_columns(2)] == ["frame_doubled", "centre_distance"]
    assert "frame_doubled" not in [column.name for column in features.columns(2)]
    locs = pl.DataFrame({"frame": [7, 8, 9], "x": [6.0, 1.0, 0.0], "y": [8.0, 1.0, 0.0]})
    result = features.compute_localisations(locs, np.array([1, 0, 1]), 2)
    assert result.drop("frame_doubled", "centre_distance").equals(locs)
    assert result["frame_doubled"].to_list() == [14, 16, 18]
    assert result.schema["frame_doubled"] == pl.Int64
    assert result["centre_distance"].to_list() == [5.0, 0.0, 5.0]
    with pytest.raises(DataError, match=r"expected the columns \['frame'\]"):
        features.compute_localisations(locs.drop("frame"), np.array([1, 0, 1]), 2)


def test_without_localisation_features_the_table_stays():
    locs = pl.DataFrame({"x": [0.0], "y": [0.0]})
    assert ALL.compute_localisations(locs, np.array([0]), 2) is locs
    assert ALL.localisation_columns(3) == ()
    assert FeatureSet({"size": Size()}, {}).needs == ()


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("photons", "the localisation table itself"),
        ("view", "the cluster table itself"),
        ("count", r"features\.size"),
        ("a", r"localisations\.first"),
    ],
)
def test_a_localisation_column_with_a_name_in_use_is_refused(name, owner):
    class Named(Doubled):
        def __init__(self, name):
            self.name = name

        def columns(self, dimensions):
            return (Column(self.name, pl.Float64, "1", "any"),)

    with pytest.raises(ConfigError, match=rf"localisations\.second: gives the column '{name}', which {owner}"):
        FeatureSet({"size": Size()}, {"first": Named("a"), "second": Named(name)})


def test_features_of_clusters_and_of_localisations_are_not_mistaken():
    with pytest.raises(ConfigError, match=r"features\.centre: expected an object with needs, columns and compute"):
        FeatureSet({"centre": CentreDistance()})
    with pytest.raises(ConfigError, match=r"localisations\.size: expected an object with needs, columns and"):
        FeatureSet({"size": Size()}, {"size": Size()})


def test_no_feature_or_something_else_is_refused():
    with pytest.raises(ConfigError, match="features: expected at least one feature"):
        FeatureSet({})
    with pytest.raises(ConfigError, match=r"features\.hull: expected an object with needs, columns and compute"):
        FeatureSet({"hull": "hull"})


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
    assert groups.repeat(np.array([5, 6])).tolist() == [5, 5, 5, 6, 6]
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
