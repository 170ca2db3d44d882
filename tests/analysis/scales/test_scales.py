"""Suggested scales: sites of known size and distance are found, and what has no scale is said to have none."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.builders.sites import field_of_sites

from locgraph.analysis.scales.correlation import correlate
from locgraph.analysis.scales.neighbours import neighbour_curve
from locgraph.analysis.scales.plateaus import Plateau, find_levels, find_plateaus, find_steadiest
from locgraph.analysis.scales.regions import choose_evenly, cut_region
from locgraph.analysis.scales.scan import Scan, cluster_diameters, scan
from locgraph.analysis.scales.suggest import make_example, suggest_scales
from locgraph.analysis.scales.texts import describe_scales, record_scales
from locgraph.errors import ConfigError, DataError
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.preparation.objects.sites import Sites

RINGS = {"corners": 8, "radius": 55.0, "spread": 5.0, "size": 160}


def regions_of(**settings):
    return [cut_region(str(seed), field_of_sites(seed, **settings), 10_000) for seed in range(2)]


@pytest.fixture(scope="module")
def rings():
    return suggest_scales(regions_of(**RINGS))


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_sites_of_known_size_and_distance(noise):
    found = suggest_scales(regions_of(noise=noise), [5, 10])
    assert found.objects is found.clusters
    true = 2 * 20 * np.sqrt(-2 * np.log(0.05))  # holds 95 % of a Gaussian
    assert found.objects.diameter == pytest.approx(true, rel=0.2)
    assert found.objects.clusters == pytest.approx(25, rel=0.05)
    for seed in range(10, 13):  # FOVs that it has not seen
        labels = DBSCAN(found.eps_nm, found.min_samples, backend="cpu")(field_of_sites(seed, noise=noise), 0)
        assert (np.bincount(labels[labels >= 0]) >= 20).sum() == 25
    assert "one scale alone is stable" in describe_scales(found)[-1]


def test_rings_have_two_scales(rings):
    fine, coarse = rings.clusters, rings.objects
    assert fine.clusters == pytest.approx(8 * 25, rel=0.05)
    assert coarse.clusters == pytest.approx(25, rel=0.05)
    assert coarse.diameter == pytest.approx(2 * 55 + 15, rel=0.15)
    assert fine.low < fine.eps < fine.high < coarse.low
    assert rings.correlation.peak <= coarse.diameter * 1.2 <= 2.4 * rings.correlation.peak
    assert rings.clustering_overrides()[1] == f"clustering.eps_nm={fine.eps:g}"
    settings = dict(text.split("=") for text in rings.object_overrides())
    assert settings["objects"] == "sites"
    assert float(settings["objects.eps_nm"]) == coarse.eps
    assert repr(rings) == "Suggestion: " + " ".join([*rings.clustering_overrides(), *rings.object_overrides()])
    finder = Sites(float(settings["objects.eps_nm"]), int(settings["objects.min_samples"]))
    for seed in range(10, 13):  # FOVs that it has not seen
        unseen = pl.DataFrame(field_of_sites(seed, **RINGS), schema=["x", "y"])
        assert (finder(unseen, 2, "fov").sizes >= 100).sum() == 25
    example = make_example(rings)
    assert example.clusters.max() > 4 * example.objects.max() > 0


def test_a_larger_unit_gives_the_same_in_that_unit():
    points = field_of_sites(0, number=10, extent=3000.0)
    small, large = (suggest_scales([cut_region("a", factor * points, 10_000)], [5, 10]) for factor in (1, 10))
    assert large.eps_nm == pytest.approx(10 * small.eps_nm, rel=1e-2)
    assert large.min_samples == small.min_samples
    assert large.objects.diameter == pytest.approx(10 * small.objects.diameter)


def test_random_places_have_no_scale():
    rng = np.random.default_rng(0)
    found = suggest_scales([cut_region("a", rng.uniform(0, 5000, (1500, 2)), 10_000)])
    assert found.levels == ()
    assert found.objects is None
    assert found.object_overrides() == []
    assert any("no clustering stands out" in text for text in describe_scales(found))
    assert found.eps_nm == pytest.approx(found.curves[1].knee, rel=1e-2)
    assert np.abs(found.correlation.l_minus_r[20:] / found.correlation.radii[20:]).max() < 0.1


def test_without_a_plateau_the_steadiest_clustering_without_much_noise_is_taken(rings):
    column = np.array([1.0, 1, 1, 1, 1, 1])[:, None]
    unsteady = Scan(
        eps=np.array([1.0, 2, 4, 8, 16, 32]),
        min_samples=(5,),
        clusters=9 * column,
        noise=np.array([0.8, 0.7, 0.6, 0.2, 0.1, 0.1])[:, None],
        largest=0.3 * column,
        diameter=7 * column,
        agreement=np.array([0.85, 0.85, 0.5, 0.6, 0.4])[:, None],
    )
    assert find_plateaus(unsteady) == []
    steadiest = find_steadiest(unsteady)
    assert (steadiest.low, steadiest.eps, steadiest.high) == (8.0, 16.0, 32.0)
    found = replace(rings, levels=(), steadiest=steadiest)
    assert (found.eps_nm, found.min_samples) == (16.0, 5)
    assert any("no range of eps" in text and "9 clusters of 7 nm" in text for text in describe_scales(found))
    assert find_steadiest(replace(unsteady, largest=column)) is None


def test_one_site_in_each_fov_is_one_object():
    found = suggest_scales([cut_region("a", np.random.default_rng(0).normal(0, 20, (60, 2)), 10_000)])
    assert found.objects is None
    assert found.one_object is not None
    assert any("objects=fov" in text for text in describe_scales(found))


def test_the_record_holds_plain_evidence(rings):
    record = record_scales(rings)
    assert record["stable"]
    assert [scale["diameter"] for scale in record["scales"]] == [level.diameter for level in rings.levels]
    assert [curve["k"] for curve in record["neighbours"]] == [3, 5, 10, 20]
    assert record["regions"][0]["localisations"] == len(rings.regions[0].points)


def test_pairs_within_a_radius_of_a_rectangle_by_drawing():
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 1, (4000, 2)) * [1000, 400]
    found = correlate([cut_region("a", points, 10_000)])
    assert found.radii[-1] == pytest.approx(100, rel=0.01)
    assert found.pair_correlation[-20:] == pytest.approx(np.ones(20), abs=0.1)
    assert found.l_minus_r[-20:] == pytest.approx(np.zeros(20), abs=1.0)


def test_neighbour_distances_by_hand():
    line = np.column_stack([np.arange(100.0) * 3, np.zeros(100)])
    assert neighbour_curve([cut_region("a", line, 1000)], 2).distances == pytest.approx(np.full(200, 3.0))
    with pytest.raises(DataError, match="at least 5 localisations"):
        neighbour_curve([cut_region("a", np.zeros((50, 2)), 1000)], 5)


def test_a_part_of_a_large_fov_is_a_whole_square():
    points = np.random.default_rng(2).uniform(0, 1000, (20_000, 3))
    region = cut_region("a", points, 5000)
    assert len(region.points) == 5000
    assert region.n_all == 20_000
    assert region.window == pytest.approx((500, 500), rel=0.05)
    low, high = region.points[:, :2].min(axis=0), region.points[:, :2].max(axis=0)
    inside = ((points[:, :2] >= low) & (points[:, :2] <= high)).all(axis=1)
    assert inside.sum() == 5000
    assert cut_region("a", points, 20_000).points is points


def test_fovs_are_chosen_evenly():
    assert choose_evenly(list("abc"), 5) == list("abc")
    assert choose_evenly([str(i) for i in range(101)], 3) == ["0", "50", "100"]
    assert len(choose_evenly([str(i) for i in range(7)], 5)) == 5


def test_diameters_by_hand():
    points = np.array([[0.0, 0, 9], [2, 0, 0], [10, 10, 0], [50, 0, 0], [56, 0, 5]])
    assert cluster_diameters(points, np.array([0, 0, -1, 1, 1])).tolist() == [2.0, 6.0]


def test_scan_by_hand():
    pairs = np.array([[0.0, 0], [1, 0], [10, 0], [11, 0], [100, 5]])
    found = scan([cut_region("a", pairs, 100)], np.array([0.5, 1.5, 2.0, 20.0]), [2])
    assert found.clusters[:, 0].tolist() == [0, 2, 2, 1]
    assert found.noise[:, 0].tolist() == pytest.approx([1, 0.2, 0.2, 0.2])
    assert found.largest[1:, 0].tolist() == [0.5, 0.5, 1.0]
    assert found.agreement[:, 0].tolist() == pytest.approx([0, 1, 0], abs=1e-9)


def test_levels_are_a_factor_of_two_apart_and_agree_in_number():
    def plateau(number, diameter, clusters, high):
        return Plateau(number, 1.0, high, 2.0, clusters, 0.1, diameter, 1.0)

    noisy, good, wide = plateau(3, 10.0, 60, 9.0), plateau(5, 11.0, 40, 3.0), plateau(10, 12.0, 41, 4.0)
    coarse = plateau(5, 40.0, 5, 2.0)
    assert find_levels([noisy, good, wide, coarse]) == [wide, coarse]


@pytest.mark.parametrize("numbers", [[], "3", [1], [2.5], None])
def test_wrong_numbers(numbers):
    with pytest.raises(ConfigError) as caught:
        suggest_scales([], numbers)
    assert caught.value.setting == "min_samples"
