"""Rings of corners as nuclear pore complexes show them, and variants."""

import numpy as np
import pytest
from scipy.special import ellipe

from locgraph.errors import ConfigError
from locgraph.simulate.rings import Rings, ring_sites

EXACT = {"site_incorporation": 1.0, "psf_sigma_nm": 1e-6, "background_localisations": 0.0}


def test_a_ring_of_nup96_has_the_published_distances():
    sites = ring_sites(8, 8, 1.0, 107.0, 12.0)
    first, second = sites[:8], sites[8:]

    np.testing.assert_allclose(np.linalg.norm(first - second, axis=1), 12.0)
    corners = (first + second) / 2
    np.testing.assert_allclose(np.linalg.norm(corners, axis=1), 53.5)
    # neighbours of a regular octagon, from its side length
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, 107.0 * np.sin(np.pi / 8))


def test_a_flattened_ring_keeps_its_circumference():
    sites = ring_sites(400, 400, 0.6, 107.0, 0.0)

    short, long = np.ptp(sites[:, 1]) / 2, np.ptp(sites[:, 0]) / 2
    assert short / long == pytest.approx(0.6, abs=1e-3)
    assert 4 * long * ellipe(1 - 0.6**2) == pytest.approx(np.pi * 107.0, rel=1e-3)


def test_an_incomplete_ring_lacks_corners_in_a_row():
    whole, part = ring_sites(8, 8, 1.0, 107.0, 12.0), ring_sites(8, 5, 1.0, 107.0, 12.0)

    np.testing.assert_allclose(part, np.concatenate([whole[:5], whole[8:13]]))


@pytest.mark.parametrize(("dimensions", "apart"), [(2, 0.0), (3, 50.0)])
def test_both_rings_lie_one_above_the_other(dimensions, apart):
    rings = Rings({"a": {}}, dimensions=dimensions, max_tilt_deg=0, field_nm=300)
    sites = rings.draw_sites("a", np.random.default_rng(0))

    assert sites.shape == (32, dimensions)
    np.testing.assert_allclose(np.linalg.norm(sites[:16] - sites[16:], axis=1), apart, atol=1e-9)


def test_classes_have_their_symmetry():
    rings = Rings({"seven": {"corners": 7}, "nine": {"corners": 9}}, pair_nm=0.0, paint=EXACT)
    for name, corners in (("seven", 7), ("nine", 9)):
        table = rings.simulate_fov(name, np.random.default_rng(3))
        assert len(np.unique(table.select("x", "y").to_numpy().round(2), axis=0)) == corners


def test_equal_settings_draw_equal_fovs_and_others_are_recorded():
    first, second, other = Rings({"a": {}}), Rings({"a": {"corners": 8}}), Rings({"a": {}}, diameter_nm=100.0)

    assert first.settings() == second.settings() != other.settings()
    a, b = (each.simulate_fov("a", np.random.default_rng(1)) for each in (first, second))
    assert a.equals(b)


def test_rings_differ_in_size_by_the_spread():
    rings = Rings({"a": {}}, pair_nm=0.0, size_spread=0.1, structures_per_fov=4, field_nm=800)
    sites = [rings.draw_sites("a", np.random.default_rng(seed)).reshape(4, 32, 2) for seed in range(250)]

    places = np.concatenate(sites)
    radii = np.linalg.norm(places - places.mean(axis=1, keepdims=True), axis=2)
    np.testing.assert_allclose(radii, radii[:, :1] * np.ones(32))
    # 1000 draws: standard errors of 0.17 and 0.12 nm
    assert radii[:, 0].mean() == pytest.approx(53.5, abs=0.7)
    assert radii[:, 0].std() == pytest.approx(5.35, abs=0.5)


def measured(sites, factors):
    """Return diameter, height and twist of an untilted pore without pairs from its copies."""
    lower, upper = np.split(sites, 2)
    lower, upper = lower[: len(lower) // 2], upper[: len(upper) // 2]  # both copies of a corner are at one place
    centre = sites.mean(axis=0)
    diameter = 2 * np.linalg.norm((lower - centre)[:, :2], axis=1)
    first, second = lower[0, :2] - centre[:2], upper[0, :2] - centre[:2]
    twist = np.rad2deg(np.arctan2(first[0] * second[1] - first[1] * second[0], first @ second))
    return diameter.mean(), upper[0, 2] - lower[0, 2], twist


def test_factors_are_those_of_the_rings_drawn():
    spans = {"diameter_nm": [60, 150], "separation_nm": [30, 70], "twist_deg": [0, 20]}
    rings = Rings({"a": {}}, **spans, pair_nm=0.0, dimensions=3, max_tilt_deg=0, field_nm=400)
    factors = [rings.draw_factors("a", np.random.default_rng(seed)) for seed in range(30)]

    for seed, each in enumerate(factors):
        sites = rings.draw_sites("a", np.random.default_rng(seed))
        expected = [each["diameter_nm"], each["separation_nm"], each["twist_deg"]]
        np.testing.assert_allclose(measured(sites, each), expected, atol=1e-6)
    for name, (low, high) in spans.items():
        drawn = [each[name] for each in factors]
        assert low <= min(drawn) < low + 0.2 * (high - low)
        assert high - 0.2 * (high - low) < max(drawn) <= high


def test_a_class_may_state_its_own_factors():
    rings = Rings({"round": {}, "flat": {"aspect": [0.5, 0.6], "diameter_nm": 90.0}}, diameter_nm=[100, 110])

    assert 100 <= rings.draw_factors("round", np.random.default_rng(0))["diameter_nm"] <= 110
    flat = rings.draw_factors("flat", np.random.default_rng(0))
    assert (flat["diameter_nm"], flat["corners"], flat["present"]) == (90.0, 8.0, 8.0)
    assert 0.5 <= flat["aspect"] <= 0.6


def test_what_has_no_effect_in_2d_is_no_factor():
    assert "separation_nm" not in Rings({"a": {}}).draw_factors("a", np.random.default_rng(0))
    assert Rings({"a": {}}, dimensions=3).draw_factors("a", np.random.default_rng(0))["separation_nm"] == 50.0


def test_the_spread_of_sizes_is_in_the_factors():
    rings = Rings({"a": {}}, pair_nm=0.0, size_spread=0.1)
    sites = rings.draw_sites("a", np.random.default_rng(5))

    radius = np.linalg.norm(sites - sites.mean(axis=0), axis=1).mean()
    assert rings.draw_factors("a", np.random.default_rng(5))["diameter_nm"] == pytest.approx(2 * radius)


def test_labelling_changes_sites_but_not_the_mean_number_of_localisations():
    few, many = (Rings({"a": {}}, labelled=share, structures_per_fov=8, field_nm=1500) for share in (0.3, 0.9))
    tables = [[each.simulate_fov("a", np.random.default_rng(seed)) for seed in range(12)] for each in (few, many)]

    # 3072 copies: standard error of the share below 0.01
    seen = [sum(table.filter(table["site"] >= 0)["site"].n_unique() for table in each) / 3072 for each in tables]
    assert seen == pytest.approx([0.3, 0.9], abs=0.04)
    counts = [sum(len(table) for table in each) for each in tables]
    assert counts[0] == pytest.approx(counts[1], rel=0.05)


def test_what_varies_is_recorded():
    fixed, varied, other = (Rings({"a": {}}, diameter_nm=d) for d in (110, [60, 110], [80, 110]))

    assert "varied" not in fixed.settings()
    assert varied.settings()["varied"] == {"a": {"diameter_nm": [60.0, 110.0]}}
    assert varied.settings() != other.settings()


@pytest.mark.parametrize(
    ("classes", "settings", "message"),
    [
        ({}, {}, r"classes: expected \{class: \{corners: 8\}, ...\}; found \{\}"),
        (["eight"], {}, "classes: expected"),
        ({"a": {"corners": 2}}, {}, "classes.a.corners: expected a whole number of at least 3, found 2"),
        ({"a": {"present": 9}}, {}, "classes.a.present: expected at most the 8 corners; found 9"),
        ({"a": {"aspect": 0}}, {}, "classes.a.aspect: expected a number above 0 and at most 1, found 0"),
        ({"a": {"spokes": 8}}, {}, "classes.a: expected some of corners, present, aspect, .*; found 'spokes'"),
        ({"a": {"aspect": [0.9, 0.5]}}, {}, r"classes.a.aspect: expected \[least, largest\]; found \[0.9, 0.5\]"),
        ({"a": {"labelled": [0.5]}}, {}, r"classes.a.labelled: expected a number, or \[least, largest\]; found"),
        ({"a": {}}, {"labelled": [0.0, 1.0]}, r"labelled\[0\]: expected a number above 0 and at most 1, found 0.0"),
        ({"a": {}}, {"labelled": 1e-4}, "classes.a.labelled.frames: a site would be bright"),
        ({"a": {}}, {"diameter_nm": [60, 400]}, "field_nm: a structure 400 nm across does not fit"),
        ({"a": {}}, {"diameter_nm": 0}, "diameter_nm: expected a number above 0, found 0"),
        ({"a": {}}, {"size_spread": 0.5}, "size_spread: expected a number at least 0 and at most 0.3, found 0.5"),
        ({"a": {}}, {"field_nm": 50}, "field_nm: a structure 108 nm across does not fit"),
        ({"a": {}}, {"paint": {"photons": 0}}, "paint.photons: expected a number above 0"),
    ],
)
def test_settings_that_cannot_work(classes, settings, message):
    with pytest.raises(ConfigError, match=message):
        Rings(classes, **settings)
