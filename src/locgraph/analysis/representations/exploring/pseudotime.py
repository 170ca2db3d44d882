"""How far each unit is on the way from one class to another, 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.sparse.linalg import eigsh
from scipy.spatial.distance import cdist
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import kneighbors_graph

from locgraph.analysis.representations.unit_folds import class_folds
from locgraph.errors import ConfigError, DataError
from locgraph.settings import check_choice, check_whole
from locgraph.stats.bootstrap import difference_interval

DISCRIMINANT, DIFFUSION = "discriminant", "diffusion"
_FOLDS: Final = 5
_COMPONENTS: Final = 15
_LEAST: Final = 3


@dataclass(frozen=True)
class PseudotimeSettings:
    """Settings of pseudo-time.

    Args:
        start: Class where it is 0; None takes the first of two classes, and of more there is none.
        end: Class where it is 1.
        method: ``discriminant``: along the straight direction that separates both classes best; ``diffusion``: along
            paths between neighbours, which may be bent.
        neighbours: Neighbours of each unit for ``diffusion``; more smooth the way.
        most_units: ``diffusion`` refuses more units, as it needs all distances.

    Raises:
        ConfigError: A setting is out of range.
    """

    start: str | None = None
    end: str | None = None
    method: str = DISCRIMINANT
    neighbours: int = 15
    most_units: int = 5000

    def __post_init__(self) -> None:
        check_choice("method", self.method, (DISCRIMINANT, DIFFUSION))
        check_whole("neighbours", self.neighbours, at_least=2)
        check_whole("most_units", self.most_units, at_least=10)


def find_ends(labels: Sequence[str | None], settings: PseudotimeSettings) -> tuple[str, str] | str:
    """Return the classes at both ends, or why there are none.

    Raises:
        ConfigError: One of two is given, both are the same, or a class has fewer than three units.
    """
    names = sorted({label for label in labels if label is not None})
    start, end = settings.start, settings.end
    if (start is None) != (end is None):
        raise ConfigError("expected both start and end, or neither; found one", setting="end" if start else "start")
    if start is None or end is None:
        if len(names) == 2:
            start, end = names
        else:
            return f"no pseudo-time: {len(names)} classes; set pseudotime.start and pseudotime.end"
    if start == end:
        raise ConfigError(f"expected two different classes, found {start!r} twice", setting="end")
    for setting, name in (("start", start), ("end", end)):
        count = sum(label == name for label in labels)
        if not count:
            raise ConfigError(f"expected one of the classes {', '.join(names)}; found {name!r}", setting=setting)
        if count < _LEAST:
            raise ConfigError(f"expected at least {_LEAST} units of class {name!r}, found {count}", setting=setting)
    return start, end


def discriminant_positions(
    values: np.ndarray, labels: np.ndarray, owners: np.ndarray, ends: tuple[str, str], seed: int
) -> np.ndarray:
    """Return the place of each unit along the discriminant axis of two classes: their means are at 0 and 1.

    Linear discriminant analysis with shrinkage (Ledoit and Wolf 2004, 10.1016/S0047-259X(03)00096-4). No unit is on the
    side that its axis was fitted to, nor are others of its owner: else any two classes of few units would be apart.
    Units of other classes take the mean of all axes.

    Args:
        values: (N, F) float64.
        labels: (N,) class names.
        owners: (N,) what each unit belongs to: group, FOV, or itself.
        ends: The classes at 0 and 1.
        seed: Of the folds.

    Returns:
        (N,) float64; below 0 and above 1 beyond the means.

    Raises:
        DataError: A class belongs to a single owner.
    """
    among = np.isin(labels, ends)
    rows, owners = np.flatnonzero(among), np.unique(owners, return_inverse=True)[1]
    folds = class_folds(labels[rows], owners[rows], _FOLDS, seed)
    total, times = np.zeros(len(values)), np.zeros(len(values))
    for train, _ in folds:
        fitted = rows[train]
        places = _along_axis(values, fitted, labels[fitted], ends)
        met = among & np.isin(owners, owners[fitted])
        total[~met] += places[~met]
        times[~met] += 1
    return np.divide(total, times, out=np.full(len(values), np.nan), where=times > 0)


def _along_axis(values: np.ndarray, rows: np.ndarray, labels: np.ndarray, ends: tuple[str, str]) -> np.ndarray:
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(values[rows], labels == ends[1])
    scores = values @ model.coef_[0]
    first, last = (scores[rows][labels == name].mean() for name in ends)
    return np.asarray((scores - first) / (last - first) if last > first else np.full(len(values), 0.5))


def diffusion_positions(
    values: np.ndarray, labels: np.ndarray, ends: tuple[str, str], neighbours: int
) -> tuple[np.ndarray, str | None]:
    """Return the diffusion distance of each unit from the middle unit of one class, over that of the other's.

    Diffusion pseudo-time (Haghverdi et al. 2016, 10.1038/nmeth.3971) on a graph of nearest neighbours and the minimum
    spanning tree, which keeps it in one piece. The middle unit has the least sum of distances to its class.

    Args:
        values: (N, F) float64.
        labels: (N,) class names.
        ends: The classes at 0 and 1.
        neighbours: Of each unit; fewer where there are fewer units.

    Returns:
        (N,) float64, 0 at one middle unit and 1 at the other; and a note where the way between some units rests on the
        tree alone.
    """
    distances = cdist(values, values)
    n, k = len(values), min(neighbours, len(values) - 1)
    near = kneighbors_graph(values, k, mode="connectivity")
    # equal units have width 0; a tree of sparse distances would drop those that are 0
    width = np.maximum(np.partition(distances, k, axis=1)[:, k], 1e-3 * distances.mean())
    tree = minimum_spanning_tree(np.maximum(distances, 1e-12))
    edges = near + near.T + (tree > 0) + (tree.T > 0) + identity(n)
    source, target = edges.nonzero()
    # an edge of the tree that is far beyond both neighbourhoods still has some weight
    weight = np.exp(-np.minimum(distances[source, target] ** 2 / (width[source] * width[target]), 30.0))
    kernel = csr_matrix((weight, (source, target)), shape=(n, n))
    steps = _diffusion_map(kernel, min(_COMPONENTS, n - 2))
    roots = [_middle(distances, np.flatnonzero(labels == name)) for name in ends]
    away = np.linalg.norm(steps - steps[roots[0]], axis=1)
    pieces = connected_components(near, directed=False, return_labels=False)
    note = (
        f"pseudo-time: neighbours join the units to {pieces} groups, and the ways between these rest on single edges: "
        "raise pseudotime.neighbours, or take pseudotime.method=discriminant"
    )
    positions = away / away[roots[1]] if away[roots[1]] > 0 else np.full(n, np.nan)
    return np.asarray(positions), note if pieces > 1 else None


def _diffusion_map(kernel: csr_matrix, n_components: int) -> np.ndarray:
    """Return coordinates (N, C) whose distances are those of diffusion summed over all times."""
    degree = np.asarray(kernel.sum(axis=1))[:, 0]
    kernel = diags(1 / degree) @ kernel @ diags(1 / degree)  # density is taken out
    degree = np.asarray(kernel.sum(axis=1))[:, 0]
    root = diags(1 / np.sqrt(degree))
    symmetric = root @ kernel @ root
    start = np.sqrt(degree)  # the eigenvector of eigenvalue 1
    values, vectors = eigsh(symmetric, n_components + 1, which="LA", v0=start + 1e-3 * np.linspace(-1, 1, len(start)))
    order = np.argsort(-values)[1:]
    values = np.minimum(values[order], 1 - 1e-9)
    return np.asarray(vectors[:, order] * (values / (1 - values)) / np.sqrt(degree / degree.sum())[:, None])


def _middle(distances: np.ndarray, rows: np.ndarray) -> int:
    return int(rows[distances[np.ix_(rows, rows)].sum(axis=1).argmin()])


def compare_classes(
    positions: np.ndarray, labels: np.ndarray, owners: np.ndarray, start: str, seed: int
) -> list[dict[str, Any]]:
    """Compare the mean pseudo-time of each class with that of the class at the start.

    The interval is that of the bootstrap over owners (groups where there are any): units of one are not independent.

    Args:
        positions: (N,) float64, NaN where unknown.
        labels: (N,) class names, empty where unknown.
        owners: (N,) what each unit belongs to.
        start: The class that others are compared with.
        seed: Of the bootstrap.

    Returns:
        Of each class: ``class``, ``units``, ``owners``, ``mean``, ``difference``, ``low``, ``high``, and ``reason``
        where there is no interval.
    """
    known = np.isfinite(positions) & (labels != "")
    base = known & (labels == start)
    rows: list[dict[str, Any]] = []
    for name in sorted(set(labels[known].tolist()), key=lambda each: (each != start, each)):
        own = known & (labels == name)
        row = {"class": name, "units": int(own.sum()), "owners": len(np.unique(owners[own]))}
        row["mean"] = float(positions[own].mean())
        if name != start:
            interval = difference_interval(positions, own, base, owners, seed)
            row |= {"difference": interval.estimate, "low": interval.low, "high": interval.high}
            row["reason"] = interval.reason
        rows.append(row)
    return rows


def check_size(n: int, settings: PseudotimeSettings) -> None:
    """Refuse more units than ``diffusion`` can take.

    Raises:
        DataError: There are too many.
    """
    if settings.method == DIFFUSION and n > settings.most_units:
        raise DataError(
            f"diffusion takes up to {settings.most_units} units, found {n}: choose method=discriminant, or raise it",
            setting="most_units",
        )
