"""Surfaces of labelled objects: marching cubes in 3D, outlines in 2D, their sizes, and points drawn on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numba
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

_STEPS: Final = 20
_SHRINK: Final = 0.5
_GROW: Final = -0.53
"""Weights of Taubin (1995, 10.1145/218380.218473): a pass band of 0.1 keeps size and loses steps of the voxel grid."""

_COLLAPSED: Final = 0.05
"""A component that smoothing leaves less of its volume than this is not smoothed: it is of a few voxels."""
_NEWTON: Final = 5


@dataclass(frozen=True)
class Surfaces:
    """Closed surfaces of L objects, made of S simplices: triangles in 3D, segments in 2D.

    Attributes:
        vertices: Positions (V, D) float64 nm, in the order of the axes of the volume (z, y, x).
        simplices: Vertices of each simplex (S, D) int64, sorted by object.
        owners: Object of each simplex (S,) int64, 0 to L - 1.
        count: L.
    """

    vertices: np.ndarray
    simplices: np.ndarray
    owners: np.ndarray
    count: int

    @property
    def sizes(self) -> np.ndarray:
        """Return the area in nm^2 (3D), or length in nm (2D), of each simplex (S,)."""
        first = self.vertices[self.simplices[:, 0]]
        sides = [(self.vertices[ends] - first).T for ends in self.simplices.T[1:]]
        vectors = sides[0] if len(sides) == 1 else _cross(*sides) / 2
        return np.sqrt(np.einsum("ds,ds->s", vectors, vectors))

    def total_sizes(self) -> np.ndarray:
        """Return the surface in nm^2 (3D), or perimeter in nm (2D), of each object (L,)."""
        return np.bincount(self.owners, self.sizes, self.count)


def find_surfaces(canvas: np.ndarray, voxel_nm: np.ndarray, first: np.ndarray) -> Surfaces:
    """Return the surfaces of objects that lie one behind the other along the first axis of a canvas.

    Args:
        canvas: Where the objects are (Z, Y, X) or (Y, X) bool, each with a margin of background on all sides.
        voxel_nm: Size of a voxel along each axis (D,) nm.
        first: Plane of the canvas at which each object begins (L,) int64, from 0, rising.

    Returns:
        Surfaces of all components of each object, holes included, with positions in the canvas: 0 is the centre of
        its first voxel.
    """
    from skimage.measure import find_contours, marching_cubes

    if canvas.ndim == 3:
        vertices, simplices = marching_cubes(canvas, 0.5, allow_degenerate=False)[:2]
    else:
        outlines = [outline[:-1] for outline in find_contours(canvas.astype(np.float32), 0.5)]
        vertices, simplices = np.concatenate(outlines), _closed([len(outline) for outline in outlines])
    owners = np.searchsorted(first, vertices[simplices[:, 0], 0], side="right") - 1
    order = np.argsort(owners, kind="stable")
    simplices = simplices[order].astype(np.int64)
    return Surfaces(vertices.astype(np.float64) * voxel_nm, simplices, owners[order], len(first))


def _closed(lengths: list[int]) -> np.ndarray:
    """Return the segments (S, 2) of closed outlines with these numbers of vertices, one outline after the other."""
    starts = np.cumsum([0, *lengths])
    following = np.arange(1, starts[-1] + 1)
    following[starts[1:] - 1] = starts[:-1]
    return np.column_stack([np.arange(starts[-1]), following])


def smooth_surfaces(surfaces: Surfaces, contents: np.ndarray) -> Surfaces:
    """Take the steps of the voxel grid out of surfaces, and give them the volume that the voxels have.

    The surface between voxels in and out of an object is a staircase, 8 to 10 % larger than that of a ball. It is
    smoothed as in Taubin (1995). Then each component is moved outwards, everywhere by the same distance, until its
    volume is what it was before, times what the object lacked of the volume of its voxels: marching cubes cuts off
    corners, which are five sixths of an object of one voxel. Holes within an object keep their size.

    Args:
        surfaces: Surfaces of L objects.
        contents: Volume in nm^3 (3D) or area in nm^2 (2D) of the voxels of each object (L,).

    Returns:
        The same simplices, at new positions.
    """
    before = surfaces.vertices
    links = _links(surfaces.simplices, len(before))
    n_parts, parts = connected_components(links, directed=False)
    owner_of = np.zeros(n_parts, np.int64)
    owner_of[parts[surfaces.simplices[:, 0]]] = surfaces.owners
    old = _enclosed(before, surfaces.simplices, parts, n_parts)[0]
    whole = np.bincount(owner_of, old, surfaces.count)
    missing = np.divide(contents, np.abs(whole), out=np.ones(surfaces.count), where=whole != 0)
    is_hole = old * whole[owner_of] < 0
    wanted = old * np.where(is_hole, 1.0, missing[owner_of])
    after = smooth(before, links)
    kept = np.abs(_enclosed(after, surfaces.simplices, parts, n_parts)[0]) > _COLLAPSED * np.abs(old)
    after = np.where(kept[parts][:, None], after, before)
    for _ in range(_NEWTON):
        content, gradient = _enclosed(after, surfaces.simplices, parts, n_parts)
        lengths = np.linalg.norm(gradient, axis=1)
        gain = np.bincount(parts, lengths, n_parts)
        step = np.divide(wanted - content, gain, out=np.zeros(n_parts), where=gain > 0)
        outwards = np.divide(gradient, lengths[:, None], out=np.zeros_like(gradient), where=lengths[:, None] > 0)
        after = after + step[parts][:, None] * outwards
    return replace(surfaces, vertices=after)


def smooth(points: np.ndarray, links: sparse.csr_array, movable: np.ndarray | None = None) -> np.ndarray:
    """Return points that have moved towards, and away from, the mean of their neighbours (Taubin 1995).

    Args:
        points: Positions (V, D).
        links: Neighbours, symmetric (V, V); every movable point has some.
        movable: Which points may move (V,) bool; None for all.
    """
    weights = 1.0 / np.maximum(links.sum(axis=1), 1.0)
    if movable is not None:
        weights = np.where(movable, weights, 0.0)
    own = np.where(weights > 0, 1.0, 0.0)[:, None]
    for _ in range(_STEPS):
        for step in (_SHRINK, _GROW):
            points = points + step * (weights[:, None] * (links @ points) - own * points)
    return points


def _links(simplices: np.ndarray, n_vertices: int) -> sparse.csr_array:
    """Return which vertices share an edge, symmetric (V, V), with ones."""
    D = simplices.shape[1]
    pairs = np.concatenate([simplices[:, [i, j]] for i in range(D) for j in range(D) if i != j])
    links = sparse.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (n_vertices, n_vertices))
    links.data[:] = 1.0  # an edge of two triangles is there twice, and summed
    return links


def _enclosed(
    points: np.ndarray, simplices: np.ndarray, parts: np.ndarray, n_parts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the signed volume or area that each component encloses (P,), by the divergence theorem.

    Returns:
        The volumes or areas, and their change with the position of each vertex (V, D).
    """
    counts = np.bincount(parts, minlength=n_parts)
    centres = np.column_stack([np.bincount(parts, axis, n_parts) for axis in points.T]) / counts[:, None]
    sum_up = _areas if points.shape[1] == 2 else _volumes
    return sum_up(points - centres[parts], simplices, parts, n_parts)


@numba.njit(cache=True)
def _areas(points: np.ndarray, segments: np.ndarray, parts: np.ndarray, n_parts: int) -> tuple[np.ndarray, np.ndarray]:
    contents, slopes = np.zeros(n_parts), np.zeros(points.shape)
    for first, second in segments:
        a, b = points[first], points[second]
        contents[parts[first]] += (a[0] * b[1] - a[1] * b[0]) / 2
        slopes[first, 0] += b[1] / 2
        slopes[first, 1] -= b[0] / 2
        slopes[second, 0] -= a[1] / 2
        slopes[second, 1] += a[0] / 2
    return contents, slopes


@numba.njit(cache=True)
def _volumes(
    points: np.ndarray, triangles: np.ndarray, parts: np.ndarray, n_parts: int
) -> tuple[np.ndarray, np.ndarray]:
    contents, slopes = np.zeros(n_parts), np.zeros(points.shape)
    for row in range(len(triangles)):
        for corner in range(3):
            own = triangles[row, corner]
            b, c = points[triangles[row, (corner + 1) % 3]], points[triangles[row, (corner + 2) % 3]]
            for axis in range(3):
                i, j = (axis + 1) % 3, (axis + 2) % 3
                slope = (b[i] * c[j] - b[j] * c[i]) / 6
                slopes[own, axis] += slope
                contents[parts[own]] += points[own, axis] * slope / 3
    return contents, slopes


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross products of vectors (3, S)."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def draw_points(surfaces: Surfaces, counts: np.ndarray, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw points on surfaces, uniform by area (3D) or length (2D), each object on its own.

    Args:
        surfaces: Surfaces of L objects.
        counts: Points to draw of each object (L,) int64.
        seeds: Seed of each object (L,) uint64: its points depend on this and its own surface alone.

    Returns:
        Positions (N, D) float64 nm, and the object of each (N,) int64, sorted by it.
    """
    D = surfaces.vertices.shape[1]
    owners = np.repeat(np.arange(surfaces.count), counts)
    starts = np.cumsum(counts) - counts
    numbers = (np.arange(len(owners)) - starts[owners]).astype(np.uint64)
    chances = [_uniform(seeds[owners], numbers * np.uint64(D) + np.uint64(axis)) for axis in range(D)]
    ends = np.searchsorted(surfaces.owners, np.arange(surfaces.count), side="right")
    begins = np.searchsorted(surfaces.owners, np.arange(surfaces.count), side="left")
    reached = np.cumsum(surfaces.sizes)
    before = np.where(begins > 0, reached[begins - 1], 0.0)
    aims = before[owners] + chances[0] * (reached[ends - 1] - before)[owners]
    chosen = np.clip(np.searchsorted(reached, aims, side="right"), begins[owners], ends[owners] - 1)
    corners = surfaces.vertices[surfaces.simplices[chosen]]
    if D == 2:
        return corners[:, 0] + chances[1][:, None] * (corners[:, 1] - corners[:, 0]), owners
    root = np.sqrt(chances[1])[:, None]
    side = root * chances[2][:, None]
    return (1 - root) * corners[:, 0] + (root - side) * corners[:, 1] + side * corners[:, 2], owners


def _uniform(seeds: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return a uniform number in [0, 1) for each seed and number (N,) uint64: SplitMix64 (10.1145/2660193.2660195)."""
    return (_mix(_mix(seeds) + numbers * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(11)) * 2.0**-53


def _mix(values: np.ndarray) -> np.ndarray:
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
