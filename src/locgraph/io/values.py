"""Values of a source table as canonical ones: numbers of the right type, nanometres, channels from 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError

_EXACT: Final = 2**53
"""Up to here, float64 holds every whole number; beyond, two different ones may look the same."""

_NONE_IS_A_VALUE: Final = (schema.SOURCE_CLUSTER, schema.LOC_LABEL)
"""Columns in which a row may be without a value: it belongs to no cluster, has no label."""


@dataclass(frozen=True)
class Taken:
    """A canonical column, and what it is made of.

    Attributes:
        name: Its name.
        sources: Source columns; of several the root mean square counts.
        factor: What a length, or the root of a squared one, is multiplied by to be in nm; 1 for what is no length.
        squared: Whether the sources hold squares.
    """

    name: str
    sources: tuple[str, ...]
    factor: float = 1.0
    squared: bool = False


def canonical_table(
    table: pl.DataFrame, taken: Sequence[Taken], channels: tuple[str, ...] | None, where: str
) -> pl.DataFrame:
    """Picks, renames, casts and converts columns of a source table.

    Args:
        table: Source table, one row for each localisation.
        taken: What to take; its sources are all in the table.
        channels: Names of channels as the source writes them; None takes numbers as they are.
        where: What to call the table in errors.

    Returns:
        Canonical columns, in the order of ``taken``. What is not a number is null, and so is a fraction where a whole
        number is due. Labels that are text stay text: whoever knows the classes numbers them.

    Raises:
        DataError: A column holds neither numbers nor text, or channels that are not named.
    """
    _check_types(table, taken, where)
    return table.select(_column(column, table, channels, where).alias(column.name) for column in taken)


def _check_types(table: pl.DataFrame, taken: Sequence[Taken], where: str) -> None:
    sources = sorted({source for column in taken for source in column.sources})
    if not all(_is_number(table.schema[source]) or _is_text(table.schema[source]) for source in sources):
        raise DataError(
            f"{where}: expected numbers in {', '.join(sources)}; found the types "
            f"{', '.join(str(table.schema[source]) for source in sources)}. Change columns.names"
        )


def _is_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)


def _is_text(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def _column(column: Taken, table: pl.DataFrame, channels: tuple[str, ...] | None, where: str) -> pl.Expr:
    """One canonical column."""
    name, first = column.name, column.sources[0]
    if name == schema.CHANNEL:
        return _channel(table[first], channels, where)
    if name == schema.LOC_LABEL and _is_text(table.schema[first]):
        return pl.col(first).cast(pl.String).str.strip_chars().fill_null("")
    if schema.LOCALISATION_COLUMNS[name].dtype == pl.Int64:
        values = _whole_number(pl.col(first), table.schema[first])
        if name in _NONE_IS_A_VALUE:
            values = values.fill_null(schema.NOISE)
        return values
    parts = [_number(pl.col(source), table.schema[source]) for source in column.sources]
    return _root_mean_square(parts, column.squared) * column.factor


def _number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if _is_text(dtype):
        column = column.cast(pl.String).str.strip_chars()
    return column.cast(pl.Float64, strict=False)


def _whole_number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Values as whole numbers; null where one is a fraction, or too large to be told from its neighbours."""
    if dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    values = _number(column, dtype)
    whole = pl.when((values == values.round()) & (values.abs() <= _EXACT)).then(values).cast(pl.Int64, strict=False)
    if _is_text(dtype):  # digits alone are exact, however many
        return pl.coalesce(column.cast(pl.String).str.strip_chars().cast(pl.Int64, strict=False), whole)
    return whole


def _root_mean_square(parts: list[pl.Expr], squared: bool) -> pl.Expr:
    """One value for one quantity along several axes; negative where any of them is, for such rows are refused."""
    if squared:
        return parts[0].sqrt() if len(parts) == 1 else pl.mean_horizontal(parts, ignore_nulls=False).sqrt()
    if len(parts) == 1:
        return parts[0]
    size = pl.mean_horizontal((part**2 for part in parts), ignore_nulls=False).sqrt()
    return pl.when(pl.any_horizontal(part < 0 for part in parts)).then(-size).otherwise(size)


def _channel(source: pl.Series, names: tuple[str, ...] | None, where: str) -> pl.Expr:
    """Indices of channels, which files write as numbers from 0, as other numbers, or as text."""
    column, whole = pl.col(source.name), _whole_number(pl.col(source.name), source.dtype)
    text = column.cast(pl.String).str.strip_chars() if _is_text(source.dtype) else whole.cast(pl.String)
    found = sorted(source.to_frame().select(text).to_series().drop_nulls().unique())
    if set(found) <= set(names or ()):
        index = {name: number for number, name in enumerate(names or ())}
        return text.replace_strict(index, default=None, return_dtype=pl.Int64)
    if all(name.isdecimal() and (names is None or int(name) < len(names)) for name in found):
        return whole
    if names is None and not _is_text(source.dtype):
        return whole
    raise DataError(
        f"{where}: expected channels as whole numbers, or among those of columns.channels "
        f"({', '.join(names) if names else names}); found {', '.join(map(repr, found[:5]))}. Set "
        f"columns.channels=[{','.join(found[:5])}], with all that any file has, in your order, or leave the "
        "channel out (columns.leave_out, columns.names)"
    )
