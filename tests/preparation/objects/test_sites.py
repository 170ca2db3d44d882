"""Sites: planted structures are found, and what cannot be one object is left out with the reason."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.objects.sites import Sites


def ring(x, y, radius=50.0, number=60):
    """A hollow structure."""
    angles = np.linspace(0, 2 * np.pi, number, endpoint=False)
    return np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])


def table(*parts):
    points = np.concatenate(parts)
    return pl.DataFrame(points, schema=["x", "y", "z"][: points.shape[1]], orient="row")


def by_name(objects):
    return {name: rows.tolist() for name, rows in objects}


BACKGROUND = np.array([[300.0, 300.0], [-400.0, 500.0], [10.0, 5.0], [1000.0, 3.0]])


def test_hollow_structures_are_one_site_each_numbered_by_place():
    finder = Sites(eps_nm=20, min_samples=3)
    objects = finder(table(ring(1000, 500), ring(0, 0), BACKGROUND, ring(0, 900)), 2, "cell")
    assert by_name(objects) == {"1": [*range(60, 120)], "2": [*range(124, 184)], "3": [*range(60)]}
    assert objects.counts["localisations in no object"] == 4


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(rng.uniform(0, 5000, 2), 15, (40, 2)) for _ in range(30)])
    order = rng.permutation(len(points))
    finder = Sites(30, 5, max_diameter_nm=150, gap_nm=100, crop_radius_nm=80, min_localisations=20)
    one, other = finder(table(points), 2, "cell"), finder(table(points[order]), 2, "cell")
    assert {name: sorted(rows.tolist()) for name, rows in one} == {n: sorted(order[rows].tolist()) for n, rows in other}
    assert dict(one.left_out) == dict(other.left_out)
    assert 5 < len(one) < 30


def test_what_is_too_small_too_large_or_too_sparse_is_left_out():
    finder = Sites(20, 3, min_diameter_nm=80, max_diameter_nm=150, min_localisations=10)
    objects = finder(
        table(ring(0, 0), ring(500, 0, radius=20), ring(1000, 0), ring(1090, 0), ring(2000, 0, 5, 8)), 2, "cell"
    )
    assert by_name(objects) == {"1": [*range(60)]}
    assert objects.left_out == {
        "2": "smaller than 80 nm",
        "3": "larger than 150 nm",  # two that touch
        "4": "fewer than 10 localisations",
    }


def test_sites_close_to_another_are_left_out_both():
    points = table(ring(0, 0), ring(150, 0), ring(500, 0), ring(590, 0, 5, 8))
    assert len(Sites(20, 3)(points, 2, "cell")) == 4
    objects = Sites(20, 3, gap_nm=51, min_localisations=10)(points, 2, "cell")
    assert list(by_name(objects)) == ["3"]  # the clump beside it is background, not another site
    assert {objects.left_out[name] for name in ("1", "2")} == {"within 51 nm of another site"}
    assert list(by_name(Sites(20, 3, gap_nm=49, min_localisations=10)(points, 2, "cell"))) == ["1", "2", "3"]


def test_a_crop_holds_the_background_too():
    points = table(ring(0, 0), BACKGROUND, [[0.0, 79.0], [57.0, 57.0]])
    objects = Sites(20, 3, crop_radius_nm=80)(points, 2, "cell")
    assert by_name(objects) == {"1": [*range(60), 62, 64]}


def test_crops_that_hold_something_of_another_site_are_left_out():
    overlap = Sites(20, 3, crop_radius_nm=80)(table(ring(0, 0), ring(159, 0), ring(500, 0)), 2, "cell")
    assert list(by_name(overlap)) == ["3"]
    assert overlap.left_out["1"] == "a circle of 80 nm overlaps that of another site"
    bar = np.column_stack([np.full(200, 75.0), np.arange(200) * 10.0 - 100])  # its middle is far away
    intruded = Sites(20, 3, crop_radius_nm=80)(table(ring(0, 0), bar), 2, "cell")
    assert intruded.left_out["1"] == "a circle of 80 nm holds localisations of another site"


def test_a_crop_has_limits_of_its_own():
    points = table(ring(0, 0), ring(500, 0), [[500.0, 0.0]])
    objects = Sites(20, 3, crop_radius_nm=60, max_localisations=60)(points, 2, "cell")
    assert list(by_name(objects)) == ["1"]
    assert objects.left_out == {"2": "more than 60 localisations"}


def test_sites_above_each_other_are_apart_in_3d():
    flat = ring(0, 0)
    points = np.vstack([np.column_stack([flat, np.full(60, z)]) for z in (0.0, 100.0)])
    assert list(by_name(Sites(20, 3)(table(points), 3, "cell"))) == ["1", "2"]
    overlap = Sites(20, 3, crop_radius_nm=60)(table(points), 3, "cell")
    assert len(overlap) == 0
    assert len(overlap.left_out) == 2


def test_nothing_dense_gives_no_object():
    assert len(Sites(20, 3)(table(BACKGROUND), 2, "cell")) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eps_nm": 0}, "eps_nm"),
        ({"min_samples": 0}, "min_samples"),
        ({"min_diameter_nm": 100, "max_diameter_nm": 100}, "max_diameter_nm: expected more than min_diameter_nm = 100"),
        ({"gap_nm": 20}, "gap_nm: expected more than eps_nm = 20"),
        ({"crop_radius_nm": -1}, "crop_radius_nm"),
    ],
)
def test_wrong_settings(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Sites(**{"eps_nm": 20, "min_samples": 3} | arguments)
