"""The frame of an average: its centre, its axes and its rotational symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.optimize import minimize

from locgraph.analysis.averages.axes import own_axes
from locgraph.analysis.averages.clouds import Clouds
from locgraph.analysis.averages.poses import Poses
from locgraph.stats.rotational_symmetry import MOST_FOLD, Symmetry, judge_symmetry, score_order

_COMPONENTS: Final = 60
_ANGLES: Final = 128
_RINGS: Final = 24
_PIXELS: Final = 240
_BLUR: Final = 1 / 20
_PRESENT: Final = 0.1
_REACH: Final = 2.0
_TRIES: Final = 40


@dataclass(frozen=True)
class SymmetryAxis:
    """Rotational symmetry of an average.

    Attributes:
        symmetry: What speaks for each order.
        turn: (D, D) rotation that turns the axis of the symmetry to z; in 2D it turns nothing.
        centre: (D,) a point on the axis in nm, after the turn.
    """

    symmetry: Symmetry
    turn: np.ndarray
    centre: np.ndarray


def placed_points(clouds: Clouds, poses: Poses) -> np.ndarray:
    """Return the places (N, D) of all localisations of all objects."""
    return np.concatenate([poses.move(index, cloud.points) for index, cloud in enumerate(clouds.kept)])


def turn_upright(clouds: Clouds, poses: Poses) -> np.ndarray:
    """Return the rotation (D, D) onto the axes of the average, the longest along x."""
    points = placed_points(clouds, poses)
    return own_axes(points - points.mean(axis=0)).rotation


def find_axis(clouds: Clouds, poses: Poses, order: int | None, seed: int) -> SymmetryAxis:
    """Find the rotational symmetry of an average, and its axis.

    In 3D each of its principal axes is tried: the axis of the largest order wins, of equal orders that of the higher
    score.

    Args:
        clouds: The objects.
        poses: Theirs.
        order: That is known, whose axis and centre are returned; None takes the estimated one.
        seed: Of the draws of chance.
    """
    points = placed_points(clouds, poses)
    middle = points.mean(axis=0)
    if clouds.dimensions == 2:
        turns = [np.eye(2)]
    else:
        axes = own_axes(points - middle).rotation
        turns = [np.roll(axes, shift, axis=0) for shift in range(3)]  # even permutations: proper rotations
    tried = []
    for turn in turns:
        turned = (points - middle) @ turn.T
        symmetry, centre = _find_symmetry(turned[:, :2], clouds.width_nm, order, seed)
        centre = np.append(centre, np.zeros(clouds.dimensions - 2)) + turn @ middle
        tried.append(SymmetryAxis(symmetry, turn, centre))

    def rank(axis: SymmetryAxis) -> tuple[int, float]:
        wanted = axis.symmetry.order if order is None else order
        return (axis.symmetry.order if order is None else 0), axis.symmetry.scores.get(wanted, 0.0)

    return max(tried, key=rank)


def _find_symmetry(points: np.ndarray, width_nm: float, order: int | None, seed: int) -> tuple[Symmetry, np.ndarray]:
    """Return the symmetry of a density of points (N, 2) in the plane, and its centre (2,) in nm.

    Sites count by whether they are there rather than by how full they are: the density is divided by itself plus a
    tenth of its median. The centre of mass of an unevenly filled ring lies off its centre, so that the centre is
    searched for each order.
    """
    extent = float(np.sqrt((points**2).sum(axis=1).mean()))
    half = (_REACH + 1.0) * extent
    pixel = 2 * half / _PIXELS
    counts = np.histogram2d(points[:, 0], points[:, 1], bins=_PIXELS, range=[[-half, half]] * 2)[0]
    density = gaussian_filter(counts, max(np.sqrt(2) * width_nm, _BLUR * extent) / pixel, mode="constant")
    at_points = map_coordinates(density, (points.T + half) / pixel - 0.5, order=1)
    present = density / (density + _PRESENT * np.median(at_points) + 1e-12)
    radii = (np.arange(_RINGS) + 0.5) / _RINGS * _REACH * extent
    angles = np.arange(_ANGLES) / _ANGLES * 2 * np.pi
    circles = np.stack([radii[:, None] * np.cos(angles), radii[:, None] * np.sin(angles)])

    def power(centre: np.ndarray) -> np.ndarray:
        polar = map_coordinates(present, (circles + centre[:, None, None] + half) / pixel - 0.5, order=1)
        spectrum = np.abs(np.fft.rfft(polar, axis=1)) ** 2
        return (radii[:, None] * spectrum).sum(axis=0)[1 : _COMPONENTS + 1]

    axis = (np.arange(_PIXELS) + 0.5) * pixel - half
    start = np.array([present.sum(axis=1) @ axis, present.sum(axis=0) @ axis]) / max(present.sum(), 1e-12)
    simplex = start + np.array([[0, 0], [0.1, 0], [0, 0.1]]) * extent
    centres = {}
    for fold in sorted({*range(2, MOST_FOLD + 1), *([] if order is None or order < 2 else [order])}):
        options = {"maxiter": _TRIES, "initial_simplex": simplex}
        centres[fold] = minimize(
            lambda centre, fold=fold: -score_order(power(centre), fold), start, method="Nelder-Mead", options=options
        ).x
    symmetry = judge_symmetry({fold: power(centre) for fold, centre in centres.items()}, seed)
    return symmetry, centres.get(symmetry.order if order is None else order, np.zeros(2))
