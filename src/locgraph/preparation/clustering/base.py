"""Shared parts of clusterers: contract, checks of their input, numbering of clusters, and cells of a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np

from locgraph.errors import DataError
from locgraph.schema import NOISE

_MAX_EXTENT: Final = 1e15  # nm, 1000 km: squares stay finite


class Clusterer(Protocol):
    """Contract of clusterers: coordinates to labels.

    Attributes:
        needs: Localisation columns that it reads besides the positions; each is handed over by its name.
    """

    needs: tuple[str, ...]

    def __call__(self, points: np.ndarray, seed: int, **columns: np.ndarray) -> np.ndarray:
        """Cluster points.

        Args:
            points: Positions (N, D) float64 nm, D is 2 or 3.
            seed: Non-negative seed of everything that is drawn; equal input and seed give equal labels.
            **columns: The columns of ``needs`` (N,), and no other.

        Returns:
            Labels (N,) int64: -1 for noise, clusters numbered 0, 1, ... by first appearance.

        Raises:
            DataError: The points have the wrong shape, are not finite, or lie more than 1000 km apart.
        """
        ...


def check_points(points: np.ndarray) -> np.ndarray:
    """Check points.

    Args:
        points: Positions (N, D) nm, D is 2 or 3.

    Returns:
        The same, contiguous (N, D) float64 nm.

    Raises:
        DataError: The points have the wrong shape, are not finite, or lie more than 1000 km apart.
    """
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise DataError(
            f"a clusterer expected positions of shape (N, 2) or (N, 3), found {points.shape}; "
            "name x, y and, in 3D, z in the columns"
        )
    points = np.ascontiguousarray(points, dtype=np.float64)
    if len(points) == 0:
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        bad = int((~np.isfinite(points).all(axis=1)).sum())
        raise DataError(
            f"a clusterer expected finite positions, found {bad} of {len(points)} rows with NaN or infinity; "
            "the reader refuses and counts such rows"
        )
    extent = 2 * float((high / 2 - low / 2).max())
    if extent > _MAX_EXTENT:
        raise DataError(
            f"a clusterer expected positions within {_MAX_EXTENT:g} nm of each other, found an extent of {extent:g} "
            "nm; check the unit of the columns"
        )
    return points


def centre_points(points: np.ndarray) -> np.ndarray:
    """Check points and move their origin to the middle of their bounding box.

    Distances between points far from the origin survive float32 and squaring only after this. The middle is rounded to
    whole nm, which keeps the distances between whole-nm coordinates exact, and does not depend on the order of the
    rows.

    Args:
        points: Positions (N, D) nm, D is 2 or 3.

    Returns:
        A new contiguous array (N, D) float64 nm.

    Raises:
        DataError: The points have the wrong shape, are not finite, or lie more than 1000 km apart.
    """
    points = check_points(points)
    if len(points) == 0:
        return points.copy()
    return points - np.round(points.min(axis=0) / 2 + points.max(axis=0) / 2)


def whole_numbers(columns: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return one of the columns that a clusterer needs, as integers.

    Args:
        columns: What the clusterer was handed (N,) each.
        name: The column.

    Returns:
        The column (N,) int64; -1 where it holds no value.

    Raises:
        DataError: The column is absent, or holds something other than whole numbers.
    """
    if name not in columns:
        raise DataError(
            f"a clusterer expected the column {name}, found {sorted(columns)}; name it in the columns, or choose "
            "another clusterer"
        )
    values = np.asarray(columns[name])
    if not np.issubdtype(values.dtype, np.integer):
        values = np.where(np.isnan(values), NOISE, values)
        odd = values[values != np.round(values)]
        if len(odd):
            raise DataError(f"a clusterer expected whole numbers in the column {name}, found {odd[0]}")
    return values.astype(np.int64)


def positive_column(columns: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return one of the columns that a clusterer needs, all values of which are above 0.

    Args:
        columns: What the clusterer was handed (N,) each.
        name: The column.

    Returns:
        The column (N,) float64.

    Raises:
        DataError: The column is absent, or holds a value that is not a finite number above 0.
    """
    if name not in columns:
        raise DataError(
            f"a clusterer expected the column {name}, found {sorted(columns)}; name it in the columns, or choose "
            "another clusterer"
        )
    values = np.asarray(columns[name], dtype=np.float64)
    bad = int((~(np.isfinite(values) & (values > 0))).sum())
    if bad:
        raise DataError(
            f"a clusterer expected numbers above 0 in the column {name}, found {bad} of {len(values)} others; filter "
            "them out before (preprocess=precision), or choose another clusterer"
        )
    return values


def number_clusters(labels: np.ndarray) -> np.ndarray:
    """Number clusters 0, 1, ... in the order of their first points; any negative label becomes -1.

    Args:
        labels: Labels (N,) of any integer type, at most of the order of N: memory grows with the largest.

    Returns:
        Labels (N,) int64.
    """
    labels = np.asarray(labels).astype(np.int64)
    named = labels >= 0
    numbers = labels[named]
    if len(numbers) == 0:
        return np.full(len(labels), NOISE, dtype=np.int64)
    first = np.full(numbers.max() + 1, -1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)  # of repeated indices the last assignment stays
    used = np.flatnonzero(first >= 0)
    names = np.empty_like(first)
    names[used[np.argsort(first[used])]] = np.arange(len(used))
    renamed = np.full(len(labels), NOISE, dtype=np.int64)
    renamed[named] = names[numbers]
    return renamed


_LARGEST_CODE: Final = 2**62  # numbers of cells up to here fit int64, with a margin


def sort_by_cell(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort rows by cell.

    Args:
        keys: Cell of each row (N, D) int64, indices along the axes, none below 0; N at least 1.

    Returns:
        The rows in lexicographic order of their cells, those of one cell in their own order (N,) int64; and the place
        in that order of the first row of each cell (M,) int64.
    """
    spans = [int(largest) + 1 for largest in keys.max(axis=0)]
    if math.prod(spans) > _LARGEST_CODE:
        order = np.lexsort(keys.T[::-1])
        ordered = keys[order]
        changes = (ordered[1:] != ordered[:-1]).any(axis=1)
    else:  # one number for each cell: three times as fast
        code = keys[:, 0].copy()
        for axis, span in enumerate(spans[1:], start=1):
            code *= span
            code += keys[:, axis]
        order = np.argsort(code, kind="stable")
        code = code[order]
        changes = code[1:] != code[:-1]
    return order, np.concatenate([[0], np.flatnonzero(changes) + 1])
