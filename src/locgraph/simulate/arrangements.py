"""Arrangements of a few clusters: named ones, how they are read from settings, and how a set is known again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy.spatial.distance import cdist, pdist

from locgraph.errors import ConfigError
from locgraph.simulate.templates import read_sites

_HEIGHT: Final = np.sqrt(0.75)

NAMED: Final[Mapping[str, tuple[tuple[float, float], ...]]] = MappingProxyType(
    {
        "pair": ((0, 0), (1, 0)),
        "line": ((0, 0), (1, 0), (2, 0)),
        "triangle": ((0, 0), (1, 0), (0.5, _HEIGHT)),
        "corner": ((0, 0), (1, 0), (0, 1)),
        "row": ((0, 0), (1, 0), (2, 0), (3, 0)),
        "square": ((0, 0), (1, 0), (1, 1), (0, 1)),
        "rhombus": ((0, 0), (1, 0), (1.5, _HEIGHT), (0.5, _HEIGHT)),
        "star": ((0, 0), (1, 0), (-0.5, _HEIGHT), (-0.5, -_HEIGHT)),
        "zigzag": ((0, 0), (1, 0), (1, 1), (2, 1)),
    }
)
"""Arrangements by name: places of clusters in units of the distance between neighbours."""

Arrangement = str | Sequence[Sequence[float]] | None
"""A name, one ``[x, y]`` in nm for each cluster, or None for no arrangement at all."""


def read_arrangement(given: Arrangement, size_nm: float, setting: str) -> np.ndarray:
    """Places of clusters from a name or from plain coordinates.

    Args:
        given: A key of ``NAMED``; one ``[x, y]`` in nm for each of at least two clusters; or None.
        size_nm: Distance between neighbours in a named one; coordinates are taken as they are.
        setting: The setting that holds it, for messages.

    Returns:
        Places (K, 2) float64 in nm with their mean at the origin; K is 0 for None.

    Raises:
        ConfigError: There is no such name, or the coordinates are none, or not those of two places in the plane.
    """
    if given is None:
        return np.empty((0, 2))
    if isinstance(given, str):
        if given not in NAMED:
            raise ConfigError(f"no arrangement is named {given!r}: set {setting} to one of {', '.join(NAMED)}, or null")
        places = np.array(NAMED[given]) * size_nm
        return places - places.mean(axis=0)
    places = read_sites(given, setting)
    if places.shape[1] != 2 or len(places) < 2 or pdist(places).min() <= 0:
        raise ConfigError(f"{setting} must hold different [x, y] of at least two clusters, found {given!r}")
    return places


def signature(places: np.ndarray) -> np.ndarray:
    """All distances between places (K, D), in order: the same wherever an arrangement lies, and however it is turned.

    Returns:
        (K (K - 1) / 2,) float64, in the unit of the places.
    """
    return np.sort(pdist(places))


def completes(place: np.ndarray, others: np.ndarray, signatures: Sequence[np.ndarray], tolerance: float) -> bool:
    """Whether a further place makes an arrangement with some of the others.

    Args:
        place: (D,) float64.
        others: (C, D) float64, in the same unit.
        signatures: Those of the arrangements to look for, as from ``signature``.
        tolerance: Largest difference of any of the distances.

    Returns:
        True where some of the others and the place have the distances of one of the arrangements.
    """
    return any(_completes(place, others, wanted, tolerance) for wanted in signatures)


def _completes(place: np.ndarray, others: np.ndarray, wanted: np.ndarray, tolerance: float) -> bool:
    size = round((1 + np.sqrt(1 + 8 * len(wanted))) / 2)
    near = others[cdist(place[None], others)[0] <= wanted[-1] + tolerance]
    chosen = np.array(list(combinations(range(len(near)), size - 1)), dtype=np.int64).reshape(-1, size - 1)
    sets = np.concatenate([near[chosen], np.broadcast_to(place, (len(chosen), 1, len(place)))], axis=1)
    first, second = np.triu_indices(size, 1)
    found = np.sort(np.linalg.norm(sets[:, first] - sets[:, second], axis=2), axis=1)
    return bool(np.any(np.abs(found - wanted).max(axis=1, initial=0.0) <= tolerance))
