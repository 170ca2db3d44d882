"""Distance of two point clouds that does not count how they are turned."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from locgraph.analysis.averages.poses import best_rotations, even_rotations

_STEP_RAD: Final = {2: np.deg2rad(10.0), 3: np.deg2rad(40.0)}
_REFINED: Final = 3
_STEPS: Final = 8
_COARSE_POINTS, _FINE_POINTS = 100, 300  # that starts are compared by, and that they are refined by


def chamfer(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean Chamfer distance: the mean of both mean distances to the nearest point of the other cloud.

    Distances, not squares, and means, not sums: it is a length and does not grow with the number of points.

    Args:
        first: (N, D) float64, at least one point.
        second: (M, D) float64, at least one point.
    """
    return _chamfer(first, cKDTree(first), second, cKDTree(second))


def _chamfer(first: np.ndarray, tree: cKDTree, second: np.ndarray, other: cKDTree) -> float:
    return float((other.query(first)[0].mean() + tree.query(second)[0].mean()) / 2)


@cache
def _starts(dimensions: int) -> np.ndarray:
    return even_rotations(dimensions, float(_STEP_RAD[dimensions]))


def aligned_chamfer(first: np.ndarray, second: np.ndarray) -> float:
    """Return the least mean Chamfer distance over the rotations of one cloud; see `align`."""
    return align(first, second)[0]


def align(first: np.ndarray, second: np.ndarray) -> tuple[float, np.ndarray]:
    """Turn one cloud about the origin to the least mean Chamfer distance from another; never to a mirror image.

    Rotations are tried evenly over all orientations (10 degrees apart in 2D, 40 in 3D), and the best three are refined
    by matching nearest points (Besl and McKay 1992, 10.1109/34.121791). The cloud as it is is among them.

    Args:
        first: (N, D) float64 relative to its centre, at least one point.
        second: (M, D) float64 relative to its centre.

    Returns:
        The distance, and the rotation (D, D) of the first: ``first @ rotation.T``.
    """
    dimensions = first.shape[1]
    tree, other = cKDTree(first), cKDTree(second)
    # rotations are chosen on some of the points, and measured on all of them
    few, some = _part(first, _FINE_POINTS), _part(second, _FINE_POINTS)
    few_tree = cKDTree(few)
    starts = np.concatenate([np.eye(dimensions)[None], _starts(dimensions)])
    costs = _costs(_part(first, _COARSE_POINTS), tree, _part(second, _COARSE_POINTS), other, starts)
    least, best = _chamfer(first, tree, second, other), starts[0]
    for place in np.argsort(costs, kind="stable")[:_REFINED]:
        for rotation in (_refine(few, some, few_tree, other, starts[place]), starts[place]):
            there, back = other.query(first @ rotation.T)[0].mean(), tree.query(second @ rotation)[0].mean()
            distance = float((there + back) / 2)
            if distance < least:
                least, best = distance, rotation
    return least, best


def _part(points: np.ndarray, most: int) -> np.ndarray:
    """Return about ``most`` points, evenly along their order."""
    return points[:: max(1, len(points) // most)]


def _costs(few: np.ndarray, tree: cKDTree, some: np.ndarray, other: cKDTree, rotations: np.ndarray) -> np.ndarray:
    """Return twice the distance (S,) for each rotation (S, D, D), from some points of both clouds."""
    there = other.query(few @ rotations.transpose(0, 2, 1))[0].mean(axis=1)
    back = tree.query(some @ rotations)[0].mean(axis=1)
    costs: np.ndarray = there + back
    return costs


def _refine(few: np.ndarray, some: np.ndarray, tree: cKDTree, other: cKDTree, rotation: np.ndarray) -> np.ndarray:
    """Return a rotation after some steps of matching nearest points, both ways; about the origin, without a shift."""
    data = other.data
    for _ in range(_STEPS):
        there = data[other.query(few @ rotation.T)[1]]
        back = few[tree.query(some @ rotation)[1]]
        sources, targets = np.concatenate([few, back]), np.concatenate([there, some])
        weights = np.concatenate([np.full(len(few), 1 / len(few)), np.full(len(some), 1 / len(some))])
        # points and their opposites have their centre at the origin: the best rotation is one about it
        both, ends = np.concatenate([sources, -sources]), np.concatenate([targets, -targets])
        rotation = best_rotations(both, ends[None], np.tile(weights, 2)[None])[0][0]
    return rotation
