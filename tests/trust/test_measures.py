"""Measures of FOVs: known answers, invariances, and what the tables lack."""

import numpy as np
import polars as pl
import pytest

from builders.fovs import SITES, draw_points, write_tables
from locgraph.trust.measures import MAX_CLUSTERS, SHAPE, measure_fovs, measure_positions


def lattice(n: int) -> np.ndarray:
    """A square lattice of n x n points, 10 nm apart."""
    return np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2) * 10.0


def test_measures_of_a_lattice_are_known():
    measures = measure_positions(lattice(20))
    mean_square = 2 * 100.0 * (20**2 - 1) / 12

    assert measures["n_localisations"] == 400
    assert measures["extent"] == pytest.approx(np.sqrt(mean_square))
    assert measures["density"] == pytest.approx(400 / mean_square)
    assert measures["elongation"] == pytest.approx(1.0)
    assert measures["spacing_1"] == pytest.approx(10.0)
    assert measures["spread_1"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_pose_changes_nothing_and_scale_only_lengths(dimensions):
    rng = np.random.default_rng(1)
    points = rng.normal(size=(80, dimensions)) * [5.0, 20.0, 9.0][:dimensions]
    turn = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
    measures, posed, larger = (measure_positions(each) for each in (points, points @ turn + 1e4, 3.0 * points))

    assert posed == pytest.approx(measures, rel=1e-6)
    lengths = {name: 3.0 for name in measures if name.startswith(("extent", "spacing"))}
    factors = lengths | {"density": 3.0**-dimensions}
    assert larger == pytest.approx({name: value * factors.get(name, 1.0) for name, value in measures.items()})


def test_many_localisations_are_measured_by_a_sample():
    points = np.random.default_rng(0).random((20_000, 2)) * 1000.0
    spacing = measure_positions(points)["spacing_1"]
    # pi d^2 / (area for each point) is exponential for a Poisson process
    exact = np.exp(-(np.euler_gamma + np.log(np.pi * 0.02)) / 2)
    assert spacing == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.zeros((1, 2)), np.ones((5, 2))])
def test_a_single_place_has_no_shape(points):
    assert measure_positions(points) == {"n_localisations": len(points), "extent": 0.0}


def test_two_localisations_have_finite_measures():
    measures = measure_positions(np.array([[0.0, 0.0], [0.0, 4.0]]))
    assert measures["spacing_16"] == pytest.approx(4.0)
    assert all(np.isfinite(value) for value in measures.values())


def test_tables_are_measured_without_noise_and_other_views(tmp_path):
    rng = np.random.default_rng(0)
    fovs = {"a": draw_points(SITES["square"], rng), "b": draw_points(SITES["bar"], rng)}
    photons = {name: np.full(len(points), 900.0) for name, points in fovs.items()}
    measures = measure_fovs(write_tables(tmp_path, fovs, photons=photons), ["b", "a"])

    assert measures.fovs["fov_id"].to_list() == ["b", "a"]
    assert measures.fovs["photons"].to_list() == [900.0, 900.0]
    assert measures.fovs["precision"].to_list() == [None, None]
    expected = measure_positions(fovs["b"])
    row = measures.fovs.row(0, named=True)
    assert {name: row[name] for name in SHAPE if name in expected} == pytest.approx(
        {name: expected[name] for name in SHAPE if name in expected}
    )
    assert set(measures.clusters.columns) == {"fov_id", "count", "radius"}
    assert measures.units["extent"] == "nm"
    assert measures.units["density"] == "1/nm^2"
    assert measures.select(["a"]).fovs["fov_id"].to_list() == ["a"]
    assert measures.select(["a"]).clusters["fov_id"].unique().to_list() == ["a"]


def test_of_many_clusters_some_stand_for_all(tmp_path):
    points = np.random.default_rng(0).normal(size=(10 * MAX_CLUSTERS + 500, 2))
    measures = measure_fovs(write_tables(tmp_path, {"a": points}), ["a"])
    assert measures.clusters.height == MAX_CLUSTERS
    assert measures.fovs["n_clusters"][0] == MAX_CLUSTERS + 50


def test_no_fov_gives_empty_tables(tmp_path):
    measures = measure_fovs(tmp_path, [])
    assert measures.fovs.height == measures.clusters.height == 0
    assert measures.fovs.schema["extent"] == pl.Float64
