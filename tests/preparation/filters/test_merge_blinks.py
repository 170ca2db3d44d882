"""Merging of repeated blinks: which, and into what."""

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.preparation.filters.merge_blinks import MergeBlinks


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


def test_molecules_far_apart_become_one_localisation_each(locs):
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(100), 20)
    on = np.tile(np.arange(20) * 2, 100)  # every second frame is dark
    centres = np.column_stack([np.arange(100) * 1000.0, np.zeros(100)])
    points = centres[owner] + rng.normal(size=(2000, 2)) * 10
    table = locs(x=points[:, 0], y=points[:, 1], frame=on, precision=np.full(2000, 10.0), photons=np.full(2000, 7.0))

    merged = MergeBlinks(100.0, 1)(table.sample(fraction=1.0, shuffle=True, seed=1), 2).sort("x")

    np.testing.assert_allclose(merged["x"], points[:, 0].reshape(100, 20).mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(merged["y"], points[:, 1].reshape(100, 20).mean(axis=1), rtol=0, atol=1e-12)
    np.testing.assert_allclose(merged["precision"], np.full(100, 10 / np.sqrt(20)), rtol=1e-12)
    assert merged["photons"].to_list() == [140.0] * 100
    assert merged["n_frames"].to_list() == [20] * 100


@pytest.mark.parametrize("column", ["precision", "photons"])
def test_a_weight_of_zero_is_refused_where_it_counts(locs, column):
    table = locs(frame=[0, 1, 9], **{column: [1.0, 0.0, 0.0]})

    with pytest.raises(
        DataError,
        match=rf"expected {column} above 0 as the weight .* merged, found 1 of 2 that are not; take them out before, "
        rf"with limits on {column}, or leave {column} out of columns\.names",
    ):
        MergeBlinks(1.0, 0)(table, 2)
    assert MergeBlinks(1.0, 0)(table[1:], 2)[column].to_list() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distance_nm": 0.0, "dark_frames": 1}, r"distance_nm must be a length above 0 in nm, found 0\.0"),
        ({"distance_nm": 5.0, "dark_frames": -1}, "dark_frames must be a whole number of at least 0, found -1"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        MergeBlinks(**settings)


def test_it_needs_the_frame():
    assert MergeBlinks(1.0, 0).needs == ("frame",)


def test_a_dark_time_beyond_all_frames(locs):
    table = locs(frame=[0, 10**12])

    assert MergeBlinks(1.0, 10**30)(table, 2)["n_frames"].to_list() == [2]
