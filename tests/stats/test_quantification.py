"""Fractions of true classes from predicted ones: known mixtures, intervals that cover, and refusals."""

import numpy as np
import pytest

from locgraph.stats.quantification import Confusion, adjusted_fractions

NAMES = ("a", "b", "c")


def confusion(counts, independent=None):
    counts = np.array(counts)
    return Confusion(counts, counts.sum(axis=1).astype(float) if independent is None else np.array(independent, float))


def test_two_classes_are_the_adjusted_count_of_forman():
    # 700 of 1000 called b, true positive rate 0.8, false positive rate 0.1
    first, second = adjusted_fractions(np.array([300, 700]), confusion([[90, 10], [20, 80]]), 0)
    assert second.estimate == pytest.approx((0.7 - 0.1) / (0.8 - 0.1))
    assert first.estimate + second.estimate == pytest.approx(1)
    assert second.low < second.estimate < second.high


def test_a_known_mixture_is_recovered():
    rates = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.0, 0.1, 0.9]])
    true = np.array([0.5, 0.2, 0.3])
    fractions = adjusted_fractions(np.round(10_000 * true @ rates), confusion(1000 * rates), 0)
    assert [each.estimate for each in fractions] == pytest.approx(true, abs=1e-3)


def test_a_class_of_errors_alone_vanishes():
    first, second = adjusted_fractions(np.array([95, 5]), confusion([[190, 10], [4, 196]]), 0)
    assert second.estimate == pytest.approx(0, abs=1e-3)
    assert second.low == pytest.approx(0, abs=0.01)
    assert first.estimate == pytest.approx(1, abs=1e-3)


def test_without_confusion_counts_stay_as_they_are():
    fractions = adjusted_fractions(np.array([30, 10]), confusion([[50, 0], [0, 50]]), 0)
    assert [each.estimate for each in fractions] == pytest.approx([0.75, 0.25])


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(0)
    rates, true = np.array([[0.85, 0.15], [0.1, 0.9]]), np.array([0.3, 0.7])
    covered = 0
    for seed in range(60):
        counts = np.stack([rng.multinomial(60, row) for row in rates])
        predicted = rng.multinomial(200, true @ rates)
        interval = adjusted_fractions(predicted, confusion(counts), seed)[0]
        covered += interval.low <= 0.3 <= interval.high
    assert covered >= 54


def test_fewer_independent_tests_give_wider_intervals():
    def width(independent):
        interval = adjusted_fractions(np.array([300, 700]), confusion([[90, 10], [20, 80]], independent), 0)[0]
        return interval.high - interval.low

    assert width([5, 5]) > 1.5 * width([100, 100])


def test_what_cannot_be_corrected_has_a_reason():
    assert (
        confusion([[9, 0, 0], [0, 10, 0], [0, 0, 10]]).problem(NAMES) == "fewer than 10 test objects of a got a class"
    )
    assert "confused too often" in confusion([[10, 10], [11, 9]]).problem(NAMES[:2])
    assert confusion([[10, 0], [0, 10]]).problem(NAMES[:2]) == ""
    assert adjusted_fractions(np.array([5, 1]), confusion([[20, 0], [20, 0]]), 0) == (
        "a class is predicted that no test object got"
    )
    assert adjusted_fractions(np.array([0, 0]), confusion([[20, 0], [0, 20]]), 0) == "no object got a class"
