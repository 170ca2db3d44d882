"""The contracts of features: of clusters, and of localisations."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from locgraph.preparation.features.grouping import Groups
from locgraph.schema import Column


@runtime_checkable
class Feature(Protocol):
    """Clusters to columns: one number for each cluster and column, defined and finite for every cluster.

    Attributes:
        needs: Localisation columns that it reads besides the positions; found in :attr:`Groups.extra`.
    """

    needs: tuple[str, ...]

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        ...

    def compute(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all clusters at once.

        Args:
            groups: The localisations of C clusters.

        Returns:
            Name to values (C,) float64, one entry for each of ``columns(groups.dimensions)``.
        """
        ...


@runtime_checkable
class LocalisationFeature(Protocol):
    """Clustered localisations to columns: one number for each localisation and column, always defined and finite.

    Attributes:
        needs: Localisation columns that it reads besides the positions; found in :attr:`Groups.extra`.
    """

    needs: tuple[str, ...]

    def columns(self, dimensions: int) -> tuple[Column, ...]:
        """The columns that it gives in 2 or 3 dimensions."""
        ...

    def measure(self, groups: Groups) -> dict[str, np.ndarray]:
        """Measures all localisations at once.

        Args:
            groups: N localisations, sorted by cluster.

        Returns:
            Name to values (N,) float64 in the order of ``groups``, one entry for each of
            ``columns(groups.dimensions)``.
        """
        ...
