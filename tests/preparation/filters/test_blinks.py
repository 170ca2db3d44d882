"""Which localisations are one blink, against the same rule in plain Python."""

import numpy as np
import pytest

from locgraph.preparation.filters.merge_blinks import find_blinks


def by_the_rule(points, first, last, distance, dark):
    """Blinks by trying all pairs of every frame."""
    blinks, ends, n_blinks = {}, {}, 0  # ends: blink -> its last localisation
    for frame in sorted(set(first)):
        here = [i for i in range(len(points)) if first[i] == frame]
        pairs = []
        for i in here:
            for j in ends.values():
                squared = ((points[i] - points[j]) ** 2).sum()
                if squared <= distance**2 and 0 <= frame - last[j] - 1 <= dark:
                    pairs.append((squared, i, j))
        for _, i, j in sorted(pairs):
            if i not in blinks and ends[blinks[j]] == j:
                blinks[i] = blinks[j]
                ends[blinks[j]] = i
        for i in here:
            if i not in blinks:
                blinks[i] = n_blinks
                ends[n_blinks] = i
                n_blinks += 1
    return [blinks[i] for i in range(len(points))]


def blinks(x, first, distance, dark, last=None):
    """Blinks of localisations on a line."""
    points = np.column_stack([x, np.zeros(len(x))])
    first = np.array(first)
    return find_blinks(points, first, first if last is None else np.array(last), distance, dark).tolist()


def test_successive_frames_join():
    assert blinks([0.0, 1.0, 2.0], [0, 1, 2], 1.0, 0) == [0, 0, 0]
    assert blinks([0.0, 1.0, 2.1], [0, 1, 2], 1.0, 0) == [0, 0, 1]


def test_a_blink_may_be_dark_for_so_many_frames():
    assert blinks([0.0, 0.0, 0.0, 0.0], [0, 2, 5, 9], 1.0, 0) == [0, 1, 2, 3]
    assert blinks([0.0, 0.0, 0.0, 0.0], [0, 2, 5, 9], 1.0, 1) == [0, 0, 1, 2]
    assert blinks([0.0, 0.0, 0.0, 0.0], [0, 2, 5, 9], 1.0, 2) == [0, 0, 0, 1]
    assert blinks([0.0, 0.0, 0.0, 0.0], [0, 2, 5, 9], 1.0, 3) == [0, 0, 0, 0]
    assert blinks([0.0, 0.0], [0, 10**9], 1.0, 2**40) == [0, 0]


def test_one_frame_joins_nothing():
    assert blinks([0.0, 0.0, 0.0], [4, 4, 4], 1.0, 9) == [0, 1, 2]


def test_the_nearest_pair_joins_first():
    # the end at 3 is near to both; the one at 4 takes it, and 0 takes what is left
    assert blinks([0.0, 3.0, 1.0, 4.0], [0, 0, 1, 1], 5.0, 0) == [0, 1, 0, 1]
    # 2 is nearer to 0 than to 5, but 0 is taken by 0.5; 5 is left for it
    assert blinks([0.0, 5.0, 0.5, 2.0], [0, 0, 1, 1], 4.0, 0) == [0, 1, 0, 1]
    # ... and where 5 is out of reach, it starts a blink of its own
    assert blinks([0.0, 5.0, 0.5, 2.0], [0, 0, 1, 1], 2.5, 0) == [0, 1, 0, 2]


def test_of_equally_near_pairs_the_first_joins():
    assert blinks([1.0, 0.0, 2.0], [0, 1, 1], 1.0, 0) == [0, 0, 1]
    assert blinks([0.0, 2.0, 1.0], [0, 0, 1], 1.0, 0) == [0, 1, 0]


def test_a_blink_goes_on_from_its_last_place():
    assert blinks([0.0, 0.9, 1.8, 2.7, 0.0], [0, 1, 2, 3, 3], 1.0, 3) == [0, 0, 0, 0, 1]


def test_a_localisation_may_last_for_several_frames():
    assert blinks([0.0, 0.0], [0, 3], 1.0, 0, last=[2, 3]) == [0, 0]
    assert blinks([0.0, 0.0], [0, 3], 1.0, 0, last=[3, 3]) == [0, 1]  # both at once
    assert blinks([0.0, 0.0, 0.0], [0, 1, 3], 1.0, 0, last=[2, 1, 3]) == [0, 1, 0]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("dark", [0, 1, 4])
@pytest.mark.parametrize("seed", range(8))
def test_the_same_as_the_rule(dimensions, dark, seed):
    rng = np.random.default_rng(seed)
    size = 250
    points = rng.uniform(0, 60, (size, dimensions)) + 10.0**seed
    if seed % 2:
        points = np.round(points / 5) * 5  # many ties
    first = np.sort(rng.integers(0, 25, size))
    last = first + (rng.integers(0, 3, size) if seed % 3 == 0 else 0)

    found = find_blinks(points, first, last, 10.0, dark)

    assert found.tolist() == by_the_rule(points, first, last, 10.0, dark)
    assert found.max() + 1 < size


def test_many_more_cells_than_buckets():
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, 1e7, (2000, 3))
    points = np.tile(centres, (5, 1)) + rng.normal(size=(10_000, 3))

    found = find_blinks(points, np.repeat(np.arange(5), 2000), np.repeat(np.arange(5), 2000), 20.0, 0)

    assert (found == np.tile(np.arange(2000), 5)).all()
