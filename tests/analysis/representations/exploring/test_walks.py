"""The space of vectors, walks through it, and the units nearest to points."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import cdist

from locgraph.analysis.representations.exploring.members import nearest_members
from locgraph.analysis.representations.exploring.space import make_space
from locgraph.analysis.representations.exploring.walks import WalkSettings, walk
from locgraph.errors import ConfigError, DataError


def keys(n):
    return pl.DataFrame({"fov_id": [f"f{index:03d}" for index in range(n)]})


def vectors_of(table):
    return table.select("^v_.*$").to_numpy()


def test_points_of_the_space_lead_back_to_vectors():
    vectors = np.random.default_rng(0).normal(5, [1, 0, 100], (50, 3))
    for standardise in (False, True):
        space = make_space(vectors, standardise)
        assert space.values.shape == (50, 2)
        np.testing.assert_allclose(space.vectors(space.values), vectors)
        np.testing.assert_allclose(space.values.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(space.values.std(axis=0), 1)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((9, 4)), "expected vectors that differ, found 9 equal ones: nothing varies"),
        (np.eye(4)[:1], "expected at least 3 units to explore, found 1"),
    ],
)
def test_vectors_in_which_nothing_varies(vectors, message):
    with pytest.raises(DataError, match=message):
        make_space(vectors, standardise=False)


def test_the_nearest_units_are_used_once_and_are_the_best_choice():
    rng = np.random.default_rng(1)
    points, values = rng.normal(size=(4, 2)), rng.normal(size=(6, 2))
    rows, distances = nearest_members(points, values)

    assert len(set(rows.ravel())) == 4
    every = cdist(points, values)
    np.testing.assert_allclose(distances[:, 0], every[np.arange(4), rows[:, 0]])
    best = min(sum(every[i, j] for i, j in enumerate(order)) for order in permutations(range(6), 4))
    assert distances.sum() == pytest.approx(best)


def test_several_units_for_each_point_come_nearest_first_and_fewer_where_there_are_few():
    values = np.arange(7.0)[:, None]
    rows, distances = nearest_members(np.array([[0.0], [6.0]]), values, 3)

    assert rows.tolist() == [[0, 1, 2], [6, 5, 4]]
    assert distances.tolist() == [[0, 1, 2]] * 2
    assert nearest_members(np.zeros((3, 1)), values, 5)[0].shape == (3, 2)
    assert nearest_members(np.zeros((8, 1)), values)[0].shape == (8, 0)


def test_a_walk_follows_the_axes_of_a_known_ellipsoid():
    rng = np.random.default_rng(2)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    vectors = rng.normal(size=(4000, 3)) * [3.0, 1.0, 0.1] @ rotation.T + [10, 20, 30]
    walks = walk(make_space(vectors, False), keys(4000), [None] * 4000, WalkSettings())

    assert walks.table["sigma"].to_list() == [-2, -1, 0, 1, 2] * 2
    assert walks.table["class"].null_count() == 10
    points = vectors_of(walks.table)
    np.testing.assert_allclose(points[[2, 7]], [[10, 20, 30]] * 2, atol=0.2)
    for axis, length in ((0, 3.0), (1, 1.0)):
        step = points[5 * axis + 3] - points[5 * axis + 2]
        # standard error of a standard deviation of 4000: about 1 %
        assert np.linalg.norm(step) == pytest.approx(length, rel=0.05)
        assert abs(step @ rotation[:, axis]) == pytest.approx(length, rel=0.05)
    explained = walks.table["explained"].unique().to_numpy()
    np.testing.assert_allclose(np.sort(explained), np.array([1, 9]) / 10.01, atol=0.02)
    for axis in (1, 2):
        rows = walks.rows[5 * axis - 5 : 5 * axis]
        assert len(set(rows)) == 5
        assert walks.table["fov_id"].to_list()[5 * axis - 5 : 5 * axis] == [f"f{row:03d}" for row in rows]
    np.testing.assert_allclose(walks.table["distance"], np.linalg.norm(vectors[walks.rows] - points, axis=1), atol=1e-4)


def test_walks_of_classes_stay_within_them_and_small_or_equal_ones_are_named():
    rng = np.random.default_rng(3)
    vectors = np.concatenate([rng.normal(0, 1, (20, 4)), rng.normal(50, 1, (20, 4)), np.zeros((9, 4))])
    labels = ["a"] * 20 + ["b"] * 17 + ["c"] * 3 + ["d"] * 6 + [None] * 3
    walks = walk(make_space(vectors, False), keys(49), labels, WalkSettings(of="class", axes=1))

    assert walks.table["class"].unique().sort().to_list() == ["a", "b"]
    assert [labels[row] for row in walks.rows] == walks.table["class"].to_list()
    assert walks.notes == (
        "no walk of c: needs at least 5 units (walks.steps), has 3",
        "no walk of d: its 6 vectors are equal",
    )
    none = walk(make_space(vectors, False), keys(49), [None] * 49, WalkSettings(of="class"))
    assert none.table.is_empty()
    assert none.notes == ("no walk of classes: no unit has one",)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"of": "groups"}, "of: expected"),
        ({"axes": 0}, "axes: expected a whole number of at least 1"),
        ({"steps": 1}, "steps: expected a whole number of at least 2"),
        ({"largest": 0}, "largest: expected a number above 0"),
    ],
)
def test_settings_that_cannot_work(wrong, message):
    with pytest.raises(ConfigError, match=message):
        WalkSettings(**wrong)
