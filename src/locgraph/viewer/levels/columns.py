"""Columns of localisations as a viewer takes them: numbers or categories, with their ranges and histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema

CONTINUOUS: Final = "continuous"
CATEGORICAL: Final = "categorical"

CATEGORIES: Final = (
    *(schema.CHANNEL, schema.CLUSTER_ID, schema.SOURCE_CLUSTER),
    *(schema.PICK, schema.LOC_LABEL, schema.SITE),
)
"""Columns whose numbers are names."""

N_BINS: Final = 64
_MOST_LABELS: Final = 256
_ROBUST: Final = (0.005, 0.995)
_MOST_CODES: Final = 2**32 - 1
_NONE: Final = "none"


@dataclass(frozen=True)
class ColumnAbout:
    """What is known of a column before its values are read.

    Attributes:
        name: The column.
        kind: `CONTINUOUS` (float32) or `CATEGORICAL` (uint32 codes; the value is the code plus ``first``).
        unit: Its unit.
        meaning: One line of description.
        scale: How its values are best seen: one of ``schema.SCALES``.
        low: Smallest value; None where there is none that is a number.
        high: Largest value.
        robust: Values that 1 % lie outside of, half on each side; None as above.
        edges: Of the bins of the histogram; those of a continuous column span ``robust``.
        counts: Localisations in each bin; the first and last hold what lies beyond, too.
        first: Categories: the value of code 0.
        labels: Categories: name of each code; None where there are more than 256.
    """

    name: str
    kind: str
    unit: str
    meaning: str
    scale: str
    low: float | None
    high: float | None
    robust: tuple[float, float] | None
    edges: list[float]
    counts: list[int]
    first: int = 0
    labels: list[str] | None = None

    @property
    def dtype(self) -> np.dtype:
        """Type of its values as they are stored and sent."""
        return np.dtype("<u4") if self.kind == CATEGORICAL else np.dtype("<f4")

    def header(self) -> dict[str, Any]:
        """Return it as plain values."""
        about = {
            "name": self.name,
            "kind": self.kind,
            "unit": self.unit,
            "meaning": self.meaning,
            "scale": self.scale,
            "min": self.low,
            "max": self.high,
            "robust": None if self.robust is None else list(self.robust),
            "histogram": {"edges": self.edges, "counts": self.counts},
        }
        return about if self.kind == CONTINUOUS else about | {"first": self.first, "labels": self.labels}

    @classmethod
    def from_header(cls, about: Mapping[str, Any]) -> ColumnAbout:
        """Return the column that `header` describes.

        Raises:
            KeyError: An entry is missing.
        """
        plain = {key: about[key] for key in ("name", "kind", "unit", "meaning", "scale")}
        robust = None if about["robust"] is None else tuple(about["robust"])
        bins = {key: about["histogram"][key] for key in ("edges", "counts")}
        own = {key: about[key] for key in ("first", "labels") if key in about}
        return cls(**plain, low=about["min"], high=about["max"], robust=robust, **bins, **own)


@dataclass(frozen=True)
class ColumnNames:
    """Names and units that a table does not hold itself.

    Attributes:
        units: Column -> unit, where the schema does not name it.
        scales: Column -> scale, where the schema does not name it.
        labels: Column of categories -> name of the values 0, 1, ...
    """

    units: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)


def is_category(column: pl.Series) -> bool:
    """Return whether a column holds categories: one of `CATEGORIES` or flags, with few enough values."""
    if column.dtype == pl.Boolean:
        return True
    if column.name not in CATEGORIES or not column.dtype.is_integer() or column.null_count() == len(column):
        return False
    return int(column.max()) - min(int(column.min()), 0) < _MOST_CODES  # type: ignore[arg-type]


def encode(column: pl.Series, names: ColumnNames) -> tuple[ColumnAbout, np.ndarray]:
    """Return what is known of a column, and its values as they are sent.

    Args:
        column: Numbers or flags; nulls are no number, and among categories the value -1.
        names: Names and units.

    Returns:
        The column, and its values (N,) float32 or uint32.
    """
    if is_category(column):
        return _encode_categories(column, names)
    values = column.cast(pl.Float32).to_numpy() if column.null_count() else column.to_numpy().astype("<f4")
    return describe(column.name, values, names), values


def describe(name: str, values: np.ndarray, names: ColumnNames, meaning: str = "") -> ColumnAbout:
    """Return what is known of a continuous column.

    Args:
        name: The column.
        values: (N,) float32.
        names: Names and units.
        meaning: One line of description, where the schema has none.
    """
    known = schema.LOCALISATION_COLUMNS.get(name)
    unit = names.units.get(name, known.unit if known else "1")
    scale = names.scales.get(name, known.scale if known else schema.LINEAR)
    finite = values if np.isfinite(values).all() else values[np.isfinite(values)]
    about = (name, CONTINUOUS, unit, known.meaning if known else meaning, scale)
    if not len(finite):
        return ColumnAbout(*about, low=None, high=None, robust=None, edges=[], counts=[])
    low, high = float(finite.min()), float(finite.max())
    start, end = (float(value) for value in np.quantile(finite, _ROBUST))
    edges = np.linspace(start, end, N_BINS + 1) if start < end else np.linspace(low - 0.5, high + 0.5, N_BINS + 1)
    counts, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
    return ColumnAbout(*about, low, high, (start, end), edges.tolist(), counts.tolist())


def _encode_categories(column: pl.Series, names: ColumnNames) -> tuple[ColumnAbout, np.ndarray]:
    known = schema.LOCALISATION_COLUMNS.get(column.name)
    values = column.cast(pl.Int64).fill_null(schema.NOISE).to_numpy()
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    first = min(low, 0)
    given = names.labels.get(column.name) or (("no", "yes") if column.dtype == pl.Boolean else ())
    few = high - first < _MOST_LABELS
    edges = np.arange(first, high + 2) - 0.5 if few else np.linspace(first - 0.5, high + 0.5, N_BINS + 1)
    about = ColumnAbout(
        name=column.name,
        kind=CATEGORICAL,
        unit="1",
        meaning=known.meaning if known else "",
        scale=schema.LINEAR,
        low=float(low),
        high=float(high),
        robust=(float(low), float(high)),
        edges=edges.tolist(),
        counts=np.histogram(values, edges)[0].tolist(),
        first=first,
        labels=[_label(value, given) for value in range(first, high + 1)] if few else None,
    )
    return about, (values - first).astype("<u4")


def _label(value: int, given: Sequence[str]) -> str:
    if value == schema.NOISE:
        return _NONE
    return given[value] if 0 <= value < len(given) else str(value)
