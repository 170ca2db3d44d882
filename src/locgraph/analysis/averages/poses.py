"""Poses of objects: rotations, shifts and reflections in two and three dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

_PSI: Final = 1.533751168755204288118041  # psi^4 = psi + 4


@dataclass(frozen=True)
class Poses:
    """How objects are laid upon each other: ``place = rotation @ (mirror * point) + shift``, with the x axis mirrored.

    Attributes:
        rotations: (K, D, D) float64, proper rotations.
        shifts: (K, D) float64 in nm.
        mirrored: (K,) bool.
    """

    rotations: np.ndarray
    shifts: np.ndarray
    mirrored: np.ndarray

    def move(self, index: int, points: np.ndarray) -> np.ndarray:
        """Return the places (N, D) of the points (N, D) of one object."""
        return mirror(points, self.mirrored[index]) @ self.rotations[index].T + self.shifts[index]

    def copy(self) -> Poses:
        """Return the same poses in arrays of their own."""
        return Poses(self.rotations.copy(), self.shifts.copy(), self.mirrored.copy())

    def part(self, few: np.ndarray) -> Poses:
        """Return the poses of some objects."""
        return Poses(self.rotations[few], self.shifts[few], self.mirrored[few])

    def set(self, index: int, rotation: np.ndarray, shift: np.ndarray, mirrored: bool) -> None:
        """Replace the pose of one object."""
        self.rotations[index], self.shifts[index], self.mirrored[index] = rotation, shift, mirrored

    def then(self, rotation: np.ndarray, shift: np.ndarray) -> Poses:
        """Return the poses after a rotation (D, D) or (K, D, D) and a shift (D,) of all."""
        shifts = (rotation @ self.shifts[..., None])[..., 0] + shift
        return Poses(rotation @ self.rotations, shifts, self.mirrored)


def mirror(points: np.ndarray, mirrored: bool) -> np.ndarray:
    """Return points (N, D), with x reversed where wanted."""
    return points * np.array([-1.0, *[1.0] * (points.shape[-1] - 1)]) if mirrored else points


def identity(count: int, dimensions: int) -> Poses:
    """Return poses that leave everything where it is."""
    rotations = np.tile(np.eye(dimensions), (count, 1, 1))
    return Poses(rotations, np.zeros((count, dimensions)), np.zeros(count, bool))


def plane_rotations(angles: np.ndarray) -> np.ndarray:
    """Return rotations (K, 2, 2) by angles (K,) in radians."""
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def axis_rotations(angles: np.ndarray, dimensions: int) -> np.ndarray:
    """Return rotations (K, D, D) by angles (K,) in radians; in 3D about the z axis."""
    rotations = np.tile(np.eye(dimensions), (len(angles), 1, 1))
    rotations[:, :2, :2] = plane_rotations(angles)
    return rotations


def even_rotations(dimensions: int, step_rad: float) -> np.ndarray:
    """Return rotations (K, D, D) that cover all orientations evenly.

    In 2D even angles; in 3D a super-Fibonacci spiral of quaternions (Alexa, CVPR 2022).

    Args:
        dimensions: 2 or 3.
        step_rad: About the angle between neighbouring rotations.
    """
    if dimensions == 2:
        return plane_rotations(np.arange(0, 2 * np.pi, step_rad))
    count = int(np.ceil(8 * np.pi**2 / step_rad**3))  # volume of all rotations, in the metric of their angle
    place = np.arange(count) + 0.5
    part, low = np.sqrt(place / count), np.sqrt(1 - place / count)
    first, second = 2 * np.pi * place / np.sqrt(2), 2 * np.pi * place / _PSI
    return quaternion_rotations(
        np.stack([part * np.sin(first), part * np.cos(first), low * np.sin(second), low * np.cos(second)], -1)
    )


def quaternion_rotations(quaternions: np.ndarray) -> np.ndarray:
    """Return rotations (K, 3, 3) of unit quaternions (K, 4), the real part last."""
    x, y, z, w = quaternions.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def rotation_angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angle in radians between each of the rotations (K, D, D) and another one (D, D)."""
    trace = np.einsum("kij,ij->k", first, second)
    cosine = trace / 2 if second.shape[0] == 2 else (trace - 1) / 2
    return np.arccos(np.clip(cosine, -1, 1))


def best_rotations(points: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rotations and shifts that bring points nearest to their targets (Kabsch 1976, 10.1107/S0567739476001873).

    Args:
        points: (N, D).
        targets: (S, N, D).
        weights: (S, N), not negative, with a positive sum.

    Returns:
        Rotations (S, D, D), never reflections, and shifts (S, D).
    """
    parts = weights / weights.sum(axis=1, keepdims=True)
    centre = parts @ points
    weighted = parts[..., None] * targets
    goal = weighted.sum(axis=1)
    moment = weighted.transpose(0, 2, 1) @ points - goal[:, :, None] * centre[:, None, :]
    if points.shape[1] == 2:
        angle = np.arctan2(moment[:, 1, 0] - moment[:, 0, 1], moment[:, 0, 0] + moment[:, 1, 1])
        rotations = plane_rotations(angle)
    else:
        left, _, right = np.linalg.svd(moment)
        sign = np.sign(np.linalg.det(left @ right))
        left[:, :, -1] *= np.where(sign == 0, 1.0, sign)[:, None]
        rotations = left @ right
    return rotations, goal - (rotations @ centre[..., None])[..., 0]
