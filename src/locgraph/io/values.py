"""Values of a source table as canonical ones: numbers of the right type, nanometres, channels from 0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError

NM_PER_UNIT: Final = {"nm": 1.0, "um": 1e3, "m": 1e9}
"""Nanometres in one unit of length; ``px`` depends on the camera and is not here."""

PIXEL: Final = "px"
LENGTH_UNITS: Final = (*NM_PER_UNIT, PIXEL)

SQUARES: Final = {f"{unit}^2": unit for unit in LENGTH_UNITS}
"""Unit of a column that holds the square of a length, as a variance is -> unit of its root."""

_IN_NAME: Final = re.compile(r"[\[(]\s*(nm|um|µm|μm|m|px|pix|pixels?)\s*[\])]\s*$")
_PLURAL: Final = re.compile(r"(photon|count|frame)s([\])])$", re.IGNORECASE)
_ALIASES: Final = {"µm": "um", "μm": "um", "pix": PIXEL, "pixel": PIXEL, "pixels": PIXEL}

_EXACT: Final = 2**53
"""Up to here, float64 holds every whole number; beyond, two different ones may look the same."""

_NONE_IS_A_VALUE: Final = (schema.SOURCE_CLUSTER, schema.LOC_LABEL)
"""Columns in which a row may be without a value: it belongs to no cluster, has no label."""


_TIME: Final = re.compile(r"t|tim|times?|.*[\[(]\s*(s|sec|seconds?|ms)\s*[\])]", re.IGNORECASE)


def is_time(name: str) -> bool:
    """Return whether a column with fractions holds times by its name, so that these are no means of frames."""
    return _TIME.fullmatch(name.strip()) is not None


def unit_in_name(name: str) -> str | None:
    """Return the unit of length that the name of a column states in brackets, as in ``x [nm]`` or ``X (pix)``."""
    match = _IN_NAME.search(name)
    return None if match is None else _ALIASES.get(match[1], match[1])


@lru_cache(maxsize=8192)  # each file of a folder asks for the same ones, of all software
def normal_name(name: str) -> str:
    """Return the name of a column as others spell it too: ``intensity[photons]`` is ``intensity [photon]``.

    Blanks around and within brackets do not count, nor does a plural within them, nor which letter stands for micro.
    """
    text = " ".join(name.replace("\u00b5", "u").replace("\u03bc", "u").split())
    text = re.sub(r"\s*([\[(])\s*", r" \1", text).strip()
    return _PLURAL.sub(r"\1\2", re.sub(r"\s+([\])])", r"\1", text))


@dataclass(frozen=True)
class CanonicalColumn:
    """A canonical column, and the source columns it is computed from.

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
    table: pl.DataFrame, columns: Sequence[CanonicalColumn], channels: tuple[str, ...] | None, where: str
) -> pl.DataFrame:
    """Pick, rename, cast and convert columns of a source table.

    Args:
        table: Source table, one row for each localisation.
        columns: What to take; its sources are all in the table.
        channels: Names of channels as the source writes them; None takes numbers as they are.
        where: What to call the table in errors.

    Returns:
        Canonical columns, in the order of ``columns``. What is not a number is null, and so is a fraction where a whole
        number is due, but for frames: the mean frame of a molecule is rounded. Labels that are text stay text: whoever
        knows the classes numbers them.

    Raises:
        DataError: A column holds neither numbers nor text, or channels that are not named.
    """
    _check_types(table, columns, where)
    return table.select(_column(column, table, channels, where).alias(column.name) for column in columns)


def _check_types(table: pl.DataFrame, columns: Sequence[CanonicalColumn], where: str) -> None:
    sources = sorted({source for column in columns for source in column.sources})
    if not all(_is_number(table.schema[source]) or _is_text(table.schema[source]) for source in sources):
        raise DataError(
            f"{where}: expected numbers in {', '.join(sources)}; found the types "
            f"{', '.join(str(table.schema[source]) for source in sources)}",
            setting="names",
        )


def _is_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)


def _is_text(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def _column(column: CanonicalColumn, table: pl.DataFrame, channels: tuple[str, ...] | None, where: str) -> pl.Expr:
    """Return one canonical column."""
    name, first = column.name, column.sources[0]
    if name == schema.CHANNEL:
        return _channel(table[first], channels, where)
    if name == schema.LOC_LABEL and _is_text(table.schema[first]):
        return pl.col(first).cast(pl.String).str.strip_chars().fill_null("")
    if schema.LOCALISATION_COLUMNS[name].dtype == pl.Int64:
        values = _whole_number(pl.col(first), table.schema[first])
        if name == schema.FRAME and not is_time(first):
            values = pl.coalesce(values, _rounded(pl.col(first), table.schema[first]))
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
    """Return the values as whole numbers; null where one is a fraction, or too large to differ from its neighbours."""
    if dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    values = _number(column, dtype)
    whole = pl.when((values == values.round()) & (values.abs() <= _EXACT)).then(values).cast(pl.Int64, strict=False)
    if _is_text(dtype):  # digits alone are exact, however many
        return pl.coalesce(column.cast(pl.String).str.strip_chars().cast(pl.Int64, strict=False), whole)
    return whole


def _rounded(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the nearest whole numbers; null where that is not known, as the value is infinite or too large."""
    values = _number(column, dtype)
    return pl.when(values.abs() <= _EXACT).then(values.round()).cast(pl.Int64, strict=False)


def count_fractions(column: pl.Series) -> int:
    """Return how many values of a source column are finite numbers, but no whole ones."""
    if column.dtype.is_integer():
        return 0
    values = column.to_frame().select(_number(pl.col(column.name), column.dtype)).to_series()
    return int(((values != values.round()) & values.is_finite()).sum())


def _root_mean_square(parts: list[pl.Expr], squared: bool) -> pl.Expr:
    """Return one value for a quantity along several axes; negative where any of them is, to be refused."""
    if squared:
        return parts[0].sqrt() if len(parts) == 1 else pl.mean_horizontal(parts, ignore_nulls=False).sqrt()
    if len(parts) == 1:
        return parts[0]
    size = pl.mean_horizontal((part**2 for part in parts), ignore_nulls=False).sqrt()
    return pl.when(pl.any_horizontal(part < 0 for part in parts)).then(-size).otherwise(size)


def _channel(source: pl.Series, names: tuple[str, ...] | None, where: str) -> pl.Expr:
    """Return the indices of channels, which files write as numbers from 0, as other numbers, or as text."""
    column, whole = pl.col(source.name), _whole_number(pl.col(source.name), source.dtype)
    text = column.cast(pl.String).str.strip_chars() if _is_text(source.dtype) else whole.cast(pl.String)
    values = sorted(source.to_frame().select(text).to_series().drop_nulls().unique())
    if set(values) <= set(names or ()):
        index = {name: number for number, name in enumerate(names or ())}
        return text.replace_strict(index, default=None, return_dtype=pl.Int64)
    if all(name.isdecimal() and (names is None or int(name) < len(names)) for name in values):
        return whole
    if names is None and not _is_text(source.dtype):
        return whole
    raise DataError(
        f"{where}: expected whole numbers, or some of {', '.join(names) if names else names}; found "
        f"{', '.join(map(repr, values[:5]))}. Name all that any file has, in your order, such as "
        f"[{','.join(values[:5])}], or leave the channel out",
        setting="channels",
    )


def channel_names(channels: Sequence[Any] | None) -> tuple[str, ...] | None:
    """Return the names of channels as text, for a file may write a wavelength, which a setting holds as a number.

    Raises:
        ConfigError: A name is there twice.
    """
    names = None if channels is None else tuple(str(channel).strip() for channel in channels)
    twice = sorted({name for name in names or () if (names or ()).count(name) > 1})
    if twice:
        raise ConfigError(f"expected each name once; found {', '.join(twice)} again", setting="channels")
    return names


def check_pixel_size(pixel_size_nm: float | None) -> None:
    """Check the side of a camera pixel in nm that a setting gives.

    Raises:
        ConfigError: It is not positive and finite.
    """
    if pixel_size_nm is not None and not 0 < pixel_size_nm < float("inf"):
        raise ConfigError(f"expected a positive number; found {pixel_size_nm}", setting="pixel_size_nm")


def check_units(software: str, lengths: Iterable[str], units: Mapping[str, str], where: str) -> None:
    """Check that a file states a unit that is known for each of its lengths.

    Args:
        software: What wrote the file.
        lengths: Canonical names of the lengths in it.
        units: Canonical name -> unit, as far as the file states it.
        where: What to call the file in errors.

    Raises:
        DataError: There is a length without a unit, or in one that is not known.
    """
    without = [name for name in lengths if name not in units]
    if without:
        raise DataError(
            f"{where}: expected the unit of each length; {software} states none for {', '.join(without)}. It is never "
            "guessed: choose columns=custom with columns.names and columns.unit, which `locgraph inspect` proposes",
            setting="unit",
        )
    strange = [f"{unit!r} for {name}" for name, unit in units.items() if SQUARES.get(unit, unit) not in LENGTH_UNITS]
    if strange:
        raise DataError(
            f"{where}: expected lengths in {', '.join(LENGTH_UNITS)}; found {', '.join(strange)}. Convert the file, or "
            "leave the column out",
            setting="leave_out",
        )
