"""Where things lie in a scene, in the coordinates of the raw file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from locgraph.viewer.annotation.statements import StepError

if TYPE_CHECKING:
    from locgraph.viewer.scene import Scene


def origin_of(scene: Scene) -> np.ndarray:
    """Return the origin (D,) float64 nm, which the page's coordinates are relative to."""
    return scene.levels.origin


def centre_of(scene: Scene, cluster_id: int) -> np.ndarray:
    """Return the centre (D,) float64 nm of a cluster.

    Raises:
        StepError: There is no such cluster.
    """
    ids = np.empty(0, dtype=np.int64) if scene.clusters is None else scene.clusters.ids
    place = np.flatnonzero(ids == cluster_id)
    if scene.clusters is None or not len(place):
        raise StepError(f"cluster_id: expected one of the {len(ids)} clusters of {scene.fov_id}, found {cluster_id}")
    centre: np.ndarray = scene.clusters.centres[place[0]]
    return centre
