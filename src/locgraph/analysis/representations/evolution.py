"""Whether decoded clouds pass from one unit to another without a detour when their vectors do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from locgraph.analysis.representations.cloud_distance import aligned_chamfer
from locgraph.analysis.representations.reconstruction import Decode
from locgraph.analysis.representations.scores import EVOLUTION, EVOLUTION_REAL, Score, absent, scored
from locgraph.stats.bootstrap import DRAWS, draw_weights, few_owners, percentile_interval
from locgraph.stats.intervals import Interval
from locgraph.stats.pooled import FEWEST_GROUPS

FRACTIONS: Final = tuple(place / 10 for place in range(1, 10))
"""Where on the way from one vector to the other clouds are decoded."""


def draw_pairs(n: int, n_pairs: int, seed: int) -> np.ndarray:
    """Return pairs (M, 2) int64 of different units, drawn at random, no pair twice; all of them where there are few."""
    first, second = np.triu_indices(n, k=1)
    chosen = np.random.default_rng(seed).permutation(len(first))[:n_pairs]
    return np.stack([first[chosen], second[chosen]], axis=1)


def evolution_scores(
    decode: Decode, vectors: np.ndarray, clouds: Sequence[np.ndarray], n_pairs: int, seed: int
) -> list[Score]:
    """Decode points between the vectors of two units, and compare them with both ends.

    The energy is ``[d(dec(z_f), A) + d(dec(z_f), B)] / d(A, B)`` with ``z_f = z_A + f (z_B - z_A)``, f from 0.1 to 0.9,
    the mean over f and pairs. d is the mean Chamfer distance, least over rotations, so that a decoder that leaves the
    orientation open is not charged for it. It would be at least 1 for a distance that obeys the triangle inequality,
    which Chamfer does only nearly. Ends are decoded ones (is the way straight?) and beside it real ones, which add the
    error of the reconstruction.

    Args:
        decode: Of the model.
        vectors: (U, L) float64.
        clouds: Localisations (N_u, D) of each unit relative to their centre, in the unit of length of the model.
        n_pairs: Pairs of units, drawn at random.
        seed: Of the pairs and the bootstrap.

    Returns:
        The energy with decoded and with real ends; a reason where there is none.
    """
    if len(vectors) < 2:
        return absent([EVOLUTION, EVOLUTION_REAL], "needs two units")
    decoded: list[float] = []
    real: list[float] = []
    pairs = draw_pairs(len(vectors), n_pairs, seed)
    for first, second in pairs:
        start, end = vectors[first], vectors[second]
        way = [start, *(start + part * (end - start) for part in FRACTIONS), end]
        shapes = decode(np.stack(way))
        decoded.append(path_energy(shapes[1:-1], shapes[0], shapes[-1]))
        real.append(path_energy(shapes[1:-1], clouds[first], clouds[second]))
    return [
        _mean(EVOLUTION, np.array(decoded), pairs, seed),
        _mean(EVOLUTION_REAL, np.array(real), pairs, seed),
    ]


def path_energy(between: Sequence[np.ndarray], start: np.ndarray, end: np.ndarray) -> float:
    """Return the mean energy of clouds on the way from one end to the other; NaN where both ends are the same.

    Args:
        between: Clouds (P, D), relative to their centre.
        start: One end (N, D).
        end: The other end (M, D).
    """
    apart = aligned_chamfer(start, end)
    size = float(np.sqrt((start**2).sum(axis=1).mean()))
    if apart <= 1e-6 * size:
        return float("nan")
    energies = [(aligned_chamfer(cloud, start) + aligned_chamfer(cloud, end)) / apart for cloud in between]
    return float(np.mean(energies))


def _mean(metric: str, energies: np.ndarray, pairs: np.ndarray, seed: int) -> Score:
    """Return the mean over pairs; units are drawn for its interval, since pairs share them."""
    known = ~np.isnan(energies)
    if not known.any():
        return absent([metric], "the ends of every pair are the same cloud")[0]
    values, (first, second) = energies[known], pairs[known].T
    note = f"{len(values)} pairs" + (f", {int((~known).sum())} of equal ends left out" if (~known).any() else "")
    mean = float(values.mean())
    n = len(np.unique(pairs[known]))
    if n < FEWEST_GROUPS:
        return scored(metric, Interval(mean, None, None, few_owners(n)), len(values), note=note)
    drawn = draw_weights(int(pairs.max()) + 1, DRAWS, seed)
    weights = drawn[:, first] * drawn[:, second]
    kept = weights.sum(axis=1) > 0
    draws = (weights[kept] @ values) / weights[kept].sum(axis=1)
    return scored(metric, percentile_interval(mean, draws), len(values), note=note)
