"""Power laws against known ones and a general optimiser, their bounds, and numbers of FOVs."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from locgraph.errors import DataError
from locgraph.stats.power_law import fit_power_laws, law_errors, needed_sizes

SIZES = np.array([20.0, 40.0, 80.0, 160.0, 320.0])
ONES = np.ones(len(SIZES))


@pytest.mark.parametrize(("a", "b", "c"), [(2.0, 0.8, 0.05), (0.9, 0.3, 0.0), (5.0, 1.2, 0.1)])
def test_a_law_without_noise_is_found(a, b, c):
    errors = a * SIZES**-b + c
    laws = fit_power_laws(SIZES, np.stack([errors, errors[::-1] * 0 + 0.2]), ONES)
    assert laws[0, 1] == pytest.approx(b, rel=0.05)
    np.testing.assert_allclose(law_errors(laws, SIZES)[0], errors, atol=2e-3)
    np.testing.assert_allclose(law_errors(laws, SIZES)[1], 0.2, atol=1e-12)


def test_a_fit_is_as_good_as_that_of_a_general_optimiser():
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2.0, len(SIZES))
    for _ in range(10):
        errors = np.clip(1.5 * SIZES**-0.6 + 0.04 + rng.normal(0, 0.02, len(SIZES)), 0, 1)

        def loss(law, errors=errors):
            return weights**0.5 * (law[0] * SIZES ** -law[1] + law[2] - errors)

        best = min(
            (
                least_squares(loss, (a, b, 0.01), bounds=([0, 0.05, 0], [np.inf, 2, 1])).cost * 2
                for a, b in ((0.5, 0.3), (2.0, 0.7), (9.0, 1.5))
            )
        )
        found = fit_power_laws(SIZES, errors[None], weights)[0]
        assert (loss(found) ** 2).sum() <= best * 1.01 + 2e-6
        assert found[0] >= 0
        assert found[2] >= 0


def test_errors_that_grow_are_a_constant():
    (law,) = fit_power_laws(SIZES, np.array([[0.1, 0.2, 0.3, 0.4, 0.5]]), ONES)
    assert (law[0], law[2]) == pytest.approx((0.0, 0.3))


def test_the_order_of_sizes_does_not_matter():
    errors, order = 2 * SIZES**-0.5 + np.array([0.01, 0, -0.01, 0.02, 0]), np.array([3, 0, 4, 1, 2])
    one, other = (
        fit_power_laws(SIZES, errors[None], SIZES),
        fit_power_laws(SIZES[order], errors[order][None], SIZES[order]),
    )
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_numbers_that_an_error_takes():
    laws = np.array([[2.0, 0.5, 0.0], [2.0, 0.5, 0.1], [0.0, 1.0, 0.02]])
    np.testing.assert_allclose(needed_sizes(laws, 0.1), [400.0, np.inf, 0.0])
    assert law_errors(laws[:1], np.array([400.0]))[0, 0] == pytest.approx(0.1)
    assert law_errors(laws[:1], np.array([0.1]))[0, 0] == 1.0


def test_too_few_sizes():
    with pytest.raises(DataError, match=r"at least 4 training sizes, found \[10, 20, 30\]"):
        fit_power_laws(np.array([10, 20, 30, 30]), np.full((1, 4), 0.1), np.ones(4))
