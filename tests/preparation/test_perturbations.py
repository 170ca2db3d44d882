"""Perturbations of raw localisations: what each does to hand-made FOVs, and what no order of rows may change."""

import numpy as np
import polars as pl
import pytest

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.clustering.simple import Given
from locgraph.preparation.perturbations import (
    Drift,
    ExtraNoise,
    Jitter,
    MissingSites,
    RawFov,
    Reclustering,
    Rescaling,
    Thinning,
)

TABLES = [Thinning([0.5]), ExtraNoise([0.5]), Jitter([3.0]), Drift([7.0]), MissingSites([0.5]), Rescaling([2.0])]
names = [type(each).__name__ for each in TABLES]


def rng():
    return np.random.default_rng([1, 2])


@pytest.fixture
def table():
    """Ten groups of 20 localisations, 100 nm apart, each within about 1 nm; frames in the order of the rows."""
    draws = np.random.default_rng(0)
    owners = np.repeat(np.arange(10), 20)
    points = np.stack([100.0 * owners, 30.0 * owners**1.5], axis=1) + draws.normal(0, 1, (200, 2))
    frame = np.arange(200)
    return pl.DataFrame({"x": points[:, 0], "y": points[:, 1], "frame": frame, "precision": np.full(200, 4.0)})


@pytest.fixture
def fov(table):
    return RawFov.of(table, 2, DBSCAN(10.0, 3), 0)


def changed(perturbation, fov):
    return perturbation.perturb(fov, perturbation.severities[0], rng())


@pytest.mark.parametrize("perturbation", TABLES, ids=names)
def test_draws_depend_on_the_localisations_not_on_their_order(perturbation, table, fov):
    shuffled = table[np.random.default_rng(5).permutation(table.height)]
    other = RawFov.of(shuffled, 2, DBSCAN(10.0, 3), 0)
    assert changed(perturbation, other).equals(changed(perturbation, fov))


@pytest.mark.parametrize("perturbation", TABLES, ids=names)
def test_the_neutral_severity_changes_nothing(perturbation, fov):
    assert perturbation.perturb(fov, perturbation.neutral, rng()).equals(fov.table)


def test_thinning_keeps_a_part_and_a_mild_one_holds_a_strong_one(fov):
    strong, mild = (Thinning([0.3]).perturb(fov, keep, rng()) for keep in (0.3, 0.7))
    assert (strong.height, mild.height) == (60, 140)
    assert set(strong["frame"]) < set(mild["frame"])


def test_noise_lies_in_the_box_and_copies_the_rest(fov):
    noisy = ExtraNoise([1.0]).perturb(fov, 1.0, rng())
    assert noisy.head(200).equals(fov.table)
    added = noisy.tail(200)
    for axis in "xy":
        assert added[axis].min() >= fov.table[axis].min()
        assert added[axis].max() <= fov.table[axis].max()
        # uniform: a quarter of the box holds about a quarter
        inside = (added[axis] - fov.table[axis].min()) / (fov.table[axis].max() - fov.table[axis].min()) < 0.25
        assert 0.15 < inside.mean() < 0.35
    assert set(added["frame"]) <= set(fov.table["frame"])
    assert set(added["precision"]) == {4.0}


def test_noise_belongs_to_no_site_class_or_cluster(table):
    marked = table.with_columns(site=pl.lit(2), loc_label=pl.lit(1), source_cluster=pl.lit(3))
    noisy = ExtraNoise([0.1]).perturb(RawFov.of(marked, 2, Given(), 0), 0.1, rng())
    assert noisy.tail(20).select("site", "loc_label", "source_cluster").unique().rows() == [(-1, -1, -1)]


def test_jitter_has_the_deviation_and_states_it(fov):
    moved = Jitter([3.0]).perturb(fov, 3.0, rng())
    steps = (moved.select("x", "y").to_numpy() - fov.positions).ravel()
    assert np.std(steps) == pytest.approx(3.0, rel=0.1)
    assert abs(np.mean(steps)) < 0.5
    assert moved["precision"].to_list() == [5.0] * 200


def test_drift_goes_with_the_frame_in_one_direction(fov):
    moved = Drift([7.0]).perturb(fov, 7.0, rng())
    steps = moved.select("x", "y").to_numpy() - fov.positions
    way = np.linalg.norm(steps, axis=1)
    np.testing.assert_allclose(way, 7.0 * moved["frame"].to_numpy() / 199, atol=1e-9)
    assert np.linalg.matrix_rank(steps, tol=1e-6) == 1


def test_drift_without_frames_goes_with_the_file(table, fov):
    untimed = RawFov.of(table.drop("frame"), 2, DBSCAN(10.0, 3), 0)
    assert fov.timed
    assert not untimed.timed
    drift = Drift([7.0])
    assert drift.perturb(untimed, 7.0, rng()).equals(drift.perturb(fov, 7.0, rng()).drop("frame"))


def test_drift_leaves_z_where_it_is(table):
    volume = RawFov.of(table.with_columns(z=pl.col("x") / 2), 3, DBSCAN(10.0, 3), 0)
    moved = Drift([7.0]).perturb(volume, 7.0, rng())
    assert moved["z"].equals(volume.table["z"])
    assert not moved["x"].equals(volume.table["x"])


def test_drift_needs_time(table):
    still = RawFov.of(table.with_columns(frame=pl.lit(3)), 2, DBSCAN(10.0, 3), 0)
    with pytest.raises(DataError, match="several frames, found one"):
        Drift([7.0]).perturb(still, 7.0, rng())


def test_missing_sites_are_whole_clusters(fov):
    left = MissingSites([0.3]).perturb(fov, 0.3, rng())
    owners = (left["frame"] // 20).to_numpy()
    assert dict(zip(*np.unique(owners, return_counts=True), strict=True)) == dict.fromkeys(np.unique(owners), 20)
    assert len(np.unique(owners)) == 3


def test_missing_sites_leave_what_is_in_no_cluster(table):
    stray = pl.DataFrame({"x": [5000.0], "y": [5000.0], "frame": [200], "precision": [4.0]})
    fov = RawFov.of(pl.concat([table, stray]), 2, DBSCAN(10.0, 3), 0)
    assert 200 in MissingSites([0.1]).perturb(fov, 0.1, rng())["frame"]


def test_missing_sites_name_a_column_that_the_clusterer_needs(table):
    with pytest.raises(DataError, match=schema.SOURCE_CLUSTER):
        MissingSites([0.5]).perturb(RawFov.of(table, 2, Given(), 0), 0.5, rng())


def test_rescaling_multiplies_lengths_alone(fov):
    scaled = Rescaling([2.0]).perturb(fov, 2.0, rng())
    np.testing.assert_allclose(scaled.select("x", "y").to_numpy(), 2 * fov.positions)
    assert scaled["precision"].to_list() == [8.0] * 200
    assert scaled["frame"].equals(fov.table["frame"])


RECLUSTERING = Reclustering([0.5, 2.0], ["eps_nm", "n_clusters"])


@pytest.mark.parametrize(
    ("settings", "factor", "expected"),
    [
        ({"eps_nm": 20.0, "min_samples": 5}, 0.5, {"eps_nm": 10.0, "min_samples": 5}),
        ({"n_clusters": 5, "n_init": 1}, 0.5, {"n_clusters": 2, "n_init": 1}),
        ({"n_clusters": 1}, 0.1, {"n_clusters": 1}),
        ({"clusterer": {"eps_nm": 20.0}}, 2.0, {"clusterer": {"eps_nm": 40.0}}),
    ],
)
def test_reclustering_multiplies_the_setting_of_the_clusterer(settings, factor, expected):
    before = dict(settings)
    changed = RECLUSTERING.recluster(settings, factor)
    assert changed == expected
    assert type(changed.get("n_clusters", 1)) is int
    assert settings == before


def test_reclustering_refuses_a_clusterer_without_size():
    with pytest.raises(ConfigError, match="eps_nm, n_clusters"):
        RECLUSTERING.recluster({"_target_": "Given"}, 2.0)


@pytest.mark.parametrize("severities", [[], [0.0], [1.5], ["much"], [0.5, 0.5], "0.5", None])
def test_severities_out_of_range_are_refused(severities):
    with pytest.raises(ConfigError, match="severities: expected"):
        Thinning(severities)
