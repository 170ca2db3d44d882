"""Lengths of the skeletons of labelled objects."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import sparse

from locgraph.io.volumes.surfaces import smooth


def skeleton_lengths(canvas: np.ndarray, voxel_nm: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the length of the skeleton of objects that lie one behind the other along the first axis of a canvas.

    The object is thinned to lines of one voxel (scikit-image: Zhang and Suen 1984 in 2D, Lee et al. 1994 in 3D). Of
    voxels that touch, each two are linked unless a third one is nearer to both: a corner is not cut short and counted
    again. Branches are smoothed between their ends, as steps of the voxel grid would make a straight oblique line up to
    a fifth too long. The length is the sum of the links; a ball has none or a few voxels, and a rod
    its length, but for up to its radius at each end.

    Thinning counts voxels and not nanometres: where voxels are several times as long along z, the skeleton of an object
    that is not thin is an approximation.

    Args:
        canvas: Where the objects are (Z, Y, X) or (Y, X) bool, each with a margin of background on all sides.
        voxel_nm: Size of a voxel along each axis (D,) nm.
        first: Plane of the canvas at which each object begins (L,) int64, from 0, rising.

    Returns:
        Lengths (L,) float64 nm.
    """
    from skimage.morphology import skeletonize

    skeleton = skeletonize(canvas)
    voxels = np.argwhere(skeleton)
    owners = np.searchsorted(first, voxels[:, 0], side="right") - 1
    pairs = _links(skeleton, voxels, voxel_nm)
    links = sparse.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(voxels), len(voxels)))
    links = sparse.csr_array(links + links.T)
    points = smooth(voxels * voxel_nm, links, links.sum(axis=1) == 2)
    lengths = np.linalg.norm(points[pairs[:, 1]] - points[pairs[:, 0]], axis=1)
    return np.bincount(owners[pairs[:, 0]], lengths, len(first))


def _links(skeleton: np.ndarray, voxels: np.ndarray, voxel_nm: np.ndarray) -> np.ndarray:
    """Return the pairs of linked voxels (E, 2) int64, each pair once.

    Args:
        skeleton: The skeletons (Z, Y, X) or (Y, X) bool, with a margin of background on all sides.
        voxels: Their voxels (V, D), in the order of the array.
        voxel_nm: Size of a voxel along each axis (D,) nm.
    """
    strides = np.array([np.prod(skeleton.shape[axis + 1 :], dtype=np.int64) for axis in range(skeleton.ndim)])
    places = voxels @ strides
    steps = [np.array(step) for step in product((-1, 0, 1), repeat=skeleton.ndim) if any(step)]
    length = {tuple(step): float(np.linalg.norm(step * voxel_nm)) for step in steps}
    flat = skeleton.ravel()
    there = {tuple(step): flat[places + step @ strides] for step in steps}
    pairs = []
    for step in steps:
        if tuple(step) < (0,) * skeleton.ndim:
            continue
        chosen = there[tuple(step)].copy()
        for other in steps:
            rest = tuple(step - other)
            if rest in length and max(length[tuple(other)], length[rest]) < length[tuple(step)] * (1 - 1e-9):
                chosen &= ~there[tuple(other)]
        rows = np.flatnonzero(chosen)
        pairs.append(np.column_stack([rows, np.searchsorted(places, places[rows] + step @ strides)]))
    return np.concatenate(pairs)
