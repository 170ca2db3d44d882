"""Paired tests against enumeration, scipy and simulation under the null."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from locgraph.errors import ConfigError, DataError
from locgraph.stats.paired import cohens_g, corrected_t_test, practical_equivalence, sign_flip_test

DIFFERENCES = [0.04, -0.01, 0.03, 0.02, 0.05]


def null_folds(n, overlap, repeats, seed=0):
    """Differences of ``n`` folds without any true one (repeats, n): correlated as training sides of folds make them."""
    rng = np.random.default_rng(seed)
    share = overlap / (1 + overlap)
    return share**0.5 * rng.normal(size=(repeats, 1)) + (1 - share) ** 0.5 * rng.normal(size=(repeats, n))


def test_the_corrected_t_by_hand():
    # mean 0.026, s.d. 0.0230217; 0.026 / (0.0230217 * sqrt(1/5 + 1/4)) = 1.68357, p from a table of t with 4 df
    result = corrected_t_test(DIFFERENCES, 0.25)
    assert (result.statistic, result.df) == pytest.approx((1.68357, 4), abs=1e-4)
    assert result.p == pytest.approx(2 * stats.t.sf(1.68357, 4), abs=1e-5)
    assert corrected_t_test(DIFFERENCES, 0.25, greater=True).p == pytest.approx(result.p / 2)
    assert corrected_t_test([-value for value in DIFFERENCES], 0.25, greater=True).p == pytest.approx(1 - result.p / 2)
    assert corrected_t_test(DIFFERENCES, 0.0).p == pytest.approx(stats.ttest_1samp(DIFFERENCES, 0).pvalue)


def test_p_over_folds_is_uniform_without_a_difference():
    ps = [corrected_t_test(row, 0.25).p for row in null_folds(5, 0.25, 2000)]
    assert stats.kstest(ps, "uniform").pvalue > 0.01
    uncorrected = [corrected_t_test(row, 0.0).p for row in null_folds(5, 0.25, 2000)]
    assert np.mean(np.array(uncorrected) < 0.05) > 0.1


def test_folds_that_do_not_vary():
    assert corrected_t_test([0.1], 0.25) is None
    assert corrected_t_test([0.1, 0.1, 0.1], 0.25) is None
    assert corrected_t_test([0.0, 0.0], 0.25).p == 1
    assert practical_equivalence([0.1], 0.25, 0.01) is None
    assert practical_equivalence([0.0, 0.0], 0.25, 0.01) is None


@pytest.mark.parametrize(("first", "second"), [(14, 4), (4, 14), (3, 3), (1, 0), (40, 22)])
def test_mcnemar_is_binomial_over_discordant_fovs(first, second):
    differences = np.array([1.0] * first + [-1.0] * second + [0.0] * 30)
    owners = np.arange(len(differences))
    assert sign_flip_test(differences, owners).p == pytest.approx(stats.binomtest(first, first + second).pvalue)
    one_sided = stats.binomtest(first, first + second, alternative="greater").pvalue
    assert sign_flip_test(differences, owners, greater=True).p == pytest.approx(one_sided)


def test_fractions_of_seeds_and_groups_by_enumeration():
    sums = np.array([1 / 3, -2 / 3, 1.0, 0.5, 1 / 3, -1 / 3, 0.5])
    tosses = np.array([np.dot(signs, sums) for signs in product((-1, 1), repeat=len(sums))])
    expected = np.mean(np.abs(tosses) >= abs(sums.sum()) - 1e-9)
    assert sign_flip_test(sums, np.arange(7)).p == pytest.approx(expected)
    assert sign_flip_test(sums, np.arange(7), greater=True).p == pytest.approx(np.mean(tosses >= sums.sum() - 1e-9))
    halves = np.concatenate([sums / 2, sums / 2])
    assert sign_flip_test(halves, np.tile(np.arange(7), 2)).p == pytest.approx(expected)


def test_many_discordant_fovs_follow_the_normal_law():
    differences = np.array([1.0] * 3300 + [-1.0] * 3100)
    exact = stats.binomtest(3300, 6400).pvalue
    assert sign_flip_test(differences, np.arange(6400)).p == pytest.approx(exact, abs=0.001)
    assert sign_flip_test(differences, np.arange(6400), greater=True).p == pytest.approx(exact / 2, abs=0.001)


def test_p_over_fovs_is_no_smaller_than_it_should_be_without_a_difference():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(15), 8)
    alone, grouped = [], []
    for _ in range(600):
        signs = np.repeat(rng.choice([-1.0, 1.0], 15), 8)  # all FOVs of a group go with one method
        differences = signs * (rng.random(120) < 0.3)
        alone.append(sign_flip_test(differences, np.arange(120)).p)
        grouped.append(sign_flip_test(differences, groups).p)
    assert np.mean(np.array(grouped) <= 0.05) <= 0.05 + 2 * (0.05 * 0.95 / 600) ** 0.5
    assert np.mean(np.array(alone) <= 0.05) > 0.2


def test_equal_predictions_have_p_1():
    for greater in (False, True):
        assert sign_flip_test(np.zeros(9), np.arange(9), greater=greater).p == 1


def test_practical_equivalence_against_draws():
    rng = np.random.default_rng(0)
    scale = np.std(DIFFERENCES, ddof=1) * (1 / 5 + 1 / 4) ** 0.5
    draws = np.mean(DIFFERENCES) + scale * rng.standard_t(4, 400_000)
    found = practical_equivalence(DIFFERENCES, 0.25, 0.01)
    assert found.better == pytest.approx(np.mean(draws > 0.01), abs=0.004)
    assert found.worse == pytest.approx(np.mean(draws < -0.01), abs=0.004)
    assert found.worse + found.equal + found.better == pytest.approx(1)
    # without a region it is the one-sided p of the t-test
    assert practical_equivalence(DIFFERENCES, 0.25, 0.0).worse == pytest.approx(
        corrected_t_test(DIFFERENCES, 0.25, greater=True).p
    )
    with pytest.raises(ConfigError, match=r"^rope: expected a number of at least 0, found -0\.1"):
        practical_equivalence(DIFFERENCES, 0.25, -0.1)


def test_cohens_g():
    assert cohens_g(15, 5) == 0.25
    assert cohens_g(0, 0) is None
    with pytest.raises(DataError, match="numbers of FOVs, found -1"):
        cohens_g(-1, 3)
