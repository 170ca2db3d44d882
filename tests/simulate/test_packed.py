"""Nuclei packed with points after rules."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.simulate.nuclei import draw_nucleus
from locgraph.simulate.packed import RULES, Packed, density, pack

EXACT = {"events_per_site": 8.0, "psf_sigma_nm": 1e-6, "background_localisations": 0.0, "site_incorporation": 1.0}


@pytest.fixture(scope="module")
def nucleus():
    return draw_nucleus("ellipsoid", 10_000.0, 0.4, 0.6, np.random.default_rng(0))


@pytest.fixture(scope="module")
def points(nucleus):
    rng = np.random.default_rng(1)
    return {rule: pack(nucleus, rule, 0.12, 300, 150.0, rng) for rule in RULES}


@pytest.mark.parametrize("rule", RULES)
def test_points_lie_in_the_nucleus_and_keep_their_distance(nucleus, points, rule):
    assert points[rule].shape == (300, 3)
    assert nucleus.share_of_radius(points[rule]).max() <= 1
    assert pdist(points[rule]).min() >= 150.0


def test_where_the_rules_put_points(nucleus, points):
    x, _, z = nucleus.semi_axes
    long = {rule: places[:, 0].mean() / x for rule, places in points.items()}
    short = {rule: places[:, 2].mean() / z for rule, places in points.items()}
    way = {rule: np.linalg.norm(places, axis=1).mean() for rule, places in points.items()}
    depth = {rule: nucleus.share_of_radius(places).mean() for rule, places in points.items()}

    assert long["planar_0"] > 0.4 > 0.1 > abs(short["planar_0"])
    assert short["planar_90"] > 0.4 > 0.1 > abs(long["planar_90"])
    assert min(long["planar_45"], short["planar_45"]) > 0.2
    assert way["radial_in"] < way["random"] < way["surface"] < way["radial_out"]
    assert max(depth.values()) == depth["surface"] > 0.85
    # uniform in a ball: three quarters of the way out
    assert depth["random"] == pytest.approx(0.75, abs=0.03)
    nearest = {rule: np.sort(cdist(places, places), axis=1)[:, 10].mean() for rule, places in points.items()}
    assert nearest["clustered"] < 0.6 * nearest["random"]


def test_the_density_falls_by_e_over_the_decay(nucleus):
    x, _, z = nucleus.surface.max(axis=0)
    none = np.empty((0, 3))
    ends = np.array([[x, 0, 0], [x - 0.2 * 2 * x, 0, 0]])
    np.testing.assert_allclose(density(nucleus, "planar_0", 0.1, none, ends), np.exp([0, -2]), rtol=0.02)
    flat = np.array([[0, 0, z], [0, 0, 0.0]])
    np.testing.assert_allclose(density(nucleus, "planar_90", 0.5, none, flat), np.exp([0, -1]), rtol=0.02)
    radial = np.array([[0, 0, 0], [0.1 * x, 0, 0]])
    np.testing.assert_allclose(density(nucleus, "radial_in", 0.1, none, radial), np.exp([0, -1]), rtol=0.02)
    np.testing.assert_allclose(density(nucleus, "radial_out", 0.1, none, ends), np.exp([0, -4]), rtol=0.02)
    np.testing.assert_allclose(density(nucleus, "surface", 0.1, none, ends), np.exp([0, -4]), rtol=0.02)


def test_the_rule_does_not_show_in_number_size_or_pose():
    packed = Packed(points_per_fov=[20, 60], paint=EXACT)
    seeds = range(6)
    factors = [[packed.draw_factors(rule, np.random.default_rng(s)) for s in seeds] for rule in RULES]

    assert all(each == factors[0] for each in factors)
    for factor, seed in zip(factors[0], seeds, strict=True):
        sites = packed.draw_sites("random", np.random.default_rng(seed))
        assert len(sites) == factor["points"]
        assert 0 < factor["aspect"] <= factor["middle"] <= 1
        assert factor["lobes"] in (0, 2, 3, 4)
        assert sites.min() >= 0
        assert sites.max() <= 30_000


def test_nuclei_have_any_orientation():
    packed = Packed(["planar_0"], ["ellipsoid"], points_per_fov=[40, 40])
    ends = []
    for seed in range(60):
        sites = packed.draw_sites("planar_0", np.random.default_rng(seed))
        # the cap at the end of the longest axis is flat: its normal is the axis of least spread
        ends.append(np.linalg.svd(sites - sites.mean(axis=0))[2][2])
    # uniform directions have <u u'> = 1/3; standard error about 0.04
    np.testing.assert_allclose(np.array(ends).T @ np.array(ends) / 60, np.eye(3) / 3, atol=0.15)


def test_localisations_belong_to_points():
    packed = Packed(["surface"], points_per_fov=[30, 30], paint=EXACT | {"axial_factor": 1.0})
    table = packed.simulate_fov("surface", np.random.default_rng(4))
    sites = packed.draw_sites("surface", np.random.default_rng(4))

    np.testing.assert_allclose(table.select("x", "y", "z").to_numpy(), sites[table[schema.SITE].to_numpy()], atol=1e-3)
    assert table[schema.FRAME].is_sorted()


def test_equal_settings_draw_equal_fovs_and_others_are_recorded():
    first, second = Packed(decay=[0.1, 0.2]), Packed(decay=(0.1, 0.2))

    assert first.settings() == second.settings() != Packed().settings()
    a, b = (each.simulate_fov("radial_in", np.random.default_rng(1)) for each in (first, second))
    assert a.equals(b)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": ["ring"]}, "classes: expected some of random, .* or planar_N; found 'ring'"),
        ({"classes": ["planar_91"]}, "classes: .*found 'planar_91'"),
        ({"classes": "random"}, "classes: expected a list of different names; found 'random'"),
        ({"shapes": ["cube"]}, "shapes: .*sphere"),
        ({"shapes": []}, "shapes: expected a list of different names; found"),
        ({"aspect": [0.5, 1.2]}, r"aspect\[1\]: expected a number at least 0.5 and at most 1, found 1.2"),
        ({"decay": 0.1}, r"decay: expected two numbers, \[least, largest\]; found 0.1"),
        ({"decay": [0.2, 0.1]}, r"decay\[1\]: expected a number at least 0.2, found 0.1"),
        ({"points_per_fov": [0, 5]}, r"points_per_fov\[0\]: expected a whole number of at least 1, found 0"),
        ({"point_nm": 4000}, "points_per_fov: 400 points 4000 nm apart do not fit in a nucleus by the rule random"),
        ({"field_nm": 9000}, "field_nm: a nucleus .* nm across does not fit in a field of 9000 nm"),
        ({"paint": {"photons": 0}}, "paint.photons: expected a number above 0"),
        ({"paint": {"frames": 1}}, "paint.frames: a site would be bright"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        Packed(**settings)


def test_a_class_that_is_not_there():
    with pytest.raises(ConfigError, match="class_name: expected one of random; found 'surface'"):
        Packed(["random"]).draw_factors("surface", np.random.default_rng(0))
