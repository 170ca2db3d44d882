"""Views: fixed draws that differ from FOV to FOV and from view to view."""

import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.views import Views


def test_view_0_is_the_whole_fov():
    for keep in (0.01, 0.8, 1.0):
        assert Views(count=3, keep=keep).rows("a", 0, 7).tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("keep", "n", "kept"), [(0.8, 1000, 800), (0.5, 7, 4), (0.25, 10, 2), (1.0, 9, 9)])
def test_the_other_views_keep_the_fraction(keep, n, kept):
    rows = Views(count=2, keep=keep).rows("a", 1, n)

    assert len(rows) == kept
    assert (np.diff(rows) > 0).all()
    assert rows.min() >= 0
    assert rows.max() < n


def test_at_least_one_localisation_is_kept_of_any():
    assert len(Views(count=2, keep=0.01).rows("a", 1, 3)) == 1
    assert len(Views(count=2, keep=0.01).rows("a", 1, 0)) == 0


def test_the_same_draw_every_time():
    first, second = (Views(count=5, keep=0.5, seed=3) for _ in range(2))

    assert first.rows("patient/1", 4, 100).tolist() == second.rows("patient/1", 4, 100).tolist()
    assert first.cluster_seed("patient/1", 4) == second.cluster_seed("patient/1", 4)


def test_the_draws_of_earlier_days_stay():
    """Tables on disk were made with these: changing them must raise ``TABLES_VERSION`` as well."""
    assert Views(count=3, keep=0.5).rows("a", 1, 10).tolist() == [1, 2, 3, 5, 8]
    assert [Views(count=3).cluster_seed("a", view) for view in range(3)] == [814924565, 220930198, 618174491]


def test_draws_differ_by_fov_view_and_seed():
    names = [("a", 1, 0), ("b", 1, 0), ("a", 2, 0), ("a", 1, 1)]

    draws = [tuple(Views(count=3, keep=0.5, seed=seed).rows(fov, view, 200)) for fov, view, seed in names]
    seeds = [Views(count=3, seed=seed).cluster_seed(fov, view) for fov, view, seed in names]

    assert len(set(draws)) == 4
    assert len(set(seeds)) == 4


def test_a_draw_does_not_depend_on_how_many_views_there_are():
    assert Views(count=2).rows("a", 1, 50).tolist() == Views(count=16).rows("a", 1, 50).tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "count: .*found 0"),
        ({"keep": 0.0}, r"keep: .*found 0\.0"),
        ({"keep": 1.1}, r"keep: .*found 1\.1"),
        ({"keep": float("nan")}, "keep: .*found nan"),
        ({"seed": -1}, "seed: .*found -1"),
    ],
)
def test_settings_that_cannot_work(changes, message):
    with pytest.raises(ConfigError, match=message):
        Views(**changes)
