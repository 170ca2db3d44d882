"""Algorithms that find groups, each with its own arguments; all see the same matrix.

What each makes is called as scikit-learn calls it; groups are numbered by size in `locgraph.analysis.grouping.assign`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

import numpy as np
from scipy.sparse import csr_matrix
from sklearn import cluster, mixture
from sklearn.exceptions import ConvergenceWarning

from locgraph.errors import ConfigError, DataError
from locgraph.settings import check_choice, check_number, check_whole

LINKAGES: Final = ("ward", "average", "complete", "single")
COVARIANCES: Final = ("full", "tied", "diag", "spherical")
_BATCH: Final = 4096


@dataclass(frozen=True)
class Partition:
    """Groups of n rows.

    Attributes:
        labels: (n,) int64, -1 for none.
        probabilities: (n,) float64 of the own group; None where the algorithm has none.
        notes: One sentence each.
    """

    labels: np.ndarray
    probabilities: np.ndarray | None = None
    notes: tuple[str, ...] = ()


class Grouper(Protocol):
    """Contract of an algorithm.

    Attributes:
        most_rows: Rows above which a random subset is grouped and the others follow their neighbours; None: no limit.
        needs_number: Whether it is told the number of groups.
        takes_connections: Whether it can be constrained to connected units.
    """

    most_rows: int | None
    needs_number: ClassVar[bool]
    takes_connections: ClassVar[bool]

    def partition(
        self, values: np.ndarray, n_groups: int | None, seed: int, connections: csr_matrix | None = None
    ) -> Partition:
        """Group rows.

        Args:
            values: (n, P) float64.
            n_groups: Number of groups, at most n; None for algorithms that find it.
            seed: Of all that is random.
            connections: (n, n) which rows may be merged; None: all.

        Raises:
            DataError: The algorithm finds nothing, with the setting to change.
        """
        ...


@dataclass
class KMeans:
    """K-means (Lloyd 1982, 10.1109/TIT.1982.1056489), in batches where there are many rows (Sculley 2010).

    Args:
        starts: Starts, of which the best counts.
        batches_above: Rows above which batches are used: faster, slightly worse.
    """

    starts: int = 10
    batches_above: int = 20_000
    needs_number: ClassVar[bool] = True
    takes_connections: ClassVar[bool] = False
    most_rows: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        check_whole("starts", self.starts, at_least=1)
        check_whole("batches_above", self.batches_above, at_least=1)

    def partition(
        self, values: np.ndarray, n_groups: int | None, seed: int, connections: csr_matrix | None = None
    ) -> Partition:
        """Group rows; see `Grouper`."""
        several: dict[str, Any] = {"n_clusters": n_groups, "n_init": self.starts, "random_state": seed}
        if len(values) > self.batches_above:
            fitted = cluster.MiniBatchKMeans(batch_size=_BATCH, **several).fit(values)
            note = (f"k-means in batches of {_BATCH}, as there are more than {self.batches_above} rows",)
            return Partition(fitted.labels_.astype(np.int64), None, note)
        return Partition(cluster.KMeans(**several).fit(values).labels_.astype(np.int64))


@dataclass
class AffinityPropagation:
    """Affinity propagation (Frey and Dueck 2007, 10.1126/science.1136800): finds the number of groups.

    Args:
        preference: Similarity (minus a squared distance) of a row to itself; lower gives fewer groups. None: the median
            of all similarities.
        damping: 0.5 to below 1; higher settles more surely, and later.
        most_iterations: After which it has failed.
        most_rows: Time and memory grow with the square of the rows.
    """

    preference: float | None = None
    damping: float = 0.9
    most_iterations: int = 1000
    most_rows: int | None = 2000
    needs_number: ClassVar[bool] = False
    takes_connections: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.preference is not None:
            check_number("preference", self.preference, at_most=0)
        if not 0.5 <= check_number("damping", self.damping) < 1:
            raise ConfigError(f"expected 0.5 to below 1, found {self.damping}", setting="damping")
        check_whole("most_iterations", self.most_iterations, at_least=1)
        check_rows(self.most_rows)

    def partition(
        self, values: np.ndarray, n_groups: int | None, seed: int, connections: csr_matrix | None = None
    ) -> Partition:
        """Group rows; see `Grouper`."""
        chosen: dict[str, Any] = {"damping": self.damping, "max_iter": self.most_iterations, "random_state": seed}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted = cluster.AffinityPropagation(preference=self.preference, **chosen).fit(values)
        if any(issubclass(each.category, ConvergenceWarning) for each in caught):
            raise DataError(
                f"did not settle within {self.most_iterations} iterations; raise damping or most_iterations",
                setting="damping",
            )
        return Partition(fitted.labels_.astype(np.int64))


@dataclass
class Spectral:
    """Spectral clustering of the graph of nearest neighbours (von Luxburg 2007, 10.1007/s11222-007-9033-z).

    Args:
        neighbours: Of each row in the graph; fewer follow bent groups more closely, and break them up sooner.
        most_rows: Time grows with more than the square of the rows.
    """

    neighbours: int = 10
    most_rows: int | None = 5000
    needs_number: ClassVar[bool] = True
    takes_connections: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_whole("neighbours", self.neighbours, at_least=2)
        check_rows(self.most_rows)

    def partition(
        self, values: np.ndarray, n_groups: int | None, seed: int, connections: csr_matrix | None = None
    ) -> Partition:
        """Group rows; see `Grouper`."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted = cluster.SpectralClustering(
                n_clusters=n_groups,
                affinity="nearest_neighbors",
                n_neighbors=min(self.neighbours, len(values)),
                assign_labels="cluster_qr",
                random_state=seed,
            ).fit(values)
        apart = any("not fully connected" in str(each.message) for each in caught)
        note = ("the graph of neighbours falls into several parts; more neighbours join them",) if apart else ()
        return Partition(fitted.labels_.astype(np.int64), None, note)


@dataclass
class Agglomerative:
    """Hierarchical merging (Ward 1963, 10.1080/01621459.1963.10500845); may be constrained to neighbours in space.

    Args:
        linkage: ``ward``, ``average``, ``complete`` or ``single``.
        most_rows: Memory grows with the square of the rows, but not where neighbours in space constrain it.
    """

    linkage: str = "ward"
    most_rows: int | None = 10_000
    needs_number: ClassVar[bool] = True
    takes_connections: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_choice("linkage", self.linkage, LINKAGES)
        check_rows(self.most_rows)

    def partition(
        self, values: np.ndarray, n_groups: int | None, seed: int, connections: csr_matrix | None = None
    ) -> Partition:
        """Group rows; see `Grouper`. Nothing is random."""
        with warnings.catch_warnings():
            # parts of the graph without a connection are joined by their nearest rows
            warnings.filterwarnings("ignore", message="the number of connected components")
            fitted = cluster.AgglomerativeClustering(
                n_clusters=n_groups, linkage=self.linkage, connectivity=connections
            ).fit(values)
        return Partition(fitted.labels_.astype(np.int64))


@dataclass
class GaussianMixture:
    """Mixture of normal distributions, with the probability of the group of each row.

    Args:
        covariance: ``diag``, ``full``, ``tied`` or ``spherical``; ``full`` needs many more rows than columns squared.
        starts: Starts, of which the most likely counts.
        regularisation: Added to variances; larger is steadier with few rows.
    """

    covariance: str = "diag"
    starts: int = 5
    regularisation: float = 1e-3
    needs_number: ClassVar[bool] = True
    takes_connections: ClassVar[bool] = False
    most_rows: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        check_choice("covariance", self.covariance, COVARIANCES)
        check_whole("starts", self.starts, at_least=1)
        check_number("regularisation", self.regularisation, above=0)

    def partition(
        self, values: np.ndarray, n_groups: int | None, seed: int, connections: csr_matrix | None = None
    ) -> Partition:
        """Group rows; see `Grouper`."""
        # the matrix has variances of a weight over a number of columns: the regularisation is a part of them
        scale = float(np.sqrt(values.var(axis=0).mean()))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted = mixture.GaussianMixture(
                n_groups or 1,
                covariance_type=self.covariance,
                n_init=self.starts,
                reg_covar=self.regularisation,
                random_state=seed,
            ).fit(values / scale)
        unsettled = any(issubclass(each.category, ConvergenceWarning) for each in caught)
        note = ("the mixture had not settled when it was stopped",) if unsettled else ()
        probabilities = fitted.predict_proba(values / scale)
        return Partition(probabilities.argmax(axis=1).astype(np.int64), probabilities.max(axis=1), note)


def check_rows(most_rows: int | None) -> None:
    """Refuse a limit of rows that cannot work.

    Raises:
        ConfigError: It is too small.
    """
    if most_rows is not None:
        check_whole("most_rows", most_rows, at_least=10)
