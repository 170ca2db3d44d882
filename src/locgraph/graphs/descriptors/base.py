"""The contract of descriptors, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np

from locgraph.errors import ConfigError
from locgraph.schema import Column

MAX_LOCALISATIONS: Final = 2000
"""Of a bigger FOV this many localisations are looked at where time would grow with the square of their number."""

_SEED: Final = 0


class Descriptor(Protocol):
    """The localisations of one view to numbers: defined and finite for one localisation and more.

    They stay as they are when the FOV is shifted, rotated or reflected, so that augmentation leaves them true.
    """

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """What it gives in 2 or 3 dimensions."""
        ...

    def compute(self, points: np.ndarray) -> np.ndarray:
        """Describes one FOV.

        Args:
            points: Positions (N, D) float64 nm about their mean, N at least 1.

        Returns:
            (F,) float64, one entry for each of ``columns(D)``.
        """
        ...


def describe(points: np.ndarray, descriptors: Mapping[str, Descriptor]) -> tuple[np.ndarray, np.ndarray]:
    """Describes one FOV by several descriptors, in the order of their names.

    Args:
        points: Positions (N, D) float64 nm about their mean, N at least 1.
        descriptors: By name.

    Returns:
        Values (F,) float64 and the power of length of each (F,) int64.
    """
    values, powers = [np.empty(0)], []
    for name in sorted(descriptors):  # the order of settings is no setting
        values.append(descriptors[name].compute(points))
        powers += [column.length_power for column in descriptors[name].columns(points.shape[1])]
    return np.concatenate(values), np.array(powers, dtype=np.int64)


def sampled(points: np.ndarray) -> np.ndarray:
    """At most ``MAX_LOCALISATIONS`` of the points (N, D), a random subset that is the same every time."""
    if len(points) <= MAX_LOCALISATIONS:
        return points
    # rows come sorted by cluster: only a random choice keeps all of them alike
    return points[np.random.default_rng(_SEED).choice(len(points), MAX_LOCALISATIONS, replace=False)]


def extent(points: np.ndarray) -> float:
    """Root mean square distance from the origin, in the unit of the points (N, D)."""
    return float(np.sqrt(np.einsum("ij,ij->", points, points) / len(points)))


def unit_of(points: np.ndarray, nm_per_unit: float | None) -> float:
    """The unit of distances in nm: a given one, or the extent of the FOV; 1 where this is 0.

    Args:
        points: Positions (N, D) float64 nm about their mean.
        nm_per_unit: The setting.
    """
    return nm_per_unit or extent(points) or 1.0


def check_unit(setting: str, nm_per_unit: float | None) -> None:
    """Refuses what is no unit of distances.

    Raises:
        ConfigError: It is neither None nor a finite length above 0.
    """
    if nm_per_unit is not None and not 0.0 < nm_per_unit < np.inf:
        raise ConfigError(f"{setting}.nm_per_unit must be a length above 0 in nm, or null, found {nm_per_unit}")
