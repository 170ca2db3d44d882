"""The map of units and the units that have a picture on it."""

import numpy as np
import pytest

from locgraph.analysis.representations.exploring import maps
from locgraph.analysis.representations.exploring.maps import MapSettings, map_units, spread
from locgraph.errors import ConfigError


def test_each_cell_shows_the_point_nearest_to_its_middle():
    points = np.array([[0.0, 0.0], [0.2, 0.3], [0.9, 0.9], [1.0, 1.0], [0.7, 0.1]])
    rows, cells = spread(points, 2)

    assert rows.tolist() == [1, 4, 2]
    assert cells.tolist() == [[0, 0], [1, 0], [1, 1]]


def test_a_part_of_many_units_fills_the_map(monkeypatch):
    monkeypatch.setattr(maps, "umap_points", lambda values, settings: (values[:, :2], (f"seed {settings.seed}",)))
    values = np.random.default_rng(0).normal(size=(60, 4))
    first = map_units(values, MapSettings(most_units=40), seed=3)
    again, other = (map_units(values, MapSettings(most_units=40), seed=seed) for seed in (3, 4))

    assert len(set(first.rows)) == 40
    assert first.notes == ("map: 40 of 60 units, chosen at random (map.most_units)", "seed 3")
    np.testing.assert_array_equal(first.rows, again.rows)
    assert not np.array_equal(first.rows, other.rows)
    assert (first.points.min(axis=0).tolist(), first.points.max(axis=0).tolist()) == ([0, 0], [1, 1])
    low, span = values[first.rows, :2].min(axis=0), np.ptp(values[first.rows, :2], axis=0)
    np.testing.assert_allclose(first.points * span + low, values[first.rows, :2])


def test_what_has_no_map_is_named():
    assert map_units(np.eye(4), MapSettings(), 0) == "no map: needs at least 5 units, found 4"
    one = map_units(np.arange(9.0)[:, None], MapSettings(), 0)
    assert one == "no map: needs at least 2 values of each vector that vary, found 1"


@pytest.mark.parametrize("wrong", [{"n_neighbors": 1}, {"min_dist": 2}, {"pictures": 0}, {"most_units": 2}])
def test_settings_that_cannot_work(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}: expected"):
        MapSettings(**wrong)
