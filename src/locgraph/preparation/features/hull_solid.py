"""Convex hulls of clusters in 3D."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from locgraph.preparation.features.grouping import Groups
from locgraph.preparation.features.hull_planar import diameter, planar_hulls
from locgraph.preparation.features.pca import principal_axes


def solid_hulls(groups: Groups) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Surface, volume and length of the convex hull of each cluster.

    Args:
        groups: Clusters in 3D.

    Returns:
        Surface (C,) nm^2, volume (C,) nm^3, and largest distance between two points (C,) nm. Of a hull no thicker than
        rounding: both faces, 0, and its length.
    """
    C = len(groups.counts)
    surface, volume, length = np.zeros(C), np.zeros(C), np.zeros(C)
    deviations, axes = groups.once(principal_axes)
    flat = deviations[:, 2] <= groups.thinnest(deviations[:, 0])
    for cluster in np.flatnonzero(~flat):
        rows = slice(groups.offsets[cluster], groups.offsets[cluster + 1])
        try:
            hull = ConvexHull(groups.centred[rows])
        except QhullError:  # too thin for Qhull's own bound on rounding
            flat[cluster] = True
            continue
        surface[cluster], volume[cluster] = hull.area, hull.volume
        length[cluster] = diameter(groups.centred[rows][hull.vertices])
    if flat.any():
        area, length[flat] = _in_own_planes(groups, axes, flat)
        surface[flat] = 2 * area
    return surface, volume, length


def _in_own_planes(groups: Groups, axes: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Area and length of the hulls of the chosen clusters (C,) bool, each in the plane of its first two axes."""
    rows = groups.spread(chosen)
    planes = groups.spread(axes[:, :, :2])[rows]
    points = np.einsum("nd,nde->ne", groups.centred[rows], planes)
    offsets = np.r_[0, np.cumsum(groups.counts[chosen])]
    _, area, length = planar_hulls(points, offsets, groups.resolution[chosen])
    return area, length
