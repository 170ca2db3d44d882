import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.preparation.features.hull import Hull
from locgraph.preparation.features.localisations import CentreDistance
from locgraph.preparation.features.shape import PCA, Size
from locgraph.preparation.features.table import FeatureSet
from locgraph.schema import Column

ALL = FeatureSet({"size": Size(), "pca": PCA(), "hull": Hull()})


def random_clusters(dimensions, n_clusters=60):
    """Elongated clusters of 4 to 80 points, rows in random order: points (N, D) nm, labels (N,)."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(n_clusters), rng.integers(4, 80, n_clusters)))
    spread, centres = rng.uniform(1, 60, (n_clusters, dimensions)), rng.random((n_clusters, dimensions)) * 1e4
    turn = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
    return (rng.normal(size=(len(labels), dimensions)) * spread[labels]) @ turn + centres[labels], labels


def degenerate_clusters(dimensions):
    """Name to points (n, D): one and two points, repeated ones, and collinear ones in several directions."""
    direction = np.array([1.0, 3.0, -2.0])[:dimensions]
    steps = np.linspace(-50, 70, 37)[:, None]
    shapes = {
        "one": np.zeros((1, dimensions)),
        "repeated": np.full((9, dimensions), 0.1),
        "two": np.vstack([np.zeros(dimensions), direction]),
        "two_repeated": np.repeat(np.vstack([np.zeros(dimensions), direction]), 4, axis=0),
        "line": steps * direction,
        "line_shuffled": np.random.default_rng(1).permutation(np.vstack([steps, steps]) * direction / 7),
        "line_along_x": steps * np.eye(dimensions)[0],
        "line_along_last": steps * np.eye(dimensions)[-1],
    }
    return {name: points + 1234.5 for name, points in shapes.items()}


def random_rotation(dimensions):
    """A proper rotation (D, D)."""
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(dimensions, dimensions)))[0]
    rotation[:, 0] *= np.sign(np.linalg.det(rotation))
    return rotation


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
def test_rotation_and_row_order_change_nothing_but_the_centre(dimensions):
    points, labels = random_clusters(dimensions)
    before = measure(points, labels)
    order = np.random.default_rng(1).permutation(len(points))
    shuffled = measure(points[order], labels[order])
    turned = measure(points @ random_rotation(dimensions), labels)
    for name in before.columns:
        assert shuffled[name].to_numpy() == pytest.approx(before[name].to_numpy(), rel=1e-9), name
        if not name.endswith("_mean"):
            assert turned[name].to_numpy() == pytest.approx(before[name].to_numpy(), rel=1e-9), name


@pytest.mark.parametrize("dimensions", [2, 3])
def test_one_metre_from_the_origin(dimensions):
    points, labels = random_clusters(dimensions)
    points = np.round(points * 4)  # whole nm: exact 1 m away too
    near, far = measure(points, labels), measure(points + 1e9, labels)
    for name in near.columns:
        if not name.endswith("_mean"):
            assert far[name].to_numpy() == pytest.approx(near[name].to_numpy(), rel=1e-9), name


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_degenerate_clusters_together_give_finite_numbers(dimensions, shift):
    shapes = list(degenerate_clusters(dimensions).values())
    labels = np.repeat(np.arange(len(shapes)), [len(points) for points in shapes])
    table = measure(np.vstack(shapes) + shift, labels)
    assert np.isfinite(table.to_numpy()).all()
    assert (table.drop("x_mean", "y_mean").to_numpy() >= 0).all()
    assert (table["density_hull"] == 0.0).all()


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
    with pytest.raises(ConfigError, match=r"features\.second gives the column 'count', which features\.first gives"):
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
    found = features.compute_localisations(locs, np.array([1, 0, 1]), 2)
    assert found.drop("frame_doubled", "centre_distance").equals(locs)
    assert found["frame_doubled"].to_list() == [14, 16, 18]
    assert found.schema["frame_doubled"] == pl.Int64
    assert found["centre_distance"].to_list() == [5.0, 0.0, 5.0]
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
        ("a", r"features\.localisations\.first"),
    ],
)
def test_a_localisation_column_with_a_name_in_use_is_refused(name, owner):
    class Named(Doubled):
        def __init__(self, name):
            self.name = name

        def columns(self, dimensions):
            return (Column(self.name, pl.Float64, "1", "any"),)

    with pytest.raises(ConfigError, match=rf"features\.localisations\.second gives the column '{name}', which {owner}"):
        FeatureSet({"size": Size()}, {"first": Named("a"), "second": Named(name)})


def test_features_of_clusters_and_of_localisations_are_not_mistaken():
    with pytest.raises(ConfigError, match=r"features\.centre expected an object with needs, columns and compute"):
        FeatureSet({"centre": CentreDistance()})
    with pytest.raises(ConfigError, match=r"features\.localisations\.size expected an object with needs, columns and"):
        FeatureSet({"size": Size()}, {"size": Size()})


def test_no_feature_or_something_else_is_refused():
    with pytest.raises(ConfigError, match="at least one feature"):
        FeatureSet({})
    with pytest.raises(ConfigError, match=r"features\.hull expected an object with needs, columns and compute"):
        FeatureSet({"hull": "hull"})


def test_a_hundred_thousand_rows_are_quick():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(3334), 30))
    points = np.random.default_rng(0).normal(size=(len(labels), 2)) * 20 + labels[:, None] * 50.0
    measure(points[:1], np.zeros(1, dtype=int))  # compiles
    start = time.perf_counter()
    measure(points, labels)
    assert time.perf_counter() - start < 1.5  # 0.06 s on a free core


def test_clustering_and_features_do_not_load_torch():
    modules = [f"locgraph.preparation.features.{name}" for name in ("table", "size", "pca", "hull")]
    modules += [f"locgraph.preparation.clustering.{name}" for name in ("dbscan", "hdbscan", "kmeans")]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
