"""How far units are from one class to another."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from locgraph.analysis.representations.exploring.pseudotime import (
    PseudotimeSettings,
    check_size,
    compare_classes,
    diffusion_positions,
    discriminant_positions,
    find_ends,
)
from locgraph.errors import ConfigError, DataError
from locgraph.stats.bootstrap import difference_interval

ENDS = ("a", "b")


def alone(n):
    return np.arange(n).astype(str)


def test_units_between_two_classes_are_found_between_them():
    rng = np.random.default_rng(0)
    times = np.concatenate([np.zeros(80), np.ones(80), np.full(40, 0.5)])
    labels = np.repeat(["a", "b", "m"], [80, 80, 40])
    values = rng.normal(0, 0.3, (200, 5)) * [1, 20, 1, 1, 1] + times[:, None] * [3.0, 0, -3.0, 0, 0]
    positions = discriminant_positions(values, labels, alone(200), ENDS, seed=0)

    # a direction of large scatter without information is not followed
    assert spearmanr(positions, times).statistic > 0.85
    for name, time in (("a", 0), ("b", 1), ("m", 0.5)):
        assert positions[labels == name].mean() == pytest.approx(time, abs=0.06)


def test_classes_without_difference_do_not_come_apart():
    rng = np.random.default_rng(1)
    values, labels = rng.normal(size=(80, 60)), np.repeat(["a", "b"], 40)
    positions = discriminant_positions(values, labels, alone(80), ENDS, seed=0)

    # fitted and tested on the same units they would be 1 apart
    row = compare_classes(positions, labels, alone(80), "a", seed=0)[1]
    assert row["low"] < 0 < row["high"]


def test_no_unit_is_placed_by_an_axis_that_its_group_was_fitted_to():
    rng = np.random.default_rng(2)
    owners, labels = np.repeat(np.arange(12), 10).astype(str), np.repeat(["a", "b"], 60)
    # each group lies at a place of its own; classes do not matter
    values = rng.normal(size=(12, 40))[np.repeat(np.arange(12), 10)] + rng.normal(0, 0.1, (120, 40))
    grouped = discriminant_positions(values, labels, owners, ENDS, seed=0)
    single = discriminant_positions(values, labels, alone(120), ENDS, seed=0)

    def apart(positions):
        return positions[labels == "b"].mean() - positions[labels == "a"].mean()

    assert apart(single) > 0.9
    assert apart(grouped) < 0.6


def test_a_class_of_one_group_is_refused():
    values, labels = np.random.default_rng(0).normal(size=(20, 2)), np.repeat(["a", "b"], 10)
    with pytest.raises(DataError, match="expected at least two units of each class that share no group or FOV"):
        discriminant_positions(values, labels, labels, ENDS, seed=0)


def bent(n=300):
    """Units along three quarters of a circle, at times 0 to 1."""
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0, 1, n))
    angle = 1.5 * np.pi * times
    values = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.03, (n, 2))
    return times, values, np.where(times < 0.1, "a", np.where(times > 0.9, "b", "m"))


def test_diffusion_follows_a_bent_way():
    times, values, labels = bent()
    positions, note = diffusion_positions(values, labels, ENDS, neighbours=15)
    assert note is None

    assert spearmanr(positions, times).statistic > 0.99
    assert positions.min() == 0
    assert np.isclose(positions, 1).any()
    again, _ = diffusion_positions(values @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + 7, labels, ENDS, neighbours=15)
    np.testing.assert_allclose(again, positions, atol=1e-6)


def test_diffusion_between_groups_that_are_far_apart_or_units_that_are_equal():
    rng = np.random.default_rng(4)
    labels = np.repeat(["a", "b"], 30)
    far, note = diffusion_positions(rng.normal(size=(60, 2)) + np.repeat([0.0, 500.0], 30)[:, None], labels, ENDS, 5)
    assert far[:30].max() < 0.1
    assert far[30:].min() > 0.9
    assert note.startswith("pseudo-time: neighbours join the units to 2 groups")
    equal, _ = diffusion_positions(np.repeat([[0.0], [1.0]], 30, axis=0), labels, ENDS, 5)
    np.testing.assert_allclose(equal, np.repeat([0.0, 1.0], 30), atol=1e-6)


def test_differences_from_the_start_have_intervals_over_owners():
    rng = np.random.default_rng(5)
    labels = np.repeat(["a", "b", "c"], 40)
    positions = np.repeat([0.0, 1.0, 0.5], 40) + rng.normal(0, 0.2, 120)
    rows = compare_classes(positions, labels, alone(120), "a", seed=0)

    assert [row["class"] for row in rows] == ["a", "b", "c"]
    assert "difference" not in rows[0]
    error = 0.2 * np.sqrt(2 / 40)
    assert rows[1]["difference"] == pytest.approx(1.0, abs=4 * error)
    assert rows[1]["high"] - rows[1]["low"] == pytest.approx(2 * 1.96 * error, rel=0.3)
    few = compare_classes(positions, labels, np.tile(["x", "y"], 60), "a", seed=0)
    assert few[1]["low"] is None
    assert "only 2 independent units or groups" in few[1]["reason"]


def test_pairs_within_an_owner_stay_together():
    rng = np.random.default_rng(6)
    patient = np.repeat(rng.normal(0, 10, 30), 2)
    values = patient + np.tile([0.0, 1.0], 30) + rng.normal(0, 0.1, 60)
    second = np.tile([False, True], 30)
    paired = difference_interval(values, second, ~second, np.repeat(alone(30), 2))
    unpaired = difference_interval(values, second, ~second, alone(60))

    assert paired.estimate == unpaired.estimate == pytest.approx(1.0, abs=0.1)
    assert paired.high - paired.low < 0.3 < 5 < unpaired.high - unpaired.low


LABELS = ["a"] * 5 + ["b"] * 5 + [None] * 2


def test_two_classes_are_the_ends_and_of_more_they_have_to_be_chosen():
    assert find_ends(LABELS, PseudotimeSettings()) == ("a", "b")
    assert find_ends([*LABELS, "c"], PseudotimeSettings()) == (
        "no pseudo-time: 3 classes; set pseudotime.start and pseudotime.end"
    )
    assert find_ends([*LABELS, "c"], PseudotimeSettings("b", "a")) == ("b", "a")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("a", "a"), "end: expected two different classes, found 'a' twice"),
        (("a", "z"), "end: expected one of the classes a, b, c; found 'z'"),
        (("z", "a"), "start: expected one of the classes a, b, c; found 'z'"),
        (("a", None), "end: expected both start and end, or neither; found one"),
        (("a", "c"), "end: expected at least 3 units of class 'c', found 1"),
    ],
)
def test_ends_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        find_ends([*LABELS, "c"], PseudotimeSettings(*settings))


def test_settings_that_cannot_work():
    with pytest.raises(ConfigError, match="method: expected"):
        PseudotimeSettings(method="slingshot")
    with pytest.raises(DataError, match="most_units: diffusion takes up to 10 units, found 11"):
        check_size(11, PseudotimeSettings(method="diffusion", most_units=10))
