"""Ranges of measures and cluster features in training, and which FOVs lie outside: units, acquisition, density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.trust.measures import RANGED, Measures

QUANTILES: Final = (0.001, 0.999)
"""Of the values in training: the ends of a range."""

MOST_OUTSIDE: Final = 0.2
"""Fraction of clusters outside a range from which on a feature is named."""

OTHER_UNITS: Final = 3.0
"""Factor beyond the range from which on a length or a number of photons may have another unit."""

_FOV_MARGIN: Final = 0.25
_CLUSTER_MARGIN: Final = 0.1
_SHOWN: Final = 5
_UNITS_ASKED: Final = ("nm", "photons")


@dataclass(frozen=True)
class Range:
    """Range of a measure in training.

    Args:
        low: Its lower end, in the unit of the measure.
        high: Its upper end.
        margin: Part of the range that values may lie beyond either end, and factor less 1 where they are positive.
    """

    low: float
    high: float
    margin: float

    @classmethod
    def fit(cls, values: np.ndarray, margin: float) -> Self | None:
        """Return the range of values (n,); None where none is known."""
        known = values[np.isfinite(values)]
        if not len(known):
            return None
        low, high = np.quantile(known, QUANTILES)
        return cls(float(low), float(high), margin)

    def limits(self) -> tuple[float, float]:
        """Return the smallest and the largest value that lies inside, margins included."""
        if self.low > 0:
            factor = (self.high / self.low) ** self.margin * (1.0 + self.margin)
            return self.low / factor, self.high * factor
        width = self.margin * (self.high - self.low or abs(self.high))
        return self.low - width, self.high + width

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Return which values (n,) lie outside; what is unknown does not."""
        low, high = self.limits()
        return (values < low) | (values > high)


@dataclass(frozen=True)
class OutOfRange:
    """One measure of a FOV that lies outside its range in training.

    Attributes:
        fov_id: The FOV.
        feature: The measure, or cluster feature.
        of_clusters: Whether it is a feature of clusters.
        fraction: Fraction of clusters outside; 1 for a measure of the FOV.
        value: The value; of clusters, the median of those outside.
        low: Lower end of the range.
        high: Upper end.
        unit: Their unit.
    """

    fov_id: str
    feature: str
    of_clusters: bool
    fraction: float
    value: float
    low: float
    high: float
    unit: str

    def words(self) -> str:
        """Return what is outside, as text without the name of the FOV."""
        if self.of_clusters:
            return f"{self.feature} lies outside the training range in {self.fraction:.0%} of clusters"
        unit = "" if self.unit == "1" else f" {self.unit}"
        return (
            f"{self.feature} {_number(self.value)}{unit}; training {_number(self.low)} to {_number(self.high)}{unit}"
            f"{self._question()}"
        )

    def _question(self) -> str:
        beyond = max(self.value / self.high if self.high > 0 else 0.0, self.low / self.value if self.value > 0 else 0.0)
        return ": other units?" if self.unit in _UNITS_ASKED and beyond >= OTHER_UNITS else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Ranges:
    """Ranges of the measures of FOVs and of the features of clusters in training.

    They see what changed in all FOVs alike and leaves shapes as they are, which neither a network nor distances need to
    notice: other units, other precision, other densities. A range holds 99.8 % of the values in training. On the scale
    of logarithms, values may lie beyond its ends by a quarter of its width and a factor of 1.25, those of clusters by a
    tenth and 1.1.

    Args:
        fovs: Measure to range.
        clusters: Cluster feature to range.
        units: Unit of each.
    """

    fovs: Mapping[str, Range]
    clusters: Mapping[str, Range]
    units: Mapping[str, str]

    @classmethod
    def fit(cls, measures: Measures) -> Self:
        """Fit to the measures of training FOVs.

        Raises:
            DataError: There is no FOV.
        """
        if measures.fovs.is_empty():
            raise DataError("expected at least one training FOV to take ranges from, found none")
        fovs = _fit(measures.fovs, [name for name in RANGED if name in measures.fovs.columns], _FOV_MARGIN)
        clusters = _fit(measures.clusters, _features(measures.clusters), _CLUSTER_MARGIN)
        units = {name: measures.units.get(name, "1") for name in (*fovs, *clusters)}
        return cls(fovs, clusters, units)

    def check(self, measures: Measures) -> list[OutOfRange]:
        """Return what lies outside, in the order of the FOVs: measures of FOVs, then features of their clusters."""
        by_fov: dict[str, list[OutOfRange]] = {fov_id: [] for fov_id in measures.fovs[schema.FOV_ID]}
        for name, span in self.fovs.items():
            if name in measures.fovs.columns:
                values = _values(measures.fovs, name)
                for row in np.flatnonzero(span.outside(values)):
                    fov_id = measures.fovs[schema.FOV_ID][int(row)]
                    by_fov[fov_id].append(self._entry(fov_id, name, span, False, 1.0, float(values[row])))
        names, owners, sizes = np.unique(
            measures.clusters[schema.FOV_ID].to_numpy().astype(str), return_inverse=True, return_counts=True
        )
        for name, span in self.clusters.items():
            if name in measures.clusters.columns:
                values = _values(measures.clusters, name)
                outside = span.outside(values)
                number = np.bincount(owners[outside], minlength=len(names))
                fractions = number / sizes
                for index in np.flatnonzero((number > 1) & (fractions >= MOST_OUTSIDE)):
                    fov_id, value = str(names[index]), float(np.median(values[outside & (owners == index)]))
                    by_fov[fov_id].append(self._entry(fov_id, name, span, True, float(fractions[index]), value))
        return [entry for entries in by_fov.values() for entry in entries]

    def _entry(
        self, fov_id: str, name: str, span: Range, of_clusters: bool, fraction: float, value: float
    ) -> OutOfRange:
        return OutOfRange(fov_id, name, of_clusters, fraction, value, span.low, span.high, self.units[name])

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint."""
        levels = {"fovs": self.fovs, "clusters": self.clusters}
        plain = {
            level: {name: [span.low, span.high, span.margin] for name, span in ranges.items()}
            for level, ranges in levels.items()
        }
        return plain | {"units": dict(self.units)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_plain` wrote."""
        fovs, clusters = (
            {name: Range(*values) for name, values in plain[level].items()} for level in ("fovs", "clusters")
        )
        return cls(fovs, clusters, dict(plain["units"]))


def _features(clusters: pl.DataFrame) -> list[str]:
    return [name for name in clusters.columns if name != schema.FOV_ID]


def _fit(table: pl.DataFrame, columns: Sequence[str], margin: float) -> dict[str, Range]:
    ranges = {name: Range.fit(_values(table, name), margin) for name in columns}
    return {name: span for name, span in ranges.items() if span is not None}


def _values(table: pl.DataFrame, name: str) -> np.ndarray:
    return table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def describe_unlike(n_fovs: int, reasons: Mapping[str, Sequence[str]], false_alarms: float) -> tuple[str, ...]:
    """Return warnings that name the FOVs that are unlike those of training.

    Args:
        n_fovs: Number of FOVs that were looked at.
        reasons: FOV that is unlike to what is unlike, the most important first.
        false_alarms: Fraction of FOVs like those of training that may be called unlike.

    Returns:
        One sentence, or none where no FOV is unlike.
    """
    if not reasons:
        return ()
    shown = "; ".join(f"{fov_id} ({'; '.join(words)})" for fov_id, words in list(reasons.items())[:_SHOWN])
    more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    which = f"{len(reasons)} of {n_fovs} FOVs {'is' if len(reasons) == 1 else 'are'}" if n_fovs > 1 else "1 FOV is"
    expected = f"of FOVs like them up to {false_alarms:.0%} would be called so"
    return (f"{which} unlike those of the training ({expected}): {shown}{more}",)


def describe_ranges(n_fovs: int, entries: Sequence[OutOfRange]) -> tuple[str, ...]:
    """Return warnings on measures that lie outside their range in training, one sentence for each measure.

    Args:
        n_fovs: Number of FOVs that were looked at.
        entries: What `Ranges.check` returned.
    """
    by_feature: dict[tuple[bool, str], list[OutOfRange]] = {}
    for entry in entries:
        by_feature.setdefault((entry.of_clusters, entry.feature), []).append(entry)
    return tuple(_sentence(n_fovs, same) for _, same in sorted(by_feature.items()))


def _sentence(n_fovs: int, same: Sequence[OutOfRange]) -> str:
    of_fovs = f"{len(same)} of {n_fovs} FOVs"
    first = same[0]
    if first.of_clusters:
        middle = float(np.median([entry.fraction for entry in same]))
        return f"{first.feature} lies outside the training range in {middle:.0%} of clusters (median) in {of_fovs}"
    typical = sorted(same, key=lambda entry: entry.value)[len(same) // 2]
    return f"outside the training range in {of_fovs}: {typical.words()}"
