"""Origami in random poses, seen by DNA-PAINT."""

import numpy as np
import polars as pl
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist
from scipy.stats import kstest

from locgraph import schema
from locgraph.build import build
from locgraph.errors import ConfigError
from locgraph.simulate.origami import Origami, draw_centres, draw_rotation, draw_structure
from locgraph.simulate.paint import Paint
from locgraph.simulate.structures import template

SEVEN = {name: name for name in ("one", "two", "three", "T", "O", "L", "grid")}
SHARP = {"psf_sigma_nm": 50}


def rng(seed=0):
    return np.random.default_rng(seed)


def positions(table, dimensions=2):
    return table.select(schema.position_columns(dimensions)).to_numpy()


def rotations(max_tilt_deg, n=4000):
    rng = np.random.default_rng(1)
    return np.array([draw_rotation(max_tilt_deg, rng) for _ in range(n)])


@pytest.mark.parametrize("max_tilt_deg", [0, 30, 180])
def test_rotations_are_proper(max_tilt_deg):
    drawn = rotations(max_tilt_deg, 50)
    np.testing.assert_allclose(drawn @ drawn.transpose(0, 2, 1), np.broadcast_to(np.eye(3), drawn.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(drawn), 1)


def test_without_tilt_every_angle_in_the_plane_is_as_likely():
    drawn = rotations(0)
    np.testing.assert_allclose(drawn[:, 2, 2], 1)
    angle = np.arctan2(drawn[:, 1, 0], drawn[:, 0, 0]) % (2 * np.pi)
    assert kstest(angle / (2 * np.pi), "uniform").pvalue > 0.01


def test_full_tilt_gives_every_orientation_alike():
    drawn = rotations(180)
    for row in range(3):
        for column in range(3):  # each entry of a uniform rotation is a coordinate of a point on the unit sphere
            assert kstest((drawn[:, row, column] + 1) / 2, "uniform").pvalue > 0.001
    angle = np.arccos((np.trace(drawn, axis1=1, axis2=2) - 1) / 2)
    assert kstest(angle, lambda a: (a - np.sin(a)) / np.pi).pvalue > 0.01


def test_tilt_keeps_to_its_cap():
    up = rotations(30)[:, 2, 2]
    low = np.cos(np.deg2rad(30))
    assert up.min() >= low
    assert kstest((up - low) / (1 - low), "uniform").pvalue > 0.01


def test_structure_in_3d_is_moved_as_a_whole():
    sites, centre = template("tripod"), np.array([100.0, -50.0, 7.0])
    placed = draw_structure(sites, centre, 180, np.random.default_rng(0))
    np.testing.assert_allclose(pdist(placed), pdist(sites))
    np.testing.assert_allclose(placed.mean(axis=0), centre)


def area(corners):
    """Signed area of the triangle of three points."""
    return np.cross(np.append(corners[1] - corners[0], 0), np.append(corners[2] - corners[0], 0))[2] / 2


def test_structure_in_2d_keeps_its_handedness_and_a_tilt_foreshortens_it():
    sites = np.pad(template("L"), ((0, 0), (0, 1)))
    rng = np.random.default_rng(0)
    whole = area(sites[[0, 4, 7], :2])
    for _ in range(20):
        flat = draw_structure(sites, np.zeros(2), 0, rng)
        assert area(flat[[0, 4, 7]]) == pytest.approx(whole)
        tilted = draw_structure(sites, np.zeros(2), 60, rng)
        assert 0.5 <= area(tilted[[0, 4, 7]]) / whole <= 1


@pytest.mark.parametrize("dimensions", [2, 3])
def test_centres_keep_apart_and_inside(dimensions):
    field = np.array([600.0, 600.0, 300.0])[:dimensions]
    for seed in range(10):
        centres = draw_centres(10, 40, 20, field, np.random.default_rng(seed))
        assert centres.shape == (10, dimensions)
        assert pdist(centres).min() >= 100
        assert centres.min() >= 40
        assert np.all(centres <= field - 40)


def test_one_structure_is_anywhere_in_the_field():
    rng = np.random.default_rng(3)
    places = np.array([draw_centres(1, 40, 20, np.array([200.0, 200.0]), rng)[0] for _ in range(2000)])
    for axis in range(2):
        assert kstest((places[:, axis] - 40) / 120, "uniform").pvalue > 0.01


def test_too_small_a_field_is_refused():
    with pytest.raises(ConfigError, match="field_nm: a structure 100 nm across does not fit in a field of 90 x 90 nm"):
        draw_centres(1, 50, 0, np.array([90.0, 90.0]), np.random.default_rng(0))


def test_too_many_structures_are_refused():
    with pytest.raises(ConfigError, match=r"structures_per_fov: 50 structures"):
        draw_centres(50, 40, 20, np.array([400.0, 400.0]), np.random.default_rng(0))


@pytest.mark.parametrize("name", SEVEN)
def test_ground_truth_is_the_nearest_site(name):
    origami = Origami(SEVEN, paint=SHARP)
    signal = origami.simulate_fov(name, rng(4)).filter(pl.col(schema.SITE) >= 0)
    sites = origami.draw_sites(name, rng(4))
    np.testing.assert_array_equal(cKDTree(sites).query(positions(signal))[1], signal[schema.SITE])


def test_sites_are_the_template_in_another_pose():
    origami = Origami(SEVEN)
    np.testing.assert_allclose(pdist(origami.draw_sites("two", rng())), pdist(template("two")))


def test_rows_are_sorted_by_frame():
    table = Origami(SEVEN).simulate_fov("T", rng())
    assert table[schema.FRAME].is_sorted()
    assert table[schema.FRAME].min() >= 0


def test_default_fovs_hold_about_150_to_400_localisations():
    origami = Origami(SEVEN)
    counts = np.array([origami.simulate_fov(name, rng(seed)).height for name in SEVEN for seed in range(30)])
    assert 200 < np.median(counts) < 300
    assert np.mean((counts > 120) & (counts < 400)) > 0.95


def mean_counts(origami, n=1000):
    """One standard error is below 0.7 %."""
    generator = rng()
    return {k: np.mean([origami.simulate_fov(k, generator).height for _ in range(n)]) for k in origami.class_names}


def test_equalised_classes_have_the_same_mean_number_of_localisations():
    origami = Origami({"L": "L", "grid": "grid"}, paint={"background_localisations": 0})
    expected = (8 + 20) / 2 * 0.85 * 10 * 2.5
    for mean in mean_counts(origami).values():
        assert mean == pytest.approx(expected, rel=0.025)


def test_classes_as_they_come_have_numbers_that_follow_their_sites():
    origami = Origami({"L": "L", "grid": "grid"}, paint={"background_localisations": 0}, equalise_counts=False)
    for name, mean in mean_counts(origami).items():
        assert mean == pytest.approx(len(template(name)) * 0.85 * 10 * 2.5, rel=0.025)


def test_structures_of_one_fov_do_not_overlap():
    origami = Origami(SEVEN, structures_per_fov=6, field_nm=500, gap_nm=30)
    for seed in range(5):
        sites = origami.draw_sites("L", rng(seed)).reshape(6, 8, 2)
        for first in range(6):
            for second in range(first):
                assert np.linalg.norm(sites[first][:, None] - sites[second], axis=2).min() >= 30
        assert sites.min() >= 0
        assert sites.max() <= 500
    table = origami.simulate_fov("L", rng(1))
    assert set(table[schema.SITE].unique() // 8) == {-1, 0, 1, 2, 3, 4, 5}


def test_structures_of_one_fov_lie_differently():
    sites = Origami(SEVEN, structures_per_fov=2, field_nm=500).draw_sites("L", rng()).reshape(2, 8, 2)
    first, second = sites - sites.mean(axis=1, keepdims=True)
    assert np.abs(first - second).max() > 1


def test_channels_hold_their_own_template():
    origami = Origami({"target": {0: "ring", 1: "cross"}}, paint=SHARP, channels=["red", "green", "empty"])
    table = origami.simulate_fov("target", rng(2))
    signal = table.filter(pl.col(schema.SITE) >= 0)
    np.testing.assert_array_equal(signal[schema.CHANNEL], (signal[schema.SITE] >= 12).cast(pl.Int64))
    sites = origami.draw_sites("target", rng(2))
    np.testing.assert_allclose(pdist(sites[:12]), pdist(template("ring")))
    np.testing.assert_allclose(pdist(sites[12:]), pdist(template("cross")))
    np.testing.assert_allclose(sites[:12].mean(axis=0), sites[12:].mean(axis=0))
    assert set(table[schema.CHANNEL]) <= {0, 1, 2}
    assert origami.channels == ("red", "green", "empty")


def test_3d_fovs_have_z_and_ground_truth():
    origami = Origami({"cube": "cube", "flat": "L"}, dimensions=3, paint=SHARP, depth_nm=300)
    table = origami.simulate_fov("cube", rng())
    assert {schema.Z, schema.PRECISION_Z} <= set(table.columns)
    signal = table.filter(pl.col(schema.SITE) >= 0)
    sites = origami.draw_sites("cube", rng())
    np.testing.assert_allclose(pdist(sites), pdist(template("cube")))
    assert sites[:, 2].min() >= 0
    assert sites[:, 2].max() <= 300
    matched = cKDTree(sites / [1, 1, 2.5]).query(positions(signal, 3) / [1, 1, 2.5])[1]
    assert np.mean(matched == signal[schema.SITE].to_numpy()) > 0.98
    assert np.ptp(origami.draw_sites("flat", rng())[:, 2]) > 5  # every orientation


def test_flat_structures_on_the_cover_slip_stay_flat_in_3d():
    sites = Origami({"flat": "L"}, dimensions=3, max_tilt_deg=0).draw_sites("flat", rng())
    np.testing.assert_allclose(np.ptp(sites[:, 2]), 0, atol=1e-9)


def test_the_same_generator_gives_the_same_fov():
    origami = Origami(SEVEN, structures_per_fov=2, field_nm=400)
    first = origami.simulate_fov("O", rng(3))
    assert first.equals(Origami(SEVEN, structures_per_fov=2, field_nm=400).simulate_fov("O", rng(3)))
    assert not first.equals(origami.simulate_fov("O", rng(4)))


def test_it_is_built_from_plain_values():
    built = build(
        {
            "_target_": "locgraph.simulate.origami.Origami",
            "classes": {"T": "T", "own": [[0, 0], [20, 0], [0, 40]], "two_colours": {0: "ring", 1: "line"}},
            "paint": {"frames": 5000, "events_per_site": 8},
            "channels": ["red", "green"],
        }
    )
    plain = Origami(
        {"T": "T", "own": [[0, 0], [20, 0], [0, 40]], "two_colours": {0: "ring", 1: "line"}},
        paint=Paint(frames=5000, events_per_site=8.0),
        channels=["red", "green"],
    )
    assert built.settings() == plain.settings()
    assert built.simulate_fov("own", rng()).equals(plain.simulate_fov("own", rng()))


@pytest.mark.parametrize(
    "change",
    [
        {"classes": {"T": "T", "L": "J"}},
        {"classes": {"L": "L", "T": "T"}},
        {"paint": {"photons": 1000}},
        {"dimensions": 3},
        {"structures_per_fov": 2, "field_nm": 400},
        {"field_nm": 201},
        {"gap_nm": 21},
        {"max_tilt_deg": 5},
        {"channels": ["a", "b"]},
        {"equalise_counts": False},
    ],
)
def test_settings_show_every_difference(change):
    assert Origami({"T": "T", "L": "L"}).settings() != Origami(**{"classes": {"T": "T", "L": "L"}, **change}).settings()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": {}}, "at least one class"),
        ({"dimensions": 4}, "dimensions: expected 2 or 3; found 4"),
        ({"depth_nm": 100}, "a 2D field has no depth"),
        ({"structures_per_fov": 0}, "structures_per_fov: expected a whole number of at least 1"),
        ({"structures_per_fov": 30}, r"structures_per_fov: 30 structures"),
        ({"field_nm": 50}, "field_nm: a structure 116 nm across"),
        ({"field_nm": -1}, "field_nm: expected a number above 0"),
        ({"dimensions": 3, "depth_nm": 50}, "depth_nm"),
        ({"gap_nm": -1}, "gap_nm: expected a number at least 0"),
        ({"max_tilt_deg": 91}, "max_tilt_deg: expected a number at least 0 and at most 90"),
        ({"dimensions": 3, "max_tilt_deg": 181}, "at most 180"),
        ({"channels": ["a", "a"]}, "channels: expected a list of at least 1"),
        ({"equalise_counts": "no"}, "equalise_counts: expected true or false"),
        ({"paint": {"photon": 3}}, r"paint: expected settings among .*found 'photon'"),
        ({"paint": {"photons": 0}}, r"paint\.photons"),
        ({"paint": 3}, "paint: expected values of some of .*found 3"),
        ({"paint": {"frames": 60}, "classes": {"a": [[0, 0]], "b": "grid"}}, "a site would be bright in"),
    ],
)
def test_arguments_that_cannot_work_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Origami(**{"classes": SEVEN, **arguments})


def test_unknown_class_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"class_name: expected one of one, two, .*found 'four'"):
        Origami(SEVEN).simulate_fov("four", rng())
