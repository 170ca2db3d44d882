"""Order of the rotational symmetry of a density, against what densities without symmetry give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import isotonic_regression

MOST_FOLD: Final = 12
"""Largest order that is looked for."""

LEAST_SCORE: Final = 0.7
"""Score from which on a density has an order. One of order n with sharp sites scores (n - 1) / (2n - 1), so less than
0.5, at order 2n; sites that are filled unequally lower the score of the true order."""

SIGNIFICANCE: Final = 0.01

_DRAWS: Final = 1000


@dataclass(frozen=True)
class Symmetry:
    """What speaks for each order of rotational symmetry.

    Attributes:
        order: Largest order that the density has; 1 is none.
        scores: Order, from 2 on -> score: 1 is perfect symmetry, 0 what chance gives.
        p_values: Order -> probability that any order of a density without symmetry scores as much.
    """

    order: int
    scores: dict[int, float]
    p_values: dict[int, float]


def score_order(power: np.ndarray, order: int) -> float:
    """Return the mean correlation of a density with itself turned by the multiples of 360 degrees over an order.

    A density of symmetry C_n has angular Fourier components at multiples of n alone. With f the part of the power at
    multiples of n, the correlation with the n - 1 turned copies is (n f - 1) / (n - 1) in the mean, once the mean over
    all angles is taken away: 1 for perfect symmetry, 0 where the power does not depend on the order.

    Args:
        power: (..., M) float64, power of the angular components 1 ... M.
        order: At least 2, at most M.

    Returns:
        (...) scores; 0 where there is no power.
    """
    total = power.sum(axis=-1)
    part = np.divide(
        power[..., order - 1 :: order].sum(axis=-1), total, out=np.full_like(total, 1 / order), where=total > 0
    )
    return (order * part - 1) / (order - 1)


def judge_symmetry(powers: dict[int, np.ndarray], seed: int) -> Symmetry:
    """Find the largest order of rotational symmetry from the angular power of a density.

    Chance is a density whose components have independent powers, exponentially distributed about the measured spectrum
    made monotone (its isotonic regression): no order is preferred, and detail is as fine. The p-value of a score is
    that of the largest score over all orders.

    Args:
        powers: Order, from 2 on -> power (M,) of the angular components 1 ... M about the centre that suits this order
            best, M at least the order.
        seed: Of the draws of chance.

    Returns:
        The largest order with a score of at least `LEAST_SCORE` and a p-value below `SIGNIFICANCE`; 1 where there is
        none, or where the density has no angular detail, as a plain ring.
    """
    draws = np.random.default_rng(seed).exponential(size=(_DRAWS, max(map(len, powers.values()))))
    scores, p_values = {}, {}
    for order, power in powers.items():
        scores[order] = float(score_order(power, order))
        chance = isotonic_regression(power, increasing=False).x * draws[:, : len(power)]
        best = np.max([score_order(chance, each) for each in powers], axis=0)
        p_values[order] = (1 + int(np.count_nonzero(best >= scores[order]))) / (_DRAWS + 1)
    accepted = [order for order in powers if scores[order] >= LEAST_SCORE and p_values[order] < SIGNIFICANCE]
    return Symmetry(max(accepted, default=1), scores, p_values)
