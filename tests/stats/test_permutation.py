"""Which labels may be exchanged, p-values by hand, and their law where classes say nothing."""

from math import comb, log

import numpy as np
import pytest

from locgraph.errors import DataError
from locgraph.stats.permutation import find_exchange, permutation_p

LABELS = np.repeat(["a", "b"], 20)


def drawn(exchange, n=200):
    rng = np.random.default_rng(0)
    return np.stack([exchange.draw(rng) for _ in range(n)])


def test_labels_move_within_test_sides_where_there_are_enough():
    tests = np.tile(np.repeat([0, 1], 10), 2)
    exchange = find_exchange(LABELS, None, tests)
    assert str(exchange) == "labels of FOVs within the test sides"
    assert exchange.log_arrangements == pytest.approx(2 * log(comb(20, 10)))
    for side in (0, 1):
        assert ((drawn(exchange)[:, tests == side] == "a").sum(axis=1) == 10).all()
    assert np.unique(drawn(exchange), axis=0).shape[0] > 190


def test_labels_move_over_all_sides_where_these_are_too_small_or_overlap():
    assert str(find_exchange(LABELS, None, np.arange(40) // 4)) == "labels of FOVs"
    assert str(find_exchange(LABELS, None, None)) == "labels of FOVs"
    assert find_exchange(LABELS, None, None).log_arrangements == pytest.approx(log(comb(40, 20)))


def test_groups_of_one_class_exchange_labels_as_a_whole():
    groups = np.array([f"g{row // 5}" for row in range(40)], dtype=object)
    exchange = find_exchange(LABELS, groups, np.arange(40) // 10)
    assert str(exchange) == "labels of whole groups"
    assert exchange.log_arrangements == pytest.approx(log(comb(8, 4)))
    labels = drawn(exchange)
    assert all(len(set(row[start : start + 5])) == 1 for row in labels for start in range(0, 40, 5))
    assert len(np.unique(labels, axis=0)) > 50


def test_groups_of_several_classes_exchange_within():
    groups = np.array([f"g{row % 4}" for row in range(40)], dtype=object)
    groups[groups == "g3"] = np.where(LABELS[groups == "g3"] == "a", "g4", "g5")  # these two have one class each
    exchange = find_exchange(LABELS, groups, None)
    assert exchange.what == "labels of FOVs within their groups"
    labels = drawn(exchange)
    for group in ("g0", "g1", "g2"):
        assert ((labels[:, groups == group] == "a").sum(axis=1) == 5).all()
    still = np.isin(groups, ["g4", "g5"])
    assert (labels[:, still] == LABELS[still]).all()


def test_fovs_without_a_group_are_groups_of_their_own():
    groups = np.array([None] * 40, dtype=object)
    assert find_exchange(LABELS, groups, None).what == "labels of FOVs"
    groups[:5] = "g"
    assert find_exchange(LABELS, groups, None).what == "labels of whole groups"


def test_what_cannot_be_exchanged_is_refused():
    with pytest.raises(DataError, match=r"at least two classes, found \['a'\]"):
        find_exchange(LABELS[:20], None, None)
    two = np.repeat(["x", "y"], 20).astype(object)
    assert find_exchange(LABELS, two, None).log_arrangements == pytest.approx(log(2))
    mixed = np.array([f"g{row}" for row in range(40)], dtype=object)
    mixed[:20] = "x"
    mixed[20:] = "y"
    odd = LABELS.copy()
    odd[39] = "a"
    exchange = find_exchange(odd, mixed, None)
    assert exchange.log_arrangements == pytest.approx(log(20))


def test_p_by_hand():
    null = np.array([0.1, 0.2, 0.3, 0.4])
    assert permutation_p(0.5, null) == 1 / 5
    assert permutation_p(0.3, null) == 3 / 5
    assert permutation_p(0.0, null) == 1


def test_p_is_uniform_where_classes_say_nothing():
    """One in twenty p-values is at most 0.05, also where groups share what classes do not explain."""
    rng = np.random.default_rng(5)
    groups = np.array([f"g{row // 4}" for row in range(40)], dtype=object)
    small, naive = [], []
    for _ in range(300):
        values = np.repeat(rng.normal(size=10), 4) + 0.2 * rng.normal(size=40)
        labels = np.repeat(rng.permutation(["a"] * 5 + ["b"] * 5), 4)
        for owners, found in ((groups, small), (None, naive)):
            exchange = find_exchange(labels, owners, None)
            null = np.array([_distance(values, exchange.draw(rng)) for _ in range(59)])
            found.append(permutation_p(_distance(values, labels), null))
    assert np.mean(np.array(small) <= 0.05) <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5
    assert np.mean(np.array(naive) <= 0.05) > 0.15


def _distance(values, labels):
    return abs(values[labels == "a"].mean() - values[labels == "b"].mean())
