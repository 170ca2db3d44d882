"""The columns of a file with their units and ranges."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.io.columns import ColumnMap


@dataclass(frozen=True)
class ColumnRange:
    """One column of a file.

    Attributes:
        source: Its name in the file; of several that are one quantity, all.
        dtype: Its type in the file.
        canonical: locgraph's name; None where it is not taken.
        source_unit: Unit of a length in the file; None for what is no length, or not taken.
        unit: Unit of the values below; None where it is not taken.
        low: Smallest finite value; None where there is none, or it is text.
        median: Median of the finite values.
        high: Largest finite value.
        missing: Rows without a value: null, not a number, or infinite.
    """

    source: str
    dtype: str
    canonical: str | None
    source_unit: str | None
    unit: str | None
    low: float | None
    median: float | None
    high: float | None
    missing: int


def taken_ranges(chosen: ColumnMap, source: pl.DataFrame, canonical: pl.DataFrame) -> list[ColumnRange]:
    """The columns that are taken, after conversion.

    Args:
        chosen: Which column is which, in which unit.
        source: The table of the file.
        canonical: What ``chosen`` makes of it.
    """
    found = chosen.present(source.columns)
    return [
        ColumnRange(
            source=", ".join(found[name]),
            dtype=", ".join(dict.fromkeys(str(source.schema[part]) for part in found[name])),
            canonical=name,
            source_unit=chosen.unit_of(name) if schema.is_length(name) else None,
            unit=schema.LOCALISATION_COLUMNS[name].unit,
            **_range(canonical[name]),
        )
        for name in canonical.columns
    ]


def other_ranges(source: pl.DataFrame, taken: Collection[str]) -> list[ColumnRange]:
    """The columns of a file that are not among those ``taken``, as they are."""
    return [
        ColumnRange(column.name, str(column.dtype), None, None, None, **_range(column))
        for column in source
        if column.name not in taken
    ]


def _range(column: pl.Series) -> dict[str, Any]:
    values = column
    if column.dtype.is_float():
        values = column.filter(column.is_finite())
    elif column.dtype.is_numeric():
        values = column.drop_nulls()
    missing = len(column) - len(values) if column.dtype.is_numeric() else column.null_count()
    if not column.dtype.is_numeric() or values.is_empty():
        return {"low": None, "median": None, "high": None, "missing": missing}
    numbers = (values.min(), values.median(), values.max())
    low, median, high = (float(number) for number in numbers)  # type: ignore[arg-type]
    return {"low": low, "median": median, "high": high, "missing": missing}
