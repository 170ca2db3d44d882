import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest, kurtosis

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.simulate.paint import NO_SITE, Paint, draw_background, draw_events, draw_localisations, localise


def rng(seed=0):
    return np.random.default_rng(seed)


def seen(n=40_000, dimensions=2, paint=None, seed=0):
    truth = rng(99).uniform(0, 1e4, (n, dimensions))
    zeros = np.zeros(n, dtype=np.int64)
    return truth, localise(truth, zeros, zeros, zeros, paint or Paint(), rng(seed))


def runs(site, frame):
    """Binding events as runs of neighbouring frames of one site: site and length of each."""
    order = np.lexsort((frame, site))
    site, frame = site[order], frame[order]
    begins = np.flatnonzero(np.append(True, (np.diff(site) != 0) | (np.diff(frame) != 1)))
    return site[begins], np.diff(np.append(begins, len(site)))


def test_default_precision_is_that_of_dna_paint():
    _, table = seen()
    precision = table[schema.PRECISION]
    assert 2.8 < precision.median() < 3.3
    assert precision.quantile(0.05) > 2
    assert precision.quantile(0.95) < 4.5


def test_photons_have_the_mean_and_spread_asked_for():
    photons = seen()[1][schema.PHOTONS].to_numpy()
    assert photons.mean() == pytest.approx(2000, rel=0.01)
    assert np.log(photons).std() == pytest.approx(0.4, rel=0.02)


def test_precision_follows_from_photons():
    _, table = seen()
    np.testing.assert_allclose(table[schema.PRECISION], 130 / np.sqrt(table[schema.PHOTONS]))


def test_scatter_about_the_true_site_is_the_precision():
    truth, table = seen()
    for axis, name in enumerate(schema.position_columns(2)):
        residual = (table[name] - truth[:, axis]) / table[schema.PRECISION]
        assert residual.mean() == pytest.approx(0, abs=0.02)
        assert residual.std() == pytest.approx(1, abs=0.015)
        assert kurtosis(residual) == pytest.approx(0, abs=0.1)


def test_axial_scatter_is_the_axial_precision():
    truth, table = seen(dimensions=3, paint=Paint(axial_factor=3))
    np.testing.assert_allclose(table[schema.PRECISION_Z], 3 * table[schema.PRECISION])
    assert ((table[schema.Z] - truth[:, 2]) / table[schema.PRECISION_Z]).std() == pytest.approx(1, abs=0.015)
    assert ((table[schema.X] - truth[:, 0]) / table[schema.PRECISION]).std() == pytest.approx(1, abs=0.015)


def test_fitted_width_scatters_as_the_photons_allow():
    _, table = seen()
    error = (table[schema.SIGMA] - 130) / (130 / np.sqrt(2 * table[schema.PHOTONS]))
    assert error.mean() == pytest.approx(0, abs=0.02)
    assert error.std() == pytest.approx(1, abs=0.015)


def test_camera_background_is_poisson():
    background = seen(paint=Paint(background_photons=30))[1][schema.BACKGROUND]
    assert background.mean() == pytest.approx(30, rel=0.01)
    assert background.var() == pytest.approx(30, rel=0.03)


def test_without_spread_all_photons_are_alike():
    _, table = seen(n=10, paint=Paint(photon_spread=0, photons=100, psf_sigma_nm=150))
    np.testing.assert_allclose(table[schema.PHOTONS], 100)
    np.testing.assert_allclose(table[schema.PRECISION], 15)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_columns_are_those_of_the_schema_in_its_order(dimensions):
    _, table = seen(n=3, dimensions=dimensions)
    only_3d = {schema.Z, schema.PRECISION_Z}
    of_others = {schema.SIGMA_VARIANCE, schema.P_VALUE, schema.N_FRAMES, schema.SOURCE_CLUSTER, schema.PICK}
    of_others |= {schema.LOC_LABEL, schema.OBJECT_DIAMETER, schema.SURFACE_DIAMETER, schema.SKELETON_LENGTH}
    of_others |= {*schema.AXIS_LENGTHS, *schema.INTENSITIES}
    missing = {schema.VIEW, schema.CLUSTER_ID} | of_others | (only_3d if dimensions == 2 else set())
    expected = {n: c.dtype for n, c in schema.LOCALISATION_COLUMNS.items() if n not in missing}
    assert dict(table.schema) == expected
    assert table.columns == list(expected)


def test_sites_are_there_with_the_probability_asked_for():
    site, _ = draw_events(10_000, Paint(site_incorporation=0.7), 30, rng())
    assert len(np.unique(site)) / 10_000 == pytest.approx(0.7, abs=0.015)


def test_events_are_poisson_and_bright_times_geometric():
    paint = Paint(site_incorporation=1, bright_frames=3, frames=1_000_000)
    of_site, length = runs(*draw_events(10_000, paint, 5, rng()))
    events = np.bincount(of_site, minlength=10_000)
    assert events.mean() == pytest.approx(5, rel=0.02)
    assert events.var() == pytest.approx(5, rel=0.05)
    assert length.mean() == pytest.approx(3, rel=0.02)
    for frames in (1, 2, 3):
        assert (length == frames).mean() == pytest.approx((2 / 3) ** (frames - 1) / 3, abs=0.01)


def test_events_of_one_frame_do_not_blink_longer():
    of_site, length = runs(*draw_events(500, Paint(bright_frames=1, frames=10_000_000), 10, rng()))
    assert set(length) == {1}
    assert len(of_site) == pytest.approx(500 * 10 * 0.85, rel=0.1)


def test_mean_number_of_localisations_is_the_product_of_the_settings():
    paint = Paint(site_incorporation=0.8, bright_frames=2.5, frames=1000)
    site, _ = draw_events(5000, paint, 20, rng())
    assert len(site) / 5000 == pytest.approx(0.8 * 20 * 2.5, rel=0.02)


def test_events_are_spread_evenly_over_the_acquisition():
    _, frame = draw_events(2000, Paint(bright_frames=1), 10, rng())
    assert frame.min() >= 0
    assert frame.max() < 10_000
    assert kstest((frame + 0.5) / 10_000, "uniform").pvalue > 0.01


def test_a_site_holds_one_imager_at_a_time_even_when_crowded():
    paint = Paint(site_incorporation=1, events_per_site=5, bright_frames=5, frames=50)
    site, frame = draw_events(2000, paint, 5, rng())
    pairs = site * 50 + frame
    assert len(np.unique(pairs)) == len(pairs)
    assert frame.max() < 50
    assert len(pairs) / 2000 == pytest.approx(25, rel=0.1)


def test_ground_truth_names_the_site_and_its_channel():
    sites = np.array([[0.0, 0.0], [1000.0, 0.0], [0.0, 1000.0]])
    table = draw_localisations(sites, np.array([0, 2, 1]), Paint(site_incorporation=1), 10, rng())
    assert set(table[schema.SITE]) == {0, 1, 2}
    nearest = np.linalg.norm(table.select("x", "y").to_numpy()[:, None] - sites, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(table[schema.SITE], nearest)
    np.testing.assert_array_equal(table[schema.CHANNEL], np.array([0, 2, 1])[nearest])


def test_background_is_uniform_and_says_so():
    field = np.array([100.0, 100.0, 50.0])
    table = draw_background(field, 2, Paint(background_localisations=20_000), rng())
    assert table.height == pytest.approx(20_000, rel=0.03)
    assert set(table[schema.SITE]) == {NO_SITE}
    assert table[schema.CHANNEL].mean() == pytest.approx(0.5, abs=0.02)
    assert kstest((table[schema.FRAME] + 0.5) / 10_000, "uniform").pvalue > 0.01
    for axis, name in enumerate(schema.position_columns(3)):
        inside = table.filter(pl.col(name).is_between(20, field[axis] - 20))[name]
        assert kstest((inside - 20) / (field[axis] - 40), "uniform").pvalue > 0.01


def test_background_count_is_poisson():
    counts = [draw_background(np.array([100.0, 100.0]), 1, Paint(), rng(seed)).height for seed in range(600)]
    assert np.mean(counts) == pytest.approx(10, rel=0.05)
    assert np.var(counts) == pytest.approx(10, rel=0.2)


def test_nothing_to_see_gives_an_empty_table_of_the_same_columns():
    paint = Paint(background_localisations=0)
    empty = draw_background(np.array([100.0, 100.0]), 1, paint, rng())
    assert empty.height == 0
    assert empty.schema == seen(n=1)[1].schema
    none = draw_localisations(np.zeros((1, 2)), np.zeros(1, dtype=np.int64), Paint(), 1e-9, rng())
    assert none.height == 0
    assert none.schema == empty.schema


def test_the_same_generator_draws_the_same():
    sites, channels = rng(5).uniform(0, 100, (20, 2)), np.zeros(20, dtype=np.int64)
    first = draw_localisations(sites, channels, Paint(), 10, rng(7))
    assert first.equals(draw_localisations(sites, channels, Paint(), 10, rng(7)))
    assert not first.equals(draw_localisations(sites, channels, Paint(), 10, rng(8)))


def test_whole_and_decimal_numbers_are_the_same_setting():
    assert repr(Paint(photons=2000, photon_spread=0)) == repr(Paint(photons=2000.0, photon_spread=0.0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("site_incorporation", 0),
        ("site_incorporation", 1.01),
        ("events_per_site", 0),
        ("bright_frames", 0.5),
        ("frames", 0),
        ("frames", 10.5),
        ("photons", -1),
        ("photon_spread", -0.1),
        ("psf_sigma_nm", 0),
        ("axial_factor", 0),
        ("background_localisations", -1),
        ("background_photons", float("nan")),
        ("photons", "many"),
    ],
)
def test_settings_that_cannot_work_are_refused(name, value):
    with pytest.raises(ConfigError, match=rf"^{name}: expected "):
        Paint(**{name: value})


def test_sites_that_are_always_bright_are_refused():
    with pytest.raises(ConfigError, match=r"bright in 25 of 40 frames.*raise frames"):
        Paint(frames=40)
