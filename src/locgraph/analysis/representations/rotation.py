"""How much vectors change when units are rotated, though a structure stays what it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from locgraph.analysis.averages.poses import plane_rotations, quaternion_rotations
from locgraph.analysis.representations.scores import (
    ROTATION_ERROR,
    ROTATION_HIGH,
    ROTATION_MEDIAN,
    ROTATION_SPREAD,
    Score,
    absent,
    scored,
)
from locgraph.stats.bootstrap import mean_of_owners

EmbedRotated = Callable[[np.ndarray], np.ndarray]
"""Takes a rotation of each FOV (F, D, D), gives the vectors (U, L) of the units of the rotated FOVs."""


def random_rotations(n: int, dimensions: int, rng: np.random.Generator) -> np.ndarray:
    """Return rotations (n, D, D) drawn evenly from SO(2) or SO(3).

    In 3D the quaternions are normal vectors of length one (Shoemake 1992, 10.1016/B978-0-08-050755-2.50036-1). No
    rotation leaves a unit where it is, as one angle of a regular grid would.
    """
    if dimensions == 2:
        return plane_rotations(2 * np.pi * (1.0 - rng.random(n)))
    quaternions = rng.normal(size=(n, 4))
    return quaternion_rotations(quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True))


def rotation_errors(first: np.ndarray, rotated: np.ndarray) -> np.ndarray:
    """Return ``|z_t - z_0| / (|z_0| + |z_t|)`` of each unit, between 0 and 1.

    Args:
        first: Vectors z_0 (U, L) of the units as they are.
        rotated: Vectors z_t (U, L) of the rotated units.

    Returns:
        (U,) float64; 0 where both are zero.
    """
    apart = np.linalg.norm(rotated - first, axis=1)
    total = np.linalg.norm(first, axis=1) + np.linalg.norm(rotated, axis=1)
    return np.divide(apart, total, out=np.zeros(len(apart)), where=total > 0)


def rotation_scores(
    embed: EmbedRotated, n_fovs: int, owners: np.ndarray, dimensions: int, n_angles: int, seed: int
) -> list[Score]:
    """Rotate each FOV several times at random, and measure how far the vectors of its units move.

    The published error depends on where the origin of the vectors is: a large constant part makes it small whatever the
    rotation does. So the mean distance that a vector moves is also given over the mean distance between two units.

    Args:
        embed: Embeds the units of rotated FOVs.
        n_fovs: Number of FOVs F.
        owners: (U,) what units belong to.
        dimensions: 2 or 3.
        n_angles: Rotations of each FOV, each drawn for itself.
        seed: Of the rotations.

    Returns:
        Mean, median and 95 % quantile of the error of all units and rotations, and the mean distance over that between
        units.
    """
    rng = np.random.default_rng(seed)
    n = len(owners)
    first = embed(np.tile(np.eye(dimensions), (n_fovs, 1, 1)))
    errors, apart = np.empty((n_angles, n)), np.empty((n_angles, n))
    for turn in range(n_angles):
        rotated = embed(random_rotations(n_fovs, dimensions, rng))
        errors[turn] = rotation_errors(first, rotated)
        apart[turn] = np.linalg.norm(rotated - first, axis=1)
    note = f"{n_angles} random rotations of each FOV, SO({dimensions})"
    mean = mean_of_owners(errors.mean(axis=0), owners, seed)
    scores = [
        scored(ROTATION_ERROR, mean, n, note=note),
        Score(ROTATION_MEDIAN, float(np.median(errors)), n=n, note=note),
        Score(ROTATION_HIGH, float(np.quantile(errors, 0.95)), n=n, note=note),
    ]
    between = mean_distance(first)
    if between <= 0:
        return [*scores, *absent([ROTATION_SPREAD], "the vectors of all units are equal")]
    relative = mean_of_owners(apart.mean(axis=0) / between, owners, seed)
    return [*scores, scored(ROTATION_SPREAD, relative, n, note=note)]


def mean_distance(vectors: np.ndarray) -> float:
    """Return the mean distance between two different rows of (U, L) float64; 0 with one row."""
    if len(vectors) < 2:
        return 0.0
    total = sum(float(np.linalg.norm(vectors[row + 1 :] - own, axis=1).sum()) for row, own in enumerate(vectors))
    return 2 * total / (len(vectors) * (len(vectors) - 1))
