"""Agreement of raters who sort: published examples, other implementations, chance, and intervals."""

from itertools import permutations

import numpy as np
import pytest

from locgraph.stats.raters.nominal import (
    MISSING,
    NO_PAIR,
    ONE_CLASS,
    cohen_kappa,
    krippendorff_alpha,
    percent_agreement,
)

RNG = np.random.default_rng(3)

PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, -1, -1, -1],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, -1, 3],
        [-1, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, -1],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, -1],
    ]
)
"""Four observers and twelve units: Krippendorff (2011), part C."""


def by_pairs(codes):
    """Alpha by its definition: a matrix of coincidences, filled pair by pair."""
    values = sorted(set(codes[codes != MISSING].tolist()))
    coincidences = np.zeros((len(values), len(values)))
    for column in codes.T:
        own = [value for value in column.tolist() if value != MISSING]
        for one, other in permutations(own, 2):
            coincidences[values.index(one), values.index(other)] += 1 / (len(own) - 1)
    totals = coincidences.sum(axis=1)
    unequal = ~np.eye(len(values), dtype=bool)
    expected = np.outer(totals, totals)[unequal].sum() / (totals.sum() - 1)
    return 1 - coincidences[unequal].sum() / expected


def test_alpha_of_the_published_example():
    assert krippendorff_alpha(PUBLISHED, np.arange(12)).estimate == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(PUBLISHED, np.arange(12)).estimate == pytest.approx(by_pairs(PUBLISHED))


def test_alpha_of_two_observers_and_a_binary_value():
    # Krippendorff (2011), part A: 10 units
    codes = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]])
    assert krippendorff_alpha(codes, np.arange(10)).estimate == pytest.approx(0.095, abs=5e-4)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_alpha_is_that_of_its_definition(missing):
    codes = RNG.integers(0, 4, (5, 40))
    codes[RNG.random(codes.shape) < missing] = MISSING
    assert krippendorff_alpha(codes, np.arange(40)).estimate == pytest.approx(by_pairs(codes))


def test_alpha_of_complete_values_is_the_kappa_of_fleiss_but_for_small_samples():
    codes = np.where(RNG.random((4, 60)) < 0.6, np.arange(60) % 3, RNG.integers(0, 3, (4, 60)))
    counts = np.stack([(codes == value).sum(axis=0) for value in range(3)], axis=1)
    observed = ((counts**2).sum(axis=1) - 4).mean() / (4 * 3)
    expected = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    fleiss = (observed - expected) / (1 - expected)
    alpha = krippendorff_alpha(codes, np.arange(60)).estimate
    assert 1 - alpha == pytest.approx((1 - fleiss) * (240 - 1) / 240)


def test_repeated_values_count_as_often():
    codes, repeats = RNG.integers(0, 3, (3, 10)), RNG.integers(1, 5, 10)
    whole = krippendorff_alpha(np.repeat(codes, repeats, axis=1), np.repeat(np.arange(10), repeats))
    assert krippendorff_alpha(codes, np.arange(10), repeats=repeats) == whole


def test_neither_order_nor_names_matter():
    shuffled = PUBLISHED[[2, 0, 3, 1]][:, RNG.permutation(12)]
    renamed = np.where(shuffled == MISSING, MISSING, 10 - shuffled)
    alpha = krippendorff_alpha(PUBLISHED, np.arange(12)).estimate
    assert krippendorff_alpha(renamed, np.arange(12)).estimate == pytest.approx(alpha)


def test_equal_values_agree_exactly_and_random_ones_by_chance():
    same = np.tile(RNG.integers(0, 3, 30), (3, 1))
    exact = krippendorff_alpha(same, np.arange(30))
    assert (exact.estimate, exact.low, exact.high) == (1.0, 1.0, 1.0)
    random = RNG.integers(0, 3, (3, 4000))
    assert abs(krippendorff_alpha(random, np.arange(4000)).estimate) < 0.03
    assert abs(cohen_kappa(random[0], random[1], np.arange(4000)).estimate) < 0.05


def test_intervals_cover_the_true_value():
    """Alpha of two raters who copy the truth of two equal classes with 0.8, else guess, is 0.64."""
    n, covered, trials = 80, {"alpha": 0, "kappa": 0}, 60
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        truth = rng.integers(0, 2, n)
        codes = np.where(rng.random((2, n)) < 0.8, truth, rng.integers(0, 2, (2, n)))
        for name, interval in (
            ("alpha", krippendorff_alpha(codes, np.arange(n))),
            ("kappa", cohen_kappa(codes[0], codes[1], np.arange(n))),
        ):
            covered[name] += interval.low <= 0.64 <= interval.high
    assert all(0.87 <= count / trials <= 1.0 for count in covered.values()), covered


def test_owners_are_drawn_whole():
    truth = np.repeat(RNG.integers(0, 2, 20), 25)
    flips = np.repeat(RNG.random(20) < 0.3, 25)
    codes = np.stack([truth, np.where(flips, 1 - truth, truth)])
    together, apart = (krippendorff_alpha(codes, own) for own in (np.repeat(np.arange(20), 25), np.arange(500)))
    assert together.estimate == apart.estimate
    assert together.high - together.low > 3 * (apart.high - apart.low)


def test_kappa_and_percentage_of_a_table_by_hand():
    # Cohen (1960): 25 + 35 of 100 on the diagonal, margins 40:60 and 50:50
    first = np.repeat([0, 0, 1, 1], [25, 15, 25, 35])
    second = np.repeat([0, 1, 0, 1], [25, 15, 25, 35])
    assert cohen_kappa(first, second, np.arange(100)).estimate == pytest.approx((0.6 - 0.5) / 0.5)
    assert percent_agreement(first, second, np.arange(100)).estimate == pytest.approx(0.6)


def test_values_of_one_rater_alone_do_not_count():
    first, second = np.array([0, 1, MISSING, 1, 0]), np.array([0, 1, 1, MISSING, 1])
    assert percent_agreement(first, second, np.arange(5)).estimate == pytest.approx(2 / 3)
    alone = np.array([[0, 1, 0], [MISSING] * 3])
    assert krippendorff_alpha(alone, np.arange(3)) == NO_PAIR
    assert cohen_kappa(*alone, np.arange(3)) == NO_PAIR
    assert percent_agreement(*alone, np.arange(3)) == NO_PAIR


def test_one_class_has_no_chance_to_differ():
    same = np.zeros((2, 9), np.int64)
    assert krippendorff_alpha(same, np.arange(9)) == ONE_CLASS
    assert cohen_kappa(*same, np.arange(9)) == ONE_CLASS
    assert percent_agreement(*same, np.arange(9)).estimate == 1.0


def test_a_rare_class_has_no_interval_that_looks_certain():
    codes = np.zeros((2, 40), np.int64)
    codes[:, 0] = 1
    found = krippendorff_alpha(codes, np.arange(40))
    assert (found.estimate, found.low) == (1.0, None)
    assert "of the bootstrap samples hold one class alone" in found.reason


def test_few_owners_have_no_interval():
    found = krippendorff_alpha(PUBLISHED[:, :9], np.repeat(["a", "b", "c"], 3))
    assert found.low is None
    assert "only 3 independent units" in found.reason
