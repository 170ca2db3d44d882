"""Ranges in training: changed units, precision and density are named, and what is like training is not."""

import json
from pathlib import Path

import numpy as np
import pytest

from builders.fovs import SITES, draw_points, write_tables
from locgraph.errors import DataError
from locgraph.trust.measures import Measures, measure_fovs
from locgraph.trust.ranges import Range, Ranges, describe_ranges, describe_unlike


def measured(
    folder: Path,
    n: int,
    seed: int,
    *,
    scale: float = 1.0,
    denser: int = 1,
    photons: float = 1.0,
    precision: float = 1.0,
) -> Measures:
    """Measures of FOVs of two classes, changed by factors."""
    rng = np.random.default_rng(seed)
    fovs = {
        f"fov_{index}": scale * draw_points(list(SITES.values())[index % 2], rng, n=denser * int(rng.integers(90, 130)))
        for index in range(n)
    }
    columns = {
        "photons": {name: photons * rng.uniform(800, 1200, len(points)) for name, points in fovs.items()},
        "precision": {name: precision * rng.uniform(5, 7, len(points)) for name, points in fovs.items()},
    }
    return measure_fovs(write_tables(folder, fovs, **columns), fovs)


@pytest.fixture(scope="module")
def ranges(tmp_path_factory) -> Ranges:
    return Ranges.fit(measured(tmp_path_factory.mktemp("training"), 60, 0))


def test_fovs_like_those_of_training_are_inside(ranges, tmp_path):
    assert ranges.check(measured(tmp_path, 60, 1)) == []


@pytest.mark.parametrize(
    ("changes", "named", "units"),
    [
        ({"photons": 1000.0}, {"photons"}, True),
        ({"precision": 20.0}, {"precision"}, True),
        ({"scale": 3.0}, {"extent", "density", "radius"}, False),
        ({"scale": 1000.0}, {"extent", "density", "radius"}, True),
        ({"denser": 20}, {"n_localisations", "n_clusters", "density"}, False),
    ],
)
def test_what_changed_is_named_in_every_fov(ranges, tmp_path, changes, named, units):
    entries = ranges.check(measured(tmp_path, 8, 1, **changes))

    assert {entry.feature for entry in entries} == named
    assert all(len([entry for entry in entries if entry.feature == name]) == 8 for name in named)
    sentences = describe_ranges(8, entries)
    assert len(sentences) == len(named)
    assert all(any(name in sentence for sentence in sentences) for name in named)
    assert any("other units?" in sentence for sentence in sentences) == units


def test_words_give_value_range_unit_and_fraction(ranges, tmp_path):
    extent, density, radius = ranges.check(measured(tmp_path, 1, 1, scale=100.0))

    assert extent.words().startswith("extent 4,")
    assert extent.words().endswith(" nm: other units?")
    assert "; training 3" in extent.words()
    assert density.words().endswith("1/nm^2")
    assert radius.words() == "radius lies outside the training range in 100% of clusters"


def test_few_clusters_outside_are_not_named(ranges, tmp_path):
    measures = measured(tmp_path, 2, 1)
    radius = measures.clusters["radius"].to_numpy().copy()
    radius[[0, -1]] = 1e4
    changed = Measures(measures.fovs, measures.clusters.with_columns(radius=radius), measures.units)
    assert ranges.check(changed) == []


def test_plain_values_are_json_and_make_it_again(ranges, tmp_path):
    again = Ranges.from_plain(json.loads(json.dumps(ranges.to_plain())))
    measures = measured(tmp_path, 4, 1, scale=3.0)
    assert again == ranges
    assert again.check(measures) == ranges.check(measures)


def test_one_training_fov_and_columns_that_are_absent_do(tmp_path):
    one = measured(tmp_path / "one", 1, 0)
    ranges = Ranges.fit(one)
    assert ranges.check(one) == []
    without = Measures(one.fovs.drop("photons"), one.clusters.drop("radius"), one.units)
    assert ranges.check(without) == []
    with pytest.raises(DataError, match="expected at least one training FOV"):
        Ranges.fit(measure_fovs(tmp_path, []))


@pytest.mark.parametrize(
    ("values", "inside", "outside"),
    [
        ([5.0, 5.0], [5.0, 4.5, 5.5, np.nan], [3.9, 6.3, np.inf]),
        ([1.0, 100.0], [0.3, 380.0], [0.2, 400.0]),
        ([-1.0, 1.0], [-1.4, 1.4], [-1.6, 1.6]),
        ([0.0, 0.0], [0.0], [0.1, -0.1]),
    ],
)
def test_limits_of_a_range(values, inside, outside):
    span = Range.fit(np.array(values), 0.25)
    assert not span.outside(np.array(inside)).any()
    assert span.outside(np.array(outside)).all()


def test_a_range_of_unknown_values_does_not_exist():
    assert Range.fit(np.array([np.nan, np.inf]), 0.1) is None


def test_warnings_name_fovs_with_reasons():
    assert describe_unlike(20, {}, 0.05) == ()
    assert describe_unlike(20, {"A": ["far"], "B": ["x", "y"]}, 0.05) == (
        "2 of 20 FOVs are unlike those of the training (of FOVs like them up to 5% would be called so): "
        "A (far); B (x; y)",
    )
    assert describe_unlike(1, {"A": ["far"]}, 0.1) == (
        "1 FOV is unlike those of the training (of FOVs like them up to 10% would be called so): A (far)",
    )
    (many,) = describe_unlike(9, {str(index): ["far"] for index in range(7)}, 0.05)
    assert many.endswith("4 (far); and 2 more")
