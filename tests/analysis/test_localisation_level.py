"""Features of localisations, against plain loops."""

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.localisation_level import LocalisationSettings, crowding, localisation_level, measure
from locgraph.errors import ConfigError
from locgraph.io.featextracted import ExtractedFov

FOVS = pl.DataFrame({"fov_id": ["a", "b"], "label": ["T", "L"], "group": [None, None]})


def extracted(fov_id="a", n=40, dimensions=2, **columns):
    rng = np.random.default_rng(n)
    places = dict(zip("xyz", 1e9 + 100 * rng.random((dimensions, n)), strict=False))
    locs = pl.DataFrame({"view": 0, "cluster_id": np.sort(np.arange(n) % 4)} | places | columns)
    return ExtractedFov(fov_id, locs, pl.DataFrame(), dimensions, None, (), None)


def points(fov):
    return fov.locs.select("x", "y", "z"[: fov.dimensions - 2] or pl.lit(0.0).alias("flat")).to_numpy()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_crowding_is_that_of_all_pairs(dimensions):
    fov = extracted(dimensions=dimensions)
    where = points(fov)
    distances = np.linalg.norm(where[:, None] - where, axis=2)
    np.fill_diagonal(distances, np.inf)

    values, units = measure(fov, LocalisationSettings(radius_nm=20.0))

    np.testing.assert_allclose(values["nearest_neighbour_distance"], distances.min(axis=1), atol=1e-6)
    size = np.pi * 400 if dimensions == 2 else np.pi * 32000 / 3
    np.testing.assert_allclose(values["local_density"], (distances <= 20).sum(axis=1) / size)
    assert units == {"nearest_neighbour_distance": "nm", "local_density": f"1/nm^{dimensions}"}


def test_a_sample_has_neighbours_among_all_and_depends_on_seed_and_fov():
    where = np.random.default_rng(0).random((500, 2)) * 100
    all_nearest, all_density = crowding(where, LocalisationSettings(), "a")
    few = LocalisationSettings(sample=100)

    nearest, density = crowding(where, few, "a")

    assert len(nearest) == len(density) == 100
    assert set(nearest.round(9)) <= set(all_nearest.round(9))
    assert set(density.round(9)) <= set(all_density.round(9))
    assert np.array_equal(crowding(where, few, "a")[0], nearest)
    assert not np.array_equal(crowding(where, few, "b")[0], nearest)


def test_each_fov_has_quantiles_with_units_and_warnings():
    photons = np.arange(40.0)
    fovs = [extracted(photons=photons, precision=photons / 10), extracted("b", 8, photons=np.full(8, 7.0))]

    found = localisation_level(fovs, FOVS, LocalisationSettings(quantiles=(0.25, 0.5)))

    assert found.table["n_localisations"].to_list() == [40, 8]
    assert found.table["q25_photons"].to_list() == [np.quantile(photons, 0.25), 7.0]
    assert found.table["q50_precision"].to_list() == [pytest.approx(1.95), None]
    assert found.units["q50_photons"] == "photons"
    assert found.units["q25_precision"] == "nm"
    assert found.table["label"].to_list() == ["T", "L"]
    assert found.warnings == (
        "no FOV has the column sigma: it is not compared",
        "no FOV has the column background: it is not compared",
        "no FOV has the column frame: blinking is not compared",
        "q25_precision has no value in 1 of 2 rows",
        "q50_precision has no value in 1 of 2 rows",
    )


def test_blinking_is_measured_by_cluster():
    # cluster 0: frames 0, 1 and 5; cluster 1: frame 3 alone
    locs = pl.DataFrame(
        {
            "cluster_id": [0, 0, 0, 1],
            "x": [0.0, 1.0, 2.0, 9.0],
            "y": 0.0,
            "frame": [0, 1, 5, 3],
            "n_frames": [1, 1, 4, 1],
        }
    )
    fov = ExtractedFov("a", locs.drop("n_frames"), pl.DataFrame(), 2, None, (), None)
    merged = ExtractedFov("a", locs, pl.DataFrame(), 2, None, (), None)

    values, units = measure(fov, LocalisationSettings())

    assert values["blinking_events"].tolist() == [2, 1]
    assert values["on_time_mean"].tolist() == [1.5, 1]
    assert values["dark_time_mean"].tolist() == [3, 0]
    assert units["on_time_mean"] == "frames"
    assert measure(merged, LocalisationSettings())[0]["on_time_mean"].tolist() == [3, 1]
    assert measure(fov, LocalisationSettings(dark_tolerance=3))[0]["blinking_events"].tolist() == [1, 1]
    found = localisation_level([fov], FOVS, LocalisationSettings(quantiles=(1.0,)))
    assert found.table["q100_dark_time_mean"].to_list() == [3]


def test_without_fovs_the_table_has_its_columns():
    found = localisation_level([], FOVS)

    assert found.table.is_empty()
    assert found.columns == ("n_localisations",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quantiles": (2,)}, "^quantiles: expected numbers from 0 to 1"),
        ({"quantiles": ()}, "^quantiles: expected at least one"),
        ({"radius_nm": 0}, "^radius_nm: expected a length above 0"),
        ({"dark_tolerance": -1}, "^dark_tolerance: "),
        ({"sample": 0}, "^sample: "),
        ({"seed": None}, "^seed: "),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        LocalisationSettings(**settings)
