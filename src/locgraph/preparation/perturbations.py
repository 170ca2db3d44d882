"""Perturbations: changes to the raw localisations of a FOV, or to its clustering, that a classifier should withstand.

Each has one severity, in a unit that people know. Draws depend on the localisations and the seed, not on the order of
the rows or the name of the file, and a mild severity draws what a stronger one draws too: curves over the severity are
smoother than those of independent draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.preparation.clustering.base import Clusterer
from locgraph.preparation.order import order_localisations
from locgraph.settings import check_number

_UNKNOWN: Final = -1
_OF_NO_STRUCTURE: Final = (schema.LOC_LABEL, schema.SITE, schema.SOURCE_CLUSTER)


@dataclass(frozen=True)
class RawFov:
    """Localisations of one FOV before filters and clustering.

    Attributes:
        table: Canonical columns in nm, in the order of `locgraph.preparation.order`.
        dimensions: 2 or 3.
        times: (N,) float64, the frame of each localisation, or its place in the file.
        timed: Whether ``times`` are frames.
        clusterer: The clusterer of the model.
        cluster_seed: Its seed.
    """

    table: pl.DataFrame
    dimensions: int
    times: np.ndarray
    timed: bool
    clusterer: Clusterer
    cluster_seed: int

    @classmethod
    def of(cls, table: pl.DataFrame, dimensions: int, clusterer: Clusterer, cluster_seed: int) -> RawFov:
        """Return the FOV of a table whose rows are in the order of its file."""
        order = order_localisations(table, dimensions)
        timed = schema.FRAME in table.columns
        times = table[schema.FRAME].to_numpy() if timed else np.arange(table.height)
        return cls(table[order], dimensions, times[order].astype(np.float64), timed, clusterer, cluster_seed)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return schema.position_columns(self.dimensions)

    @property
    def positions(self) -> np.ndarray:
        """Positions (N, D) float64 nm."""
        return np.ascontiguousarray(self.table.select(self.axes).to_numpy(), dtype=np.float64)

    def moved(self, positions: np.ndarray) -> pl.DataFrame:
        """Return the table with other positions (N, D) nm."""
        return self.table.with_columns(pl.Series(name, positions[:, axis]) for axis, name in enumerate(self.axes))


class Perturbation:
    """Base of perturbations. One that changes localisations overrides `perturb`, one of clustering `recluster`.

    Args:
        severities: How strong, in `unit`; at least one, each once.

    Attributes:
        severities: The same, ascending.
        neutral: The severity that changes nothing.
        unit: Unit of the severities: ``nm``, or ``1`` for a pure number.
        meaning: What the severity is, as the axis of a figure says it.
        uses_time: Whether it depends on frames, or where there are none on the order of the file.

    Raises:
        ConfigError: There is no severity, or one is out of range.
    """

    neutral: ClassVar[float]
    unit: ClassVar[str]
    meaning: ClassVar[str]
    uses_time: ClassVar[bool] = False
    _range: ClassVar[Mapping[str, float]]

    def __init__(self, severities: Sequence[float]) -> None:
        if isinstance(severities, str) or not isinstance(severities, Sequence) or not severities:
            raise ConfigError(f"expected a list of at least one number, found {severities!r}", setting="severities")
        values = [check_number("severities", value, **self._range) for value in severities]
        if len(set(values)) < len(values):
            raise ConfigError(f"expected each number once, found {list(severities)}", setting="severities")
        self.severities = tuple(sorted(values))

    def perturb(self, fov: RawFov, severity: float, rng: np.random.Generator) -> pl.DataFrame:
        """Return the localisations of a FOV, changed.

        Args:
            fov: The FOV.
            severity: One of `severities`.
            rng: The same for all severities.

        Raises:
            DataError: The FOV lacks what the perturbation needs.
        """
        del severity, rng
        return fov.table

    def recluster(self, settings: Mapping[str, Any], severity: float) -> Mapping[str, Any]:
        """Return the settings of the clusterer, changed.

        Args:
            settings: Settings of the clusterer, with ``_target_``.
            severity: One of `severities`.

        Raises:
            ConfigError: The clusterer has no setting that could be changed.
        """
        del severity
        return settings


class Thinning(Perturbation):
    """Keeps a random part of the localisations: a shorter acquisition, or a lower labelling density.

    Args:
        severities: Fractions that are kept.
    """

    neutral, unit, meaning = 1.0, "1", "fraction of localisations kept"
    _range: ClassVar = {"above": 0.0, "at_most": 1.0}

    def perturb(self, fov: RawFov, severity: float, rng: np.random.Generator) -> pl.DataFrame:
        """Return ``severity`` times as many localisations."""
        kept = rng.permutation(fov.table.height)[: round(severity * fov.table.height)]
        return fov.table[np.sort(kept)]


class ExtraNoise(Perturbation):
    """Adds localisations that lie uniformly in the bounding box of the FOV; all else they copy from random others.

    Args:
        severities: Added localisations, as a fraction of those that are there.
    """

    neutral, unit, meaning = 0.0, "1", "noise added, fraction of the count"
    _range: ClassVar = {"at_least": 0.0}

    def perturb(self, fov: RawFov, severity: float, rng: np.random.Generator) -> pl.DataFrame:
        """Return the localisations, then the noise."""
        n, points = fov.table.height, fov.positions
        drawn = rng.random((round(severity * n), fov.dimensions + 1))
        low, high = points.min(axis=0), points.max(axis=0)
        places = low + drawn[:, :-1] * (high - low)
        copied = fov.table[(drawn[:, -1] * n).astype(np.int64)]
        unknown = [
            pl.lit(_UNKNOWN, copied.schema[name]).alias(name) for name in _OF_NO_STRUCTURE if name in copied.columns
        ]
        noise = copied.with_columns(*(pl.Series(name, places[:, axis]) for axis, name in enumerate(fov.axes)), *unknown)
        return pl.concat([fov.table, noise])


class Jitter(Perturbation):
    """Moves every localisation at random, and states the worse precision where there is one.

    Args:
        severities: Standard deviations in nm along each axis.
    """

    neutral, unit, meaning = 0.0, "nm", "added imprecision (s.d.) in nm"
    _range: ClassVar = {"at_least": 0.0}

    def perturb(self, fov: RawFov, severity: float, rng: np.random.Generator) -> pl.DataFrame:
        """Return the moved localisations; variances of precisions add."""
        moved = fov.moved(fov.positions + severity * rng.standard_normal((fov.table.height, fov.dimensions)))
        stated = [name for name in (schema.PRECISION, schema.PRECISION_Z) if name in moved.columns]
        return moved.with_columns((pl.col(name) ** 2 + severity**2).sqrt() for name in stated)


class Drift(Perturbation):
    """Moves localisations along one random direction in the plane, by as much as time has passed.

    Time is the frame; where there are no frames, the place in the file.

    Args:
        severities: Way in nm from the first to the last localisation.
    """

    neutral, unit, meaning, uses_time = 0.0, "nm", "drift from first to last frame in nm", True
    _range: ClassVar = {"at_least": 0.0}

    def perturb(self, fov: RawFov, severity: float, rng: np.random.Generator) -> pl.DataFrame:
        """Return the moved localisations.

        Raises:
            DataError: All localisations are of one frame.
        """
        first, last = fov.times.min(), fov.times.max()
        if first == last:
            raise DataError("expected localisations of several frames, found one: there is no time to drift in")
        angle = rng.uniform(0.0, 2.0 * np.pi)
        direction = np.array([np.cos(angle), np.sin(angle), 0.0])[: fov.dimensions]
        passed = (fov.times - first) / (last - first)
        return fov.moved(fov.positions + severity * passed[:, None] * direction)


class MissingSites(Perturbation):
    """Leaves out whole clusters at random, as incomplete labelling does; what is in no cluster stays.

    Args:
        severities: Fractions of the clusters that are kept.
    """

    neutral, unit, meaning = 1.0, "1", "fraction of clusters kept"
    _range: ClassVar = {"above": 0.0, "at_most": 1.0}

    def perturb(self, fov: RawFov, severity: float, rng: np.random.Generator) -> pl.DataFrame:
        """Return the localisations of the clusters that are kept, and those of none.

        Raises:
            DataError: The clusterer needs a column that is not there.
        """
        absent = [name for name in fov.clusterer.needs if name not in fov.table.columns]
        if absent:
            raise DataError(f"the clusterer expected the columns {absent}, found {fov.table.columns}")
        columns = {name: fov.table[name].to_numpy() for name in fov.clusterer.needs}
        labels = np.asarray(fov.clusterer(fov.positions, fov.cluster_seed, **columns))
        clusters = rng.permutation(np.unique(labels[labels >= 0]))
        kept = clusters[: round(severity * len(clusters))]
        return fov.table.filter(pl.Series(np.isin(labels, kept) | (labels < 0)))


class Reclustering(Perturbation):
    """Clusters with another size: as far as a result depends on this choice, it is not one about the structures.

    Args:
        severities: Factors on the clusterer's own setting.
        settings: Names of settings; the one that the clusterer has is multiplied.
    """

    neutral, unit, meaning = 1.0, "1", "factor on eps or k of clustering"
    _range: ClassVar = {"above": 0.0}

    def __init__(self, severities: Sequence[float], settings: Sequence[str]) -> None:
        super().__init__(severities)
        self.settings = tuple(settings)

    def recluster(self, settings: Mapping[str, Any], severity: float) -> Mapping[str, Any]:
        """Return the settings with one multiplied; whole numbers stay whole and at least 1.

        Raises:
            ConfigError: The clusterer, and those nested in it, have none of the settings.
        """
        for name, value in settings.items():
            if name in self.settings and isinstance(value, (int, float)):
                scaled = severity * value
                return {**settings, name: max(1, round(scaled)) if isinstance(value, int) else scaled}
        for name, value in settings.items():
            if isinstance(value, Mapping):
                return {**settings, name: self.recluster(value, severity)}
        raise ConfigError(
            f"expected a clusterer with one of {', '.join(self.settings)}, found {dict(settings)}", setting="settings"
        )


class Rescaling(Perturbation):
    """Multiplies all lengths: a wrong pixel size, another magnification, or structures that shrank.

    Args:
        severities: Factors.
    """

    neutral, unit, meaning = 1.0, "1", "factor on all lengths"
    _range: ClassVar = {"above": 0.0}

    def perturb(self, fov: RawFov, severity: float, rng: np.random.Generator) -> pl.DataFrame:
        """Return the localisations with positions, precisions and widths multiplied."""
        del rng
        return fov.table.with_columns(pl.col(name) * severity for name in fov.table.columns if schema.is_length(name))
