"""Groups of all rows: by the algorithm, or of a random subset with the others following their neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.neighbors import KNeighborsClassifier

from locgraph.analysis.grouping.algorithms import Grouper, Partition
from locgraph.analysis.grouping.columns import NO_GROUP
from locgraph.errors import ConfigError

VOTERS: Final = 5
"""Nearest rows of the subset that decide where another row belongs."""


def group_rows(
    grouper: Grouper, values: np.ndarray, n_groups: int | None, seed: int, connections: csr_matrix | None = None
) -> Partition:
    """Group rows, and number the groups by size, the largest first.

    Args:
        grouper: The algorithm.
        values: (n, P) float64.
        n_groups: Number of groups; None for algorithms that find it.
        seed: Of all that is random.
        connections: (n, n) which rows may be merged; None: all.

    Raises:
        ConfigError: There are fewer rows than groups.
        DataError: The algorithm finds nothing.
    """
    if n_groups is not None:
        places = len(np.unique(values, axis=0)) if len(values) <= 10 * n_groups else len(values)
        if places < n_groups:
            raise ConfigError(
                f"expected at most as many groups as units that differ, {places}, found {n_groups}", setting="n_groups"
            )
    most = grouper.most_rows
    if most is None or len(values) <= most or connections is not None:
        return by_size(grouper.partition(values, n_groups, seed, connections))
    rows = np.sort(np.random.default_rng(seed).choice(len(values), most, replace=False))
    return by_size(_follow(values, rows, grouper.partition(values[rows], n_groups, seed)))


def _follow(values: np.ndarray, rows: np.ndarray, of_subset: Partition) -> Partition:
    """Return the groups of all rows, those outside the subset by a vote of the nearest rows in it."""
    others = np.setdiff1d(np.arange(len(values)), rows, assume_unique=True)
    voters = KNeighborsClassifier(min(VOTERS, len(rows)), algorithm="brute").fit(values[rows], of_subset.labels)
    votes = voters.predict_proba(values[others])
    labels = np.empty(len(values), dtype=np.int64)
    labels[rows], labels[others] = of_subset.labels, voters.classes_[votes.argmax(axis=1)]
    probabilities = np.ones(len(values))
    probabilities[others] = votes.max(axis=1)
    if of_subset.probabilities is not None:
        probabilities[rows] = of_subset.probabilities
    note = (
        f"the algorithm saw {len(rows):,} of {len(values):,} units, drawn at random (most_rows); each other is in the "
        f"group of most of its {VOTERS} nearest among them"
    )
    return Partition(labels, probabilities, (*of_subset.notes, note))


def by_size(partition: Partition) -> Partition:
    """Return the same groups numbered by size, the largest 0; of equal ones that with the first row comes first."""
    labels = partition.labels
    names, first, sizes = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    rank = np.full(len(names), 0, dtype=np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(names))
    numbered = np.full(len(labels), NO_GROUP, dtype=np.int64)
    numbered[labels >= 0] = rank[np.searchsorted(names, labels[labels >= 0])]
    return replace(partition, labels=numbered)
