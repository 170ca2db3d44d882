"""Views: fixed draws that differ from view to view."""

import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.views import Views


def test_view_0_is_the_whole_fov():
    for keep in (0.01, 0.8, 1.0):
        assert Views(count=3, keep=keep).rows(0, 7).tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("keep", "n", "kept"), [(0.8, 1000, 800), (0.5, 7, 4), (0.25, 10, 2), (1.0, 9, 9)])
def test_the_other_views_keep_the_fraction(keep, n, kept):
    rows = Views(count=2, keep=keep).rows(1, n)

    assert len(rows) == kept
    assert (np.diff(rows) > 0).all()
    assert rows.min() >= 0
    assert rows.max() < n


def test_at_least_one_localisation_is_kept_of_any():
    assert len(Views(count=2, keep=0.01).rows(1, 3)) == 1
    assert len(Views(count=2, keep=0.01).rows(1, 0)) == 0


def test_the_same_draw_every_time():
    first, second = (Views(count=5, keep=0.5, seed=3) for _ in range(2))

    assert first.rows(4, 100).tolist() == second.rows(4, 100).tolist()
    assert first.cluster_seed(4, 100) == second.cluster_seed(4, 100)


def test_the_draws_of_earlier_days_stay():
    """Tables on disk were made with these: changing them must raise ``TABLES_VERSION`` as well."""
    assert Views(count=3, keep=0.5).rows(1, 10).tolist() == [0, 2, 6, 7, 9]
    assert [Views(count=3).cluster_seed(view, 10) for view in range(3)] == [680776402, 1190118889, 718077626]


def test_draws_differ_by_size_view_and_seed():
    names = [(200, 1, 0), (201, 1, 0), (200, 2, 0), (200, 1, 1)]

    draws = [tuple(Views(count=3, keep=0.5, seed=seed).rows(view, size)) for size, view, seed in names]
    seeds = [Views(count=3, seed=seed).cluster_seed(view, size) for size, view, seed in names]

    assert len(set(draws)) == 4
    assert len(set(seeds)) == 4


def test_a_draw_does_not_depend_on_how_many_views_there_are():
    assert Views(count=2).rows(1, 50).tolist() == Views(count=16).rows(1, 50).tolist()


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
