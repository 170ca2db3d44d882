"""The control on several channels: which channel lies where, which others cannot see."""

import numpy as np
import pytest

from locgraph.analysis.channel_control import MOST_CHANNELS, channel_descriptor, choose_channels
from locgraph.analysis.control_inputs import ControlInputs
from locgraph.analysis.controls import predict_controls, score_controls

WIDE, NARROW = 50.0, 5.0


def fov(seed, widths):
    """A FOV with a cloud of 60 localisations of each channel, of these widths in nm."""
    rng = np.random.default_rng(seed)
    points = np.concatenate([rng.normal(scale=width, size=(60, 2)) for width in widths])
    return points, np.repeat(np.arange(len(widths)), 60)


def test_colours_that_are_swapped_are_told_apart_by_this_control_alone():
    fovs = {f"{name}{seed}": fov(seed + 100 * place, widths)
            for place, (name, widths) in enumerate((("a", (WIDE, NARROW)), ("b", (NARROW, WIDE))))
            for seed in range(12)}  # fmt: skip
    positions, channels = ({name: pair[index] for name, pair in fovs.items()} for index in (0, 1))
    train = [name for name in fovs if int(name[1:]) < 8]
    test = [name for name in fovs if name not in train]
    inputs = ControlInputs(positions, channels=channels)
    predictions = predict_controls(inputs, {name: name[0] for name in fovs}, train, test, seed=0)
    accuracy = {row["control"]: row["accuracy"] for row in score_controls(predictions, len(train)).to_dicts()}
    assert accuracy["channel_pair_distances"] == 1.0
    assert accuracy["pair_distances_and_count"] < 1.0


def test_distances_between_channels_by_hand():
    points, channels = np.array([[0.0, 0.0], [3.0, 4.0], [300.0, 0.0]]), np.array([0, 1, 1])
    row = channel_descriptor(points, channels, [0, 1], max_distance_nm=30.0)
    between = row[-30:]
    np.testing.assert_allclose(between[[5, 29]], 0.5)  # 5 nm, and what is beyond the end
    assert between.sum() == pytest.approx(1.0)
    assert (row[32], row[65]) == (1.0, 2.0), "numbers of localisations"


@pytest.mark.parametrize("move", [lambda p: p + 1e4, lambda p: p @ np.array([[0.6, 0.8], [-0.8, 0.6]]), lambda p: -p])
def test_shifts_rotations_and_reflections_change_nothing(move):
    points, channels = fov(0, (WIDE, NARROW, 20.0))
    rows = [channel_descriptor(each, channels, [0, 1, 2], 200.0) for each in (points, move(points))]
    np.testing.assert_allclose(*rows, atol=0.002)


def test_a_channel_without_localisations_is_0_and_of_many_channels_the_largest_are_seen():
    points, channels = fov(0, (WIDE,))
    row = channel_descriptor(points, channels, [0, 7], 200.0)
    assert np.isfinite(row).all()
    assert not row[33:].any()
    counts = {"a": np.repeat(np.arange(9), np.arange(1, 10))}
    assert choose_channels(counts, ["a"]) == [5, 6, 7, 8]
    assert len(choose_channels(counts, ["a"])) == MOST_CHANNELS
