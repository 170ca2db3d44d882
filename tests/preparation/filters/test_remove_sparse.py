"""Background removal by density, against a count of all pairs."""

import numpy as np
import pytest

from locgraph.preparation.filters.base import positions
from locgraph.preparation.filters.remove_sparse import RemoveSparse, has_within


def dense(points, radius, least):
    """Which points have enough others around them, by all distances."""
    squared = ((points[:, None] - points) ** 2).sum(axis=2)
    return (squared <= radius**2).sum(axis=1) - 1 >= least


def test_by_hand(locs):
    table = locs(x=[0.0, 3.0, 100.0, 0.0, 6.0, 200.0], y=[0.0, 4.0, 0.0, 0.0, 8.0, 0.0])

    # (3, 4) is 5 nm from both (0, 0) and from (6, 8)
    assert RemoveSparse(5.0, 1)(table, 2).equals(table[[0, 1, 3, 4]])
    assert RemoveSparse(5.0, 2)(table, 2).equals(table[[0, 1, 3]])
    assert RemoveSparse(5.0, 3)(table, 2).equals(table[[1]])
    assert RemoveSparse(4.999, 1)(table, 2).equals(table[[0, 3]])
    assert RemoveSparse(1.0, 2)(table, 2).is_empty()


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("radius", "least"), [(1.0, 1), (6.0, 3), (20.0, 12), (500.0, 299), (500.0, 300)])
def test_the_same_as_all_distances(dimensions, seed, radius, least):
    rng = np.random.default_rng(seed)
    points = np.concatenate([rng.normal(size=(100, dimensions)) * 8, rng.uniform(-100, 100, (200, dimensions))])

    assert (has_within(points, radius, least + 1) == dense(points, radius, least)).all()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_on_a_lattice_with_repeats_and_far_from_the_origin(dimensions):
    rng = np.random.default_rng(0)
    points = 1e9 + rng.integers(0, 12, (400, dimensions)) * 3.0

    for least in (1, 4, 20):
        assert (has_within(points, 6.0, least + 1) == dense(points, 6.0, least)).all()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_channels_do_not_see_each_other(crowd, dimensions):
    table = crowd(300, dimensions, seed=1)

    kept = RemoveSparse(8.0, 3)(table, dimensions)

    points, channel = positions(table, dimensions), table["channel"].to_numpy()
    expected = np.zeros(300, dtype=bool)
    for index in (0, 1):
        rows = np.flatnonzero(channel == index)
        expected[rows] = dense(points[rows], 8.0, 3)
    assert 0 < expected.sum() < 300
    assert kept.equals(table.filter(expected))


def test_the_order_of_the_rows_does_not_matter(crowd):
    table = crowd(300, 2, seed=2).with_row_index()
    shuffled = table.sample(fraction=1.0, shuffle=True, seed=0)
    chosen = RemoveSparse(8.0, 3)

    kept = chosen(shuffled.drop("index"), 2)

    assert kept.sort(kept.columns).equals(chosen(table.drop("index"), 2).sort(kept.columns))
    assert kept.equals(shuffled.drop("index").join(kept, on=kept.columns, how="semi", maintain_order="left"))
