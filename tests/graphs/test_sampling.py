"""Farthest-point sampling against a plain implementation, and what it promises."""

import itertools

import numpy as np
import pytest

from locgraph.graphs.sampling import farthest_points


def plain(points, offsets, ratio):
    """The same rule, spelled out with numpy for one group after the other."""
    rows = []
    for start, stop in itertools.pairwise(offsets):
        group = points[start:stop]
        wanted = -(-len(group) * ratio.numerator // ratio.denominator)  # rounded up, in whole numbers
        gap = ((group - group.mean(axis=0)) ** 2).sum(axis=1) if len(group) else np.empty(0)
        gap = np.where(gap >= gap.max(initial=0.0) * (1 - 1e-9), np.inf, gap)  # both of two, whatever the rounding
        chosen, to_chosen = [], np.full(len(group), np.inf)
        for _ in range(wanted):
            chosen.append(int(np.argmax(gap)))
            to_chosen = np.minimum(to_chosen, ((group - group[chosen[-1]]) ** 2).sum(axis=1))
            to_chosen[chosen[-1]] = -1.0
            gap = to_chosen
        rows += [start + row for row in sorted(chosen)]
    return rows


class Ratio(float):
    """A fraction that is also known in whole numbers."""

    def __new__(cls, numerator, denominator):
        self = super().__new__(cls, numerator / denominator)
        self.numerator, self.denominator = numerator, denominator
        return self


def groups(rng, sizes, dimensions=2):
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return rng.normal(scale=30.0, size=(offsets[-1], dimensions)), offsets


def rotation(rng, dimensions):
    return np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]


def test_a_line_by_hand():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [12.0, 0.0]])  # mean 4.5: the last is farthest from it

    assert farthest_points(points, np.array([0, 4]), 0.25).tolist() == [3]
    assert farthest_points(points, np.array([0, 4]), 0.5).tolist() == [0, 3]
    assert farthest_points(points, np.array([0, 4]), 0.75).tolist() == [0, 2, 3]
    assert farthest_points(points, np.array([0, 4]), 1.0).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("ratio", [(1, 10), (1, 3), (1, 2), (9, 10), (1, 1)])
def test_is_the_plain_rule(dimensions, ratio):
    points, offsets = groups(np.random.default_rng(0), [1, 30, 2, 17, 64, 3], dimensions)
    ratio = Ratio(*ratio)

    result = farthest_points(points, offsets, ratio)

    assert result.dtype == np.int64
    assert result.tolist() == plain(points, offsets, ratio)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("kind", ["any", "whole"])
def test_is_the_plain_rule_in_large_groups_and_with_ties(dimensions, scale, kind):
    """Groups that a tree holds; whole numbers, so that coincident and equally far points abound."""
    points, offsets = groups(np.random.default_rng(10), [300, 200, 1, 201, 700], dimensions)
    points = points * scale if kind == "any" else np.round(points * scale)

    for ratio in (Ratio(1, 50), Ratio(1, 2)):
        assert farthest_points(points, offsets, ratio).tolist() == plain(points, offsets, ratio)


@pytest.mark.parametrize("axis", [0, 1])
def test_is_the_plain_rule_on_a_line(axis):
    points = np.zeros((400, 2))
    points[:, axis] = np.random.default_rng(11).normal(size=400)

    assert farthest_points(points, np.array([0, 400]), 0.3).tolist() == plain(points, [0, 400], Ratio(3, 10))


@pytest.mark.parametrize("denominator", [2, 3, 5, 7, 10, 100])
def test_the_part_of_each_group_is_rounded_up_exactly(denominator):
    sizes = np.arange(1, 120)
    points, offsets = groups(np.random.default_rng(1), sizes)

    for numerator in {1, denominator - 1, denominator}:
        result = farthest_points(points, offsets, numerator / denominator)
        counts = np.histogram(result, bins=offsets)[0]
        np.testing.assert_array_equal(counts, -(-sizes * numerator // denominator))


def test_every_group_keeps_a_point_however_small_the_ratio():
    points, offsets = groups(np.random.default_rng(2), [1, 5, 9])

    assert len(farthest_points(points, offsets, 1e-12)) == 3


@pytest.mark.parametrize("dimensions", [2, 3])
def test_rotation_reflection_shift_and_scale_change_nothing(dimensions):
    rng = np.random.default_rng(4)
    points, offsets = groups(rng, [50, 80], dimensions)
    expected = farthest_points(points, offsets, 0.3).tolist()

    for _ in range(5):
        moved = (points @ rotation(rng, dimensions)) * rng.uniform(0.1, 10) + rng.normal(scale=1e4, size=dimensions)
        assert farthest_points(moved, offsets, 0.3).tolist() == expected


def test_one_metre_from_the_origin():
    points, offsets = groups(np.random.default_rng(5), [50, 80])
    points = np.round(points * 2**16) / 2**16

    assert farthest_points(points + 1e9, offsets, 0.3).tolist() == farthest_points(points, offsets, 0.3).tolist()


def test_the_order_of_the_rows_changes_names_alone():
    rng = np.random.default_rng(6)
    points, offsets = groups(rng, [90])
    order = rng.permutation(90)

    assert sorted(order[farthest_points(points[order], offsets, 0.4)]) == farthest_points(points, offsets, 0.4).tolist()


def test_chosen_points_cover_the_group():
    """No point lies farther from the chosen ones than these lie from each other."""
    points, offsets = groups(np.random.default_rng(8), [200])
    chosen = points[farthest_points(points, offsets, 0.2)]

    between = np.linalg.norm(chosen[:, None] - chosen[None], axis=2)
    apart = between[~np.eye(len(chosen), dtype=bool)].min()
    covered = np.linalg.norm(points[:, None] - chosen[None], axis=2).min(axis=1).max()

    assert covered <= apart


def test_coincident_points_come_last_and_the_first_rows_first():
    points = np.array([[0.0, 0.0], [0.0, 0.0], [8.0, 0.0], [8.0, 0.0], [1.0, 0.0]])

    assert farthest_points(points, np.array([0, 5]), 0.4).tolist() == [0, 2]
    assert farthest_points(points, np.array([0, 5]), 0.6).tolist() == [0, 2, 4]
    assert farthest_points(points, np.array([0, 5]), 0.8).tolist() == [0, 1, 2, 4]
    assert farthest_points(np.zeros((4, 2)), np.array([0, 4]), 0.5).tolist() == [0, 1]


def test_empty_groups_and_none_at_all():
    points, _ = groups(np.random.default_rng(9), [4])

    assert (
        farthest_points(points, np.array([0, 0, 4, 4]), 0.5).tolist()
        == farthest_points(points, np.array([0, 4]), 0.5).tolist()
    )
    assert farthest_points(np.empty((0, 2)), np.array([0]), 0.5).shape == (0,)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_of_two_points_the_first_is_chosen_however_they_lie(dimensions):
    rng = np.random.default_rng(5)
    points, offsets = groups(rng, [2] * 200, dimensions)

    assert farthest_points(points @ rotation(rng, dimensions), offsets, 0.5).tolist() == list(range(0, 400, 2))
