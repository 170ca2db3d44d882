"""Embeddings, groups, covariates and factors read from files; what cannot be compared is refused by name."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from builders.fovs import write_tables
from locgraph.analysis.representations.benchmark import (
    BenchmarkSettings,
    check_outliers,
    choose_rows,
    control_scores,
    scaled,
    vector_scores,
)
from locgraph.analysis.representations.embeddings import align_units, embeddings_of, read_embeddings
from locgraph.analysis.representations.units import read_clouds, read_factors, read_units
from locgraph.errors import ConfigError, DataError
from locgraph.io.featextracted import read_fov, write_fov

RNG = np.random.default_rng(0)
POINTS = {f"f{index}": RNG.normal(size=(20 + 10 * index, 2)) * (10 + index) for index in range(4)}


@pytest.fixture
def tables(tmp_path):
    """Tables of four FOVs of 20 to 50 localisations, clusters of ten, precision 1 to 4 nm."""
    precision = {name: np.full(len(points), 1.0 + place) for place, (name, points) in enumerate(POINTS.items())}
    return write_tables(tmp_path / "tables", POINTS, precision=precision)


def embedded(fov_ids, folder, name="one", **columns):
    n = len(fov_ids)
    vectors = {f"v_{i}": RNG.normal(size=n) for i in range(3)}
    return embeddings_of(pl.DataFrame({"fov_id": fov_ids, **vectors, **columns}), name, folder, {})


def test_covariates_of_fovs_are_measured(tables, tmp_path):
    units = read_units(embedded(list(POINTS), tmp_path), tables, None)
    size = np.array([np.sqrt(points.var(axis=0).sum()) for points in POINTS.values()])

    np.testing.assert_allclose(units.covariates["count"], [20, 30, 40, 50])
    np.testing.assert_allclose(units.covariates["size"], size)
    np.testing.assert_allclose(units.covariates["density"], [20, 30, 40, 50] / size**2)
    np.testing.assert_allclose(units.covariates["precision"], [1, 2, 3, 4])
    assert units.owners.tolist() == list(POINTS)
    assert units.groups is None


def test_covariates_and_clouds_of_clusters_are_those_of_their_localisations(tables, tmp_path):
    keys = {"fov_id": ["f1", "f0", "f0"], "cluster_id": [2, 1, 0]}
    clusters = embeddings_of(pl.DataFrame({**keys, "v_0": [1.0, 2, 3]}), "c", tmp_path, {})
    units = read_units(clusters, tables, None)
    clouds, extents = read_clouds(clusters.keys, tables)

    assert clusters.unit == "cluster"
    assert clusters.vectors[:, 0].tolist() == [3.0, 2.0, 1.0]
    assert units.owners.tolist() == ["f0", "f0", "f1"]
    expected = POINTS["f0"][10:20] - POINTS["f0"][10:20].mean(axis=0)
    np.testing.assert_allclose(clouds[1], expected)
    np.testing.assert_allclose(units.covariates["size"][1], np.sqrt((expected**2).sum(axis=1).mean()))
    np.testing.assert_allclose(extents[0], np.sqrt(POINTS["f0"].var(axis=0).sum()))


def test_groups_and_parents_are_what_folds_keep_together(tables, tmp_path):
    for name, parent, group in (("f0", "a", None), ("f1", "a", None), ("f2", None, None), ("f3", None, None)):
        write_fov(tables, replace(read_fov(tables, name), parent=parent, group=group))
    assert read_units(embedded(list(POINTS), tmp_path), tables, None).owners.tolist() == ["a", "a", "f2", "f3"]

    for name, group in (("f0", "p"), ("f1", "p"), ("f2", "p"), ("f3", "q")):
        write_fov(tables, replace(read_fov(tables, name), group=group))
    units = read_units(embedded(list(POINTS), tmp_path), tables, None)
    assert units.owners.tolist() == units.groups.tolist() == ["p", "p", "p", "q"]
    assert units.fovs.tolist() == ["a", "a", "f2", "f3"]


def test_fovs_that_the_tables_lack_are_named(tables, tmp_path):
    with pytest.raises(DataError, match=r"^tables: .*found none of the name other; give the folder of their tables"):
        read_units(embedded(["f0", "other"], tmp_path), tables, None)


def test_factors_are_joined_by_name(tables, tmp_path):
    keys = embedded(list(POINTS), tmp_path).keys
    path = tmp_path / "truth.csv"
    path.write_text("fov_id,radius_nm,shape\nf3,4.5,ring\nf1,2.5,ring\n")
    found = read_factors(keys, path)

    assert list(found) == ["radius_nm"]
    np.testing.assert_array_equal(found["radius_nm"], [np.nan, 2.5, np.nan, 4.5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fov_id,radius_nm\nz,4.5\n", r"^factors: .*expected factors of FOVs such as f0, found such as z"),
        ("fov_id,shape\nf0,ring\n", r"^factors: .*expected fov_id and columns of numbers, found fov_id, shape"),
        ("name,radius\nf0,3\n", r"^factors: .*expected fov_id and columns of numbers, found name, radius"),
        ("fov_id,radius\nf0,3\nf0,4\n", r"^factors: .*expected one row for each fov_id, found several"),
        (None, r"^factors: no such file"),
    ],
)
def test_factors_that_do_not_fit_are_refused(tables, tmp_path, text, message):
    path = tmp_path / "truth.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_factors(embedded(list(POINTS), tmp_path).keys, path)


def test_missing_values_count_as_the_mean_and_are_reported(tmp_path):
    table = pl.DataFrame({"fov_id": ["a", "b", "c"], "v_0": [1.0, None, 3.0], "v_1": [None] * 3, "v_2": [1.0, 2, 3]})
    found = embeddings_of(table.cast({"v_1": pl.Float64}), "x", tmp_path, {})

    np.testing.assert_array_equal(found.vectors, [[1, 1], [2, 2], [3, 3]])
    assert found.notes[0].startswith("4 of 9 values are missing and count as the mean of their column; 1 columns")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"fov_id": ["a", "b"], "v_0": [1.0, float("inf")]}, "infinite values in 1 units, such as b"),
        ({"fov_id": ["a", "b"], "v_0": [1.0, float("nan")]}, "no value at all in 1 units, such as b"),
        ({"fov_id": ["a", "a"], "v_0": [1.0, 2.0]}, "expected each unit once, found several of a"),
        (
            {"fov_id": ["a", "b"], "x": [1.0, 2.0]},
            r"expected rows with fov_id and v_0, .* 2 rows with fov_id, x",
        ),
    ],
)
def test_embeddings_that_cannot_be_used_are_refused(tmp_path, columns, message):
    pl.DataFrame(columns).write_parquet(tmp_path / "embeddings.parquet")
    with pytest.raises(DataError, match=message):
        read_embeddings(tmp_path, "x")


def test_no_embeddings_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"embeddings.parquet: no such file"):
        read_embeddings(tmp_path, "x")


def test_different_units_and_classes_are_named(tmp_path):
    first = embedded(["a", "b", "c"], tmp_path, "first")
    with pytest.raises(DataError, match=r"1 are in first .* alone, such as c; 1 are in second .* alone, such as d"):
        align_units([first, embedded(["a", "b", "d"], tmp_path, "second")])
    clusters = embedded(["a", "b", "c"], tmp_path, "clusters", cluster_id=[0, 0, 0])
    with pytest.raises(DataError, match=r"found fovs in first .* and clusters in clusters"):
        align_units([first, clusters])
    labelled = embedded(["a", "b", "c"], tmp_path, "second", label=["x", "y", None])
    other = embedded(["a", "b", "c"], tmp_path, "third", label=["x", "z", "z"])
    with pytest.raises(DataError, match="found 'y' in second and 'z' in third for b"):
        align_units([first, labelled, other])
    assert [each.labels.tolist() for each in align_units([first, labelled])] == [["x", "y", None]] * 2


def test_hand_made_features_are_standardised_for_distances(tmp_path):
    table = pl.DataFrame({"fov_id": ["a", "b", "c"], "v_0": [1.0, 2, 3], "v_1": [1e6, 3e6, 2e6], "v_2": [1.0, 1, 1]})
    hand_made = embeddings_of(table, "x", tmp_path, {"model": "hand_made"})
    learned = embeddings_of(table, "x", tmp_path, {})

    np.testing.assert_allclose(scaled(hand_made, "auto").std(axis=0), [1.0, 1.0])
    np.testing.assert_array_equal(scaled(learned, "auto"), learned.vectors)
    np.testing.assert_array_equal(scaled(hand_made, "raw"), hand_made.vectors)


def test_without_classes_everything_else_is_measured(tables, tmp_path):
    points = {f"u{index:02}": RNG.normal(size=(20, 2)) for index in range(24)}
    folder = write_tables(tmp_path / "more", points)
    found = embedded(list(points), tmp_path)
    units = read_units(found, folder, None)
    scores = {each.metric: each for each in vector_scores(found, units, BenchmarkSettings(), None)}

    assert scores["top_1"].reason == scores["balanced_accuracy"].reason == "no unit has a class"
    assert scores["dimension_two_nn"].value is not None
    assert "met none of the units" in scores["unseen_top_1"].reason
    assert scores["outliers_unsupervised"].reason == "no unit has a class"
    assert "probe_r2" in scores
    assert control_scores(found, units, BenchmarkSettings()) == {}


def test_one_unit_has_a_reason_for_every_number(tables, tmp_path):
    found = embedded(["f0"], tmp_path, label=["a"])
    scores = vector_scores(found, read_units(found, tables, None), BenchmarkSettings(), None)
    assert all(each.value is None and each.reason for each in scores)


def test_settings_are_checked():
    with pytest.raises(ConfigError, match=r"^n_folds: expected a whole number of at least 2, found 1"):
        BenchmarkSettings(n_folds=1)
    with pytest.raises(ConfigError, match=r"^distances: expected one of auto, raw, standardised, found 'cosine'"):
        BenchmarkSettings(distances="cosine")
    with pytest.raises(ConfigError, match=r"^outliers: expected a list of classes, found 'a'"):
        BenchmarkSettings(outliers="a")
    with pytest.raises(ConfigError, match=r"^outliers: expected classes of the units \(a\), found z"):
        check_outliers(BenchmarkSettings(outliers=("z",)), np.array(["a", None], dtype=object))
    assert len(choose_rows(10, 4, 0)) == 4
