"""Merging of repeated blinks: which localisations join, against the rule in plain Python, and into what."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.preparation.filters.merge_blinks import MergeBlinks, find_blinks


def test_by_hand(locs):
    table = locs(
        x=[100.0, 10.0, 0.0, 4.0, 102.0],
        y=[0.0, 0.0, 8.0, 0.0, 0.0],
        frame=[5, 2, 0, 1, 7],
        photons=[10.0, 20.0, 30.0, 40.0, 50.0],
        precision=[1.0, 2.0, 1.0, 2.0, 3.0],
        sigma=[100.0, 110.0, 120.0, 160.0, 150.0],
        channel=[0, 0, 0, 0, 0],
        loc_label=[1, 2, 3, 4, 5],
    )

    merged = MergeBlinks(distance_nm=10.0, dark_frames=0)(table, 2)

    # rows 2, 3, 1 are one blink in frames 0, 1, 2 with the weights 1, 1/4, 1/4; it stands where row 2 stood
    assert merged["x"].to_list() == pytest.approx([100.0, (0 + 4 / 4 + 10 / 4) / 1.5, 102.0])
    assert merged["y"].to_list() == pytest.approx([0.0, 8 / 1.5, 0.0])
    assert merged["frame"].to_list() == [5, 0, 7]
    assert merged["photons"].to_list() == [10.0, 90.0, 50.0]
    assert merged["precision"].to_list() == pytest.approx([1.0, 1 / np.sqrt(1.5), 3.0])
    assert merged["sigma"].to_list() == pytest.approx([100.0, 130.0, 150.0])
    assert merged["loc_label"].to_list() == [1, 3, 5]
    assert merged["n_frames"].to_list() == [1, 3, 1]
    assert merged.columns == [*table.columns[:6], "n_frames", "channel", "loc_label"]
    assert MergeBlinks(distance_nm=10.0, dark_frames=1)(table, 2)["n_frames"].to_list() == [2, 3]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, [2.0, 20.0, 50.0]),
        ({"photons": [3.0, 1.0]}, [1.0, 10.0, 25.0]),
        ({"photons": [3.0, 1.0], "precision": [2.0, 1.0]}, [3.2, 32.0, 80.0]),
        ({"precision": [2.0, 1.0], "precision_z": [1.0, 3.0]}, [3.2, 32.0, 10.0]),
        ({"precision_z": [1.0, 3.0]}, [2.0, 20.0, 10.0]),
    ],
)
def test_weights(locs, columns, expected):
    table = locs(x=[0.0, 4.0], y=[0.0, 40.0], z=[0.0, 100.0], frame=[0, 1], **columns)

    merged = MergeBlinks(200.0, 0)(table, 3)

    assert merged.select("x", "y", "z").row(0) == pytest.approx(expected)
    if "precision_z" in columns:
        assert merged["precision_z"].to_list() == pytest.approx([1 / np.sqrt(1 + 1 / 9)])


def test_frames_that_the_source_merged_count(locs):
    table = locs(frame=[0, 5, 8], n_frames=[4, 2, 0])

    assert MergeBlinks(1.0, 0)(table, 2)["n_frames"].to_list() == [4, 2, 0]
    merged = MergeBlinks(1.0, 1)(table, 2)
    assert merged["n_frames"].to_list() == [6]
    assert merged["frame"].to_list() == [0]


def test_channels_are_never_mixed(locs):
    table = locs(frame=[0, 0, 1, 1, 2], channel=[0, 1, 1, 0, 3])

    merged = MergeBlinks(1.0, 0)(table, 2)

    assert merged.select("frame", "channel", "n_frames").rows() == [(0, 0, 2), (0, 1, 2), (2, 3, 1)]


def test_depth_counts(locs):
    table = locs(z=[0.0, 50.0], frame=[0, 1])

    assert MergeBlinks(40.0, 0)(table, 3).height == 2
    assert MergeBlinks(50.0, 0)(table, 3).height == 1


@pytest.mark.parametrize("dimensions", [2, 3])
def test_what_is_not_merged_stays_to_the_last_bit(crowd, dimensions):
    table = crowd(200, dimensions, seed=0)

    merged = MergeBlinks(9.0, 1)(table, dimensions)

    alone = merged.filter(pl.col("n_frames") == 1).drop("n_frames")
    assert 20 < alone.height < 180
    assert alone.equals(table.join(alone, on=table.columns, how="semi", maintain_order="left"))


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_rows_does_not_matter(crowd, dimensions, seed, whole):
    table = crowd(300, dimensions, seed, whole)
    merge = MergeBlinks(8.0, 2)

    merged = merge(table, dimensions)
    shuffled = merge(table.sample(fraction=1.0, shuffle=True, seed=seed), dimensions)

    assert 100 < merged.height < 290
    assert merged["n_frames"].sum() == 300
    assert shuffled.sort(shuffled.columns).equals(merged.sort(merged.columns))


def test_far_from_the_origin(crowd):
    table = crowd(300, 2, seed=3, whole=True)
    merge = MergeBlinks(8.0, 2)

    merged = merge(table, 2)
    far = merge(table.with_columns(pl.col("x") + 1e9, pl.col("y") - 1e9), 2)

    np.testing.assert_allclose(far["x"].to_numpy() - 1e9, merged["x"].to_numpy(), atol=2e-7)
    np.testing.assert_allclose(far["y"].to_numpy() + 1e9, merged["y"].to_numpy(), atol=2e-7)
    assert far.drop("x", "y").equals(merged.drop("x", "y"))


@pytest.mark.parametrize("column", ["precision", "photons"])
def test_a_weight_of_zero_is_refused_where_it_counts(locs, column):
    table = locs(frame=[0, 1, 9], **{column: [1.0, 0.0, 0.0]})

    with pytest.raises(
        DataError,
        match=rf"expected {column} above 0 as the weight .* merged, found 1 of 2 that are not",
    ):
        MergeBlinks(1.0, 0)(table, 2)
    assert MergeBlinks(1.0, 0)(table[1:], 2)[column].to_list() == [0.0, 0.0]


def test_a_dark_time_beyond_all_frames(locs):
    table = locs(frame=[0, 10**12])

    assert MergeBlinks(1.0, 10**30)(table, 2)["n_frames"].to_list() == [2]


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


def test_a_blink_may_be_dark_for_so_many_frames():
    assert blinks([0.0, 0.0, 0.0, 0.0], [0, 2, 5, 9], 1.0, 0) == [0, 1, 2, 3]
    assert blinks([0.0, 0.0, 0.0, 0.0], [0, 2, 5, 9], 1.0, 1) == [0, 0, 1, 2]
    assert blinks([0.0, 0.0, 0.0, 0.0], [0, 2, 5, 9], 1.0, 2) == [0, 0, 0, 1]
    assert blinks([0.0, 0.0, 0.0, 0.0], [0, 2, 5, 9], 1.0, 3) == [0, 0, 0, 0]
    assert blinks([0.0, 0.0], [0, 10**9], 1.0, 2**40) == [0, 0]


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

    result = find_blinks(points, first, last, 10.0, dark)

    assert result.tolist() == by_the_rule(points, first, last, 10.0, dark)
    assert result.max() + 1 < size


def test_many_more_cells_than_buckets():
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, 1e7, (2000, 3))
    points = np.tile(centres, (5, 1)) + rng.normal(size=(10_000, 3))

    result = find_blinks(points, np.repeat(np.arange(5), 2000), np.repeat(np.arange(5), 2000), 20.0, 0)

    assert (result == np.tile(np.arange(2000), 5)).all()
