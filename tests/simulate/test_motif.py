"""Motifs: arrangements of clusters, planted once and recognised by their distances."""

import json
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import ks_2samp, kstest

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.preparation.clustering.dbscan import DBSCAN
from locgraph.run_folder import SIMULATION_RECORD as RECORD
from locgraph.simulate.dataset import simulate_dataset
from locgraph.simulate.motif import MOTIF, NAMED, OTHER, Motif, completes, read_arrangement, signature

CLASSES = {"square": "square", "row": "row", "none": None}


def rng(seed=0):
    return np.random.default_rng(seed)


def drawn(class_name, n, **settings):
    motif = Motif(CLASSES, **settings)
    return [motif.draw_clusters(class_name, rng(seed)) for seed in range(n)]


def tables(class_name, n, **settings):
    motif = Motif(CLASSES, **settings)
    return [motif.simulate_fov(class_name, rng(seed)) for seed in range(n)]


def looks_like(points, wanted, tolerance):
    """Whether any set of the points has the distances of an arrangement: over all sets, one by one."""
    size = len(wanted)
    return [
        chosen
        for chosen in combinations(range(len(points)), size)
        if np.abs(np.sort(pdist(points[list(chosen)])) - np.sort(pdist(wanted))).max() <= tolerance
    ]


def turned(places, degrees):
    angle = np.deg2rad(degrees)
    return places @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("name", NAMED)
def test_neighbours_of_a_named_arrangement_are_as_far_apart_as_asked(name):
    places = read_arrangement(name, 70.0, "classes.a")
    assert pdist(places).min() == pytest.approx(70.0)
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=1e-12)


def test_named_arrangements_differ():
    signatures = [signature(read_arrangement(name, 1.0, "classes.a")) for name in NAMED]
    for index, own in enumerate(signatures):
        assert not any(len(own) == len(other) and np.allclose(own, other) for other in signatures[:index])


def test_coordinates_are_taken_as_they_are():
    places = read_arrangement([[10, 0], [50, 0], [30, 60]], 1.0, "classes.a")
    np.testing.assert_allclose(places, [[-20, -20], [20, -20], [0, 40]])


def test_none_is_no_cluster():
    assert read_arrangement(None, 1.0, "classes.a").shape == (0, 2)


def test_a_signature_says_nothing_of_the_pose():
    places = read_arrangement("zigzag", 100.0, "classes.a")
    np.testing.assert_allclose(signature(turned(places, 33) - np.array([500, -20])), signature(places))
    np.testing.assert_allclose(signature(places[[2, 0, 3, 1]]), signature(places))
    np.testing.assert_allclose(signature(np.array([[0, 0], [3, 0], [0, 4]])), [3, 4, 5])


def test_the_missing_corner_completes_a_square():
    places = turned(read_arrangement("square", 100.0, "classes.a"), 20) + 300
    others = np.concatenate([places[:3], [[0.0, 0.0], [900.0, 900.0]]])
    wanted = [signature(read_arrangement(name, 100.0, "classes.a")) for name in ("row", "square")]
    assert completes(places[3], others, wanted, 1e-6)
    assert completes(places[3] + np.array([5, 0]), others, wanted, 10.0)
    assert not completes(places[3] + np.array([15, 0]), others, wanted, 10.0)
    assert not completes(places[3], others, wanted[:1], 1e-6)
    assert not completes(places[3], others[1:], wanted, 1e-6)


def test_too_few_others_complete_nothing():
    wanted = [signature(read_arrangement("square", 100.0, "classes.a"))]
    assert not completes(np.zeros(2), np.empty((0, 2)), wanted, 1e3)
    assert not completes(np.zeros(2), np.ones((2, 2)), wanted, 1e3)
    assert not completes(np.zeros(2), np.ones((5, 2)), [], 1e3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("blob", "classes.a: expected one of pair, .*found 'blob'"),
        ([[0, 0]], r"classes\.a: expected different \[x, y\]"),
        ([[0, 0], [0, 0]], r"classes\.a: expected different"),
        ([[0, 0, 0], [1, 1, 1]], r"classes\.a: expected different"),
        ([[0, 0], ["a", 1]], r"classes\.a: expected a template's name"),
    ],
)
def test_what_is_no_arrangement_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        read_arrangement(given, 100.0, "classes.a")


@pytest.mark.parametrize("name", ["square", "row"])
def test_the_motif_is_the_arrangement_in_another_pose(name):
    motif = Motif(CLASSES, jitter_nm=0)
    for seed in range(10):
        centres, in_motif = motif.draw_clusters(name, rng(seed))
        assert in_motif.tolist() == [True] * 4 + [False] * (len(centres) - 4)
        np.testing.assert_allclose(pdist(centres[in_motif]), pdist(motif.arrangements[name]))


def test_without_a_motif_no_cluster_is_of_it():
    for centres, in_motif in drawn("none", 5):
        assert len(centres) == len(in_motif)
        assert not in_motif.any()


def test_poses_are_at_random():
    motif, draws = Motif(CLASSES, jitter_nm=0, size_nm=20), rng()
    planted = np.array([motif.draw_clusters("row", draws)[0][:4] for _ in range(400)])
    along = planted[:, 3] - planted[:, 0]
    assert kstest(np.arctan2(along[:, 1], along[:, 0]) / (2 * np.pi) + 0.5, "uniform").pvalue > 0.01
    for axis in range(2):
        assert kstest(planted[:, :, axis].mean(axis=1), "uniform", (0, 1000)).pvalue > 0.01


def test_jitter_has_the_standard_deviation_that_was_asked_for():
    motif = Motif({"one": [[0, 0], [600, 0]]}, jitter_nm=5)
    length = [np.linalg.norm(np.subtract(*motif.draw_clusters("one", rng(seed))[0][:2])) for seed in range(500)]
    assert np.mean(length) == pytest.approx(600, abs=1)
    assert np.std(length) == pytest.approx(5 * np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("name", CLASSES)
def test_clusters_keep_their_distance_and_stay_in_the_field(name):
    for centres, in_motif in drawn(name, 10, gap_nm=110, jitter_nm=0):
        apart = np.linalg.norm(centres[:, None] - centres, axis=2)
        np.fill_diagonal(apart, np.inf)
        assert apart[~in_motif].min() >= 110
        assert centres.min() >= 0
        assert centres.max() <= 1000


@pytest.mark.parametrize("name", CLASSES)
def test_no_other_clusters_come_near_a_motif(name):
    motif = Motif(CLASSES, clusters_per_fov=[14, 14])
    for seed in range(4):
        centres, _ = motif.draw_clusters(name, rng(seed))
        for other in ("square", "row"):
            matches = looks_like(centres, motif.arrangements[other], motif.tolerance_nm)
            assert matches == ([(0, 1, 2, 3)] if other == name else [])


@pytest.mark.parametrize(("tolerance_nm", "expected"), [(0, True), (25, False)])
def test_without_the_check_they_would(tolerance_nm, expected):
    """So that the test above is one: among many clusters there is a triangle, unless it is refused."""
    motif = Motif({"triangle": "triangle", "none": None}, clusters_per_fov=[20, 20], tolerance_nm=tolerance_nm)
    clouds = [motif.draw_clusters("none", rng(seed))[0] for seed in range(10)]
    assert any(looks_like(cloud, motif.arrangements["triangle"], 25.0) for cloud in clouds) == expected


def test_each_localisation_says_what_it_came_from():
    motif = Motif(CLASSES, cluster_width_nm=5)
    for name in CLASSES:
        centres, in_motif = motif.draw_clusters(name, rng(3))
        table = motif.simulate_fov(name, rng(3))
        signal = table.filter(pl.col(schema.SITE) >= 0)
        points, site = signal.select("x", "y").to_numpy(), signal[schema.SITE].to_numpy()
        nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
        np.testing.assert_array_equal(nearest, site)
        np.testing.assert_array_equal(signal[schema.LOC_LABEL], np.where(in_motif[site], MOTIF, OTHER))
        background = table.filter(pl.col(schema.SITE) < 0)
        assert background.height > 0
        assert background[schema.LOC_LABEL].unique().to_list() == [OTHER]


def test_clusters_have_the_width_and_number_that_were_asked_for():
    (table,) = tables("none", 1, clusters_per_fov=[20, 20], localisations_per_cluster=500, cluster_width_nm=12)
    signal = table.filter(pl.col(schema.SITE) >= 0)
    spread = signal.group_by(schema.SITE).agg(pl.col("x", "y").std(), pl.len())
    precision = np.sqrt((signal[schema.PRECISION] ** 2).mean())
    assert spread.select("x", "y").to_numpy().mean() == pytest.approx(np.hypot(12, precision), rel=0.02)
    assert spread["len"].mean() == pytest.approx(500, rel=0.03)
    assert spread["len"].std() == pytest.approx(np.sqrt(500), rel=0.5)


def test_nothing_but_the_arrangement_tells_classes_apart():
    """Numbers of localisations and clusters, sizes of clusters: alike in all classes, and in the motif and outside."""
    fovs = {name: tables(name, 150) for name in CLASSES}
    signal = {k: [t.filter(pl.col(schema.SITE) >= 0) for t in v] for k, v in fovs.items()}
    numbers = {k: [t.height for t in v] for k, v in fovs.items()}
    clusters = {k: [t[schema.SITE].n_unique() for t in v] for k, v in signal.items()}
    for first, second in combinations(CLASSES, 2):
        assert ks_2samp(numbers[first], numbers[second]).pvalue > 0.01
        assert ks_2samp(clusters[first], clusters[second]).pvalue > 0.01
    one_by_one = pl.concat(
        t.group_by(schema.SITE).agg(pl.len(), pl.col("x").std(), pl.col(schema.LOC_LABEL).first())
        for t in signal["square"]
    )
    within, outside = (one_by_one.filter(pl.col(schema.LOC_LABEL) == kind) for kind in (MOTIF, OTHER))
    assert ks_2samp(within["len"], outside["len"]).pvalue > 0.01
    assert ks_2samp(within["x"], outside["x"]).pvalue > 0.01


@pytest.mark.parametrize("name", CLASSES)
def test_the_truth_survives_clustering(name):
    """With the clusterer of experiment=motif each cluster is found, and most of its localisations agree on it."""
    motif, cluster = Motif(CLASSES), DBSCAN(eps_nm=20.0, min_samples=5)
    for seed in range(20):
        centres, in_motif = motif.draw_clusters(name, rng(seed))
        table = motif.simulate_fov(name, rng(seed))
        labels = cluster(table.select("x", "y").to_numpy(), seed=0)
        share = (
            table.with_columns(cluster_id=pl.Series(labels))
            .filter(pl.col("cluster_id") >= 0)
            .group_by("cluster_id")
            .agg(pl.col(schema.LOC_LABEL).mean())
        )[schema.LOC_LABEL]
        assert len(share) == len(centres)
        assert sorted(share > 0.5) == sorted(in_motif)
        assert ((share < 0.1) | (share > 0.9)).all()


def test_rows_are_sorted_by_frame_and_typed():
    (table,) = tables("row", 1)
    assert table[schema.FRAME].is_sorted()
    known = schema.LOCALISATION_COLUMNS
    assert [known[name].dtype for name in table.columns] == table.dtypes
    assert {"x", "y", "frame", "photons", "precision", "site", "loc_label"} <= set(table.columns)


def test_the_same_generator_gives_the_same_fov():
    motif = Motif(CLASSES)
    assert motif.simulate_fov("row", rng(1)).equals(motif.simulate_fov("row", rng(1)))
    assert not motif.simulate_fov("row", rng(1)).equals(motif.simulate_fov("row", rng(2)))


def test_files_say_that_their_label_is_of_the_fov(tmp_path):
    motif = Motif(CLASSES)
    paths = simulate_dataset(tmp_path, motif, 1, seed=0)
    assert [path.name for path in paths] == ["square_000.parquet", "row_000.parquet", "none_000.parquet"]
    metadata = pl.read_parquet_metadata(paths[1])
    assert metadata[schema.META_LABEL_SCOPE] == schema.LABEL_OF_FOV
    assert json.loads(metadata[schema.META_LABEL_MAP]) == {"0": "square", "1": "row", "2": "none"}
    record = json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))
    assert record["settings"]["motif"] == motif.settings()


def test_settings_are_those_that_draw():
    assert Motif(CLASSES).settings() == Motif(CLASSES, field_nm=1000, clusters_per_fov=(5, 18)).settings()
    for change in ({"size_nm": 90}, {"gap_nm": 90}, {"jitter_nm": 1}, {"clusters_per_fov": [12, 13]}):
        assert Motif(CLASSES).settings() != Motif(CLASSES, **change).settings()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": []}, r"classes: expected at least one class"),
        ({"classes": ["circle"]}, r"classes\.circle: expected one of pair, line, .*found 'circle'"),
        ({"size_nm": 0}, "size_nm: expected a number above 0"),
        ({"clusters_per_fov": [18, 12]}, r"clusters_per_fov\[1\]: expected a whole number of at least 18"),
        ({"clusters_per_fov": 12}, "clusters_per_fov: expected two whole numbers"),
        ({"clusters_per_fov": [3, 12]}, "class 'square' has 4 clusters, more than the least number of a FOV, 3"),
        ({"cluster_width_nm": -1}, "cluster_width_nm: expected a number at least 0"),
        ({"localisations_per_cluster": 0}, "localisations_per_cluster: expected a number above 0"),
        ({"background_localisations": -1}, "background_localisations"),
        ({"field_nm": 250}, "the motif of class 'row', 300 nm across, does not fit in a field of 250 nm"),
        ({"gap_nm": 400}, r"18 clusters 400 nm apart that form no motif do not fit in a field of 1000 nm"),
        ({"classes": ["square", "row"], "tolerance_nm": 200}, "classes: .*'square' and 'row'"),
        ({"classes": {"a": None, "b": None}}, "classes: .*'a' and 'b'"),
        ({"jitter_nm": float("nan")}, "jitter_nm"),
    ],
)
def test_settings_that_cannot_work_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Motif(**{"classes": CLASSES, **arguments})


def test_no_such_class():
    with pytest.raises(ConfigError, match="class_name: expected one of square, row, none; found 'ring'"):
        Motif(CLASSES).draw_clusters("ring", rng())


def test_the_number_of_clusters_is_a_factor():
    motif = Motif({"row": "row", "none": None})

    assert motif.draw_factors("row", rng(7)) == {"n_clusters": len(motif.draw_clusters("row", rng(7))[0])}
