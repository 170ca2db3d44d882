"""Registration of one object to a template: overlap of Gaussians, scanned coarsely and then climbed.

The cost follows template-free particle fusion (Heydarian et al. 2018, 10.1038/s41592-018-0136-6; in 3D 2021,
10.1038/s41467-021-22006-5): the overlap of two sums of Gaussians whose widths are the localisation precisions, also
known as kernel correlation (Tsin and Kanade 2004, 10.1007/978-3-540-24672-5_44). Where sites are localised a different
number of times, this overlap is largest with the fullest sites on top of each other, in whatever orientation. So each
localisation counts less the more of the same object are about it (`locgraph.analysis.averages.workbench`), and the
density of the template is raised to the power `FLATNESS`: it matters more that there is a site than how full it is.

The cost is climbed in closed form. A sum of Gaussians to a positive power is a convex function of the squared
distances, so that moving each localisation towards the weighted mean of the template about it never lowers the overlap,
and the best rigid motion towards these means is that of Kabsch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from locgraph.analysis.averages.poses import best_rotations, rotation_angles
from locgraph.analysis.averages.template import Points, Template

FLATNESS: Final = 0.3
"""Power of the template's density: 1 is the plain overlap, 0 counts whatever is inside the template."""

_STARTS: Final = 6
_KEPT: Final = 3
_STEPS: Final = (6, 8, 14)
_SETTLED: Final = 0.02  # of a pixel
_FAINTEST: Final = 1e-6
_SHIFT_STEPS: Final = (-1, 0, 1)


@dataclass(frozen=True)
class Scan:
    """Poses that are tried before any is climbed from.

    Attributes:
        rotations: (K, D, D).
        step_rad: Angle between neighbouring ones.
        shift_nm: Step of the shifts, of which there are three along each axis.
        most_points: Localisations that are looked at; of more every second, third ... one.
    """

    rotations: np.ndarray
    step_rad: float
    shift_nm: float
    most_points: int


def register(
    points: Points, templates: Sequence[Template], scan: Scan | None, rotation: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Find the pose of an object that overlaps most with a template.

    Args:
        points: The object.
        templates: The same template, blurred less and less; the first has one level.
        scan: What is tried first; None climbs from the present pose on the last template alone.
        rotation: Present pose (D, D).
        shift: Present pose (D,).

    Returns:
        Rotation (D, D), shift (D,), and the flattened overlap with the last template.
    """
    rotations, shifts = rotation[None], shift[None]
    if scan is not None:
        first = scan_poses(points, templates[0], scan)
        rotations, shifts = np.concatenate([first[0], rotations]), np.concatenate([first[1], shifts])
        for template, steps in zip(templates[:-1], _STEPS, strict=False):
            rotations, shifts = climb(points, template, rotations, shifts, steps)
        kept = np.argsort(-overlaps(points, templates[-2], rotations, shifts), kind="stable")[:_KEPT]
        rotations, shifts = rotations[kept], shifts[kept]
    rotations, shifts = climb(points, templates[-1], rotations, shifts, _STEPS[-1])
    values = overlaps(points, templates[-1], rotations, shifts)
    best = int(values.argmax())
    return rotations[best], shifts[best], float(values[best])


def scan_poses(points: Points, template: Template, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Return the best poses of a scan, no two of them neighbours.

    Args:
        points: The object.
        template: Of one level, whose grid reaches further than the object and the shifts.
        scan: What is tried.

    Returns:
        Rotations (S, D, D) and shifts (S, D), the best first.
    """
    kernel = template.kernel
    d, n = kernel.dimensions, kernel.n_pixels
    some = slice(None, None, -(-len(points.places) // scan.most_points))
    step = max(round(scan.shift_nm / kernel.pixel_nm), 1)
    moves = np.array(list(product(_SHIFT_STEPS, repeat=d))) * step
    places = points.places[some] @ scan.rotations.transpose(0, 2, 1)
    # a border as wide as a shift, so that no shift leaves the grid
    pixels = np.clip(np.floor((places + kernel.half_nm) / kernel.pixel_nm), step, n - 1 - step).astype(np.int64)
    strides = n ** np.arange(d - 1, -1, -1)
    flat = pixels @ strides
    density = np.maximum(template.fields[0, :, 0], 0.0) ** np.float32(FLATNESS)
    weights = points.weights[some].astype(np.float32)
    values = np.stack([density.take(flat + offset) @ weights for offset in moves @ strides], axis=1)
    best = values.argmax(axis=1)
    left = values.max(axis=1)
    chosen: list[int] = []
    while len(chosen) < _STARTS and np.isfinite(left).any():
        place = int(left.argmax())
        chosen.append(place)
        left = np.where(rotation_angles(scan.rotations, scan.rotations[place]) < 1.5 * scan.step_rad, -np.inf, left)
    return scan.rotations[chosen], moves[best[chosen]] * kernel.pixel_nm


def climb(
    points: Points, template: Template, rotations: np.ndarray, shifts: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Raise the overlap with a template from several poses at once.

    Args:
        points: The object, N localisations.
        template: The template.
        rotations: (S, D, D).
        shifts: (S, D).
        steps: How often each pose is moved, at most.

    Returns:
        The poses that are reached.
    """
    reach = float(np.abs(points.places).max())
    floor = _FAINTEST * template.largest
    for _ in range(steps):
        places = points.places @ rotations.transpose(0, 2, 1) + shifts[:, None]
        fields = template.sample(places, points.levels)
        pull = fields[..., 1] * points.weights * np.maximum(fields[..., 0], floor) ** (FLATNESS - 1)
        lost = ~(pull.sum(axis=1) > 0)
        if lost.all():
            break
        targets = fields[..., 2:] / np.maximum(fields[..., 1:2], np.float32(1e-30))
        pull[lost] = 1.0  # their new pose is not taken
        turned, moved = best_rotations(points.places, targets, pull)
        turned, moved = np.where(lost[:, None, None], rotations, turned), np.where(lost[:, None], shifts, moved)
        change = max(np.abs(turned - rotations).max() * reach, np.abs(moved - shifts).max())
        rotations, shifts = turned, moved
        if change < _SETTLED * template.kernel.pixel_nm:
            break
    return rotations, shifts


def overlaps(points: Points, template: Template, rotations: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return the flattened overlap (S,) of an object in several poses with a template."""
    places = points.places @ rotations.transpose(0, 2, 1) + shifts[:, None]
    density = template.sample(places, points.levels)[..., 0]
    return np.maximum(density, 0.0) ** FLATNESS @ points.weights
