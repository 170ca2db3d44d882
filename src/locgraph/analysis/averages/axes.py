"""Poses of objects by their own axes: centre of mass, principal axes, signs by third moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from locgraph.analysis.averages.clouds import Cloud
from locgraph.analysis.averages.poses import Poses

LEAST_EVIDENCE: Final = 3.0
"""Standard errors that a difference of axes, and a third moment, have to exceed to define a pose."""


@dataclass(frozen=True)
class OwnAxes:
    """Axes of one object.

    Attributes:
        rotation: (D, D) rotation onto its axes, the longest along x.
        evidence: Least number of standard errors by which neighbouring axes differ in length and third moments from 0,
            localisations taken as independent: below `LEAST_EVIDENCE` the pose is noise.
    """

    rotation: np.ndarray
    evidence: float


def own_axes(points: np.ndarray) -> OwnAxes:
    """Return the axes of an object: eigenvectors of its covariance, turned so that third moments are positive.

    The last axis follows from the others, as a reflection is no pose. The pose is undefined for whatever has a
    rotational symmetry: second moments of C_n with n above 2, such as a ring, are those of a disc, and
    third moments of C_2 are 0.

    Args:
        points: (N, D) float64, relative to their centre of mass, N at least 3.
    """
    _, vectors = np.linalg.eigh(points.T @ points)
    axes = vectors[:, ::-1].T
    moved = points @ axes.T
    cubes = moved[:, :-1] ** 3
    signs = np.where(cubes.sum(axis=0) < 0, -1.0, 1.0)
    axes[:-1] *= signs[:, None]
    axes[-1] *= np.sign(np.linalg.det(axes))
    differences = moved[:, :-1] ** 2 - moved[:, 1:] ** 2
    evidence = min(*_standard_errors(differences), *_standard_errors(cubes))
    return OwnAxes(axes, evidence)


def _standard_errors(values: np.ndarray) -> list[float]:
    """Return by how many standard errors the mean of each column (N, K) differs from 0."""
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return [float(abs(mean) / each) if each > 0 else 0.0 for mean, each in zip(values.mean(axis=0), error, strict=True)]


def axes_poses(clouds: Sequence[Cloud]) -> tuple[Poses, np.ndarray]:
    """Return the poses of objects by their axes, and the evidence (K,) for each."""
    axes = [own_axes(cloud.points) for cloud in clouds]
    rotations = np.stack([each.rotation for each in axes])
    poses = Poses(rotations, np.zeros(rotations.shape[:2]), np.zeros(len(axes), bool))
    return poses, np.array([each.evidence for each in axes])
