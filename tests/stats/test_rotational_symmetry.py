"""Orders of rotational symmetry from angular spectra."""

import numpy as np
import pytest

from locgraph.stats.rotational_symmetry import judge_symmetry, score_order


def spectrum(angles: np.ndarray, most: int = 40) -> np.ndarray:
    """Power of the angular components of points on a circle, as wide as 3 degrees."""
    orders = np.arange(1, most + 1)
    return abs(np.exp(-1j * orders[:, None] * angles).sum(axis=1)) ** 2 * np.exp(-((orders * 0.05) ** 2))


def judged(angles: np.ndarray):
    power = spectrum(angles)
    return judge_symmetry(dict.fromkeys(range(2, 13), power), seed=0)


@pytest.mark.parametrize("order", [2, 3, 4, 5, 8, 12])
def test_even_sites_have_their_order(order):
    result = judged(0.3 + 2 * np.pi * np.arange(order) / order)
    assert result.order == order
    assert result.scores[order] == pytest.approx(1.0)
    assert result.p_values[order] < 0.01


def test_score_is_the_mean_correlation_with_turned_copies():
    rng = np.random.default_rng(0)
    density = rng.normal(size=240)
    density -= density.mean()
    power = abs(np.fft.rfft(density)) ** 2
    power[-1] /= 2  # the last component stands alone, the others for two
    for order in (2, 3, 8):
        copies = [np.roll(density, 240 * k // order) for k in range(1, order)]
        expected = np.mean([np.corrcoef(density, copy)[0, 1] for copy in copies])
        assert score_order(power[1:], order) == pytest.approx(expected)


def test_random_sites_rarely_have_an_order():
    rng = np.random.default_rng(0)
    orders = [judged(rng.uniform(0, 2 * np.pi, 9)).order for _ in range(25)]
    assert sum(order > 1 for order in orders) <= 1


def test_a_plain_ring_has_no_order():
    result = judge_symmetry(dict.fromkeys(range(2, 13), np.zeros(40)), seed=0)
    assert result.order == 1
    assert result.scores[8] == 0.0
    assert result.p_values[8] == 1.0
