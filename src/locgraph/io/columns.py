"""Column maps: which column of a source table is which canonical column, and in which unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError

NM_PER_UNIT: Final = {"nm": 1.0, "um": 1e3, "m": 1e9}
"""Nanometres in one unit of length; ``px`` depends on the camera and is not here."""
PIXEL: Final = "px"
LENGTH_UNITS: Final = (*NM_PER_UNIT, PIXEL)

MAPPABLE: Final = tuple(name for name in schema.LOCALISATION_COLUMNS if name not in (schema.VIEW, schema.CLUSTER_ID))
"""Canonical columns that a source may hold; views and clusters are made here."""

_UNIT_IN_NAME: Final = re.compile(r"[\[(]\s*(nm|um|µm|μm|m|px|pix|pixels?)\s*[\])]\s*$")
_UNIT_ALIASES: Final = {"µm": "um", "μm": "um", "pix": PIXEL, "pixel": PIXEL, "pixels": PIXEL}


class MissingColumnsError(DataError):
    """A table lacks a column that the column map requires."""


@dataclass(frozen=True)
class ColumnMap:
    """Says how a source table becomes canonical columns in nanometres and frames.

    Attributes:
        names: Canonical name (see ``schema.LOCALISATION_COLUMNS``) -> name in the source table, at least ``x`` and
            ``y``; None leaves the column out.
        unit: Unit of every length column: ``nm``, ``um``, ``m`` or ``px``.
        pixel_size_nm: Side of a camera pixel in nm: needed where a length is in ``px``, refused where none is.
        units: Canonical name -> unit of that length column, where it differs from ``unit``.
        required: Canonical names without which a file is refused; ``x`` and ``y`` always are required.

    Raises:
        ConfigError: A value cannot work; the message names the setting below ``columns``.
    """

    names: Mapping[str, str]
    unit: str = ""
    pixel_size_nm: float | None = None
    units: Mapping[str, str] | None = None
    required: Sequence[str] = (schema.X, schema.Y)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {name: source for name, source in self.names.items() if source is not None})
        object.__setattr__(self, "units", dict(self.units or {}))
        required = dict.fromkeys((schema.X, schema.Y, *self.required))
        object.__setattr__(self, "required", tuple(required))
        self._check_names()
        self._check_units()
        self._check_pixel_size()

    def _check_names(self) -> None:
        unknown = [name for name in self.names if name not in MAPPABLE]
        if unknown:
            raise ConfigError(
                f"columns.names: expected canonical columns among {', '.join(MAPPABLE)}; found {', '.join(unknown)}"
            )
        unnamed = [name for name in self.required if name not in self.names]
        if unnamed:
            raise ConfigError(
                f"columns.names: expected a source column for every required column; none for {', '.join(unnamed)}. "
                "Name it in columns.names or take it out of columns.required (x and y stay required)"
            )
        empty = [name for name, source in self.names.items() if not isinstance(source, str) or not source]
        if empty:
            raise ConfigError(
                f"columns.names: expected the name of a source column; found nothing for {', '.join(empty)}"
            )

    def _check_units(self) -> None:
        if not self.unit:
            raise ConfigError(
                f"columns.unit: expected the unit of the length columns ({', '.join(LENGTH_UNITS)}); found none. "
                "It is never guessed: look it up in the software that wrote the files"
            )
        lengths = self.length_columns
        stray = [name for name in self.units or {} if name not in lengths]
        if stray:
            raise ConfigError(
                f"columns.units: expected length columns that columns.names maps ({', '.join(lengths)}); "
                f"found {', '.join(stray)}"
            )
        for setting, unit in (("unit", self.unit), *((f"units.{n}", u) for n, u in (self.units or {}).items())):
            if unit not in LENGTH_UNITS:
                raise ConfigError(f"columns.{setting}: expected one of {', '.join(LENGTH_UNITS)}; found {unit!r}")
        for name in lengths:
            written = _unit_in_name(self.names[name])
            if written not in (None, self.unit_of(name)):
                raise ConfigError(
                    f"columns.unit: {name} is said to be in {self.unit_of(name)}, but its source column is called "
                    f"{self.names[name]!r}. Change columns.unit, columns.units.{name} or columns.names.{name}"
                )

    def _check_pixel_size(self) -> None:
        in_pixels = [name for name in self.length_columns if self.unit_of(name) == PIXEL]
        if in_pixels and self.pixel_size_nm is None:
            raise ConfigError(
                f"columns.pixel_size_nm: expected the side of a camera pixel in nm, as {', '.join(in_pixels)} "
                "is in px; found none. It is never guessed"
            )
        if self.pixel_size_nm is not None and not in_pixels:
            raise ConfigError(
                f"columns.pixel_size_nm: found {self.pixel_size_nm}, but no length column is in px: "
                "set columns.unit to px, or leave the pixel size out"
            )
        if self.pixel_size_nm is not None and not 0 < self.pixel_size_nm < float("inf"):
            raise ConfigError(f"columns.pixel_size_nm: expected a positive number; found {self.pixel_size_nm}")

    @property
    def length_columns(self) -> tuple[str, ...]:
        """Mapped canonical columns that are lengths."""
        return tuple(name for name in self.names if schema.LOCALISATION_COLUMNS[name].length_power == 1)

    def unit_of(self, name: str) -> str:
        """Unit of the length column ``name`` in the source."""
        return (self.units or {}).get(name, self.unit)

    def nm_per_unit(self, name: str) -> float:
        """Factor from the source's unit of the length column ``name`` to nm."""
        unit = self.unit_of(name)
        if unit == PIXEL and self.pixel_size_nm is not None:
            return float(self.pixel_size_nm)
        return NM_PER_UNIT[unit]

    def present(self, found: Iterable[str]) -> dict[str, str]:
        """Canonical -> source name of the mapped columns among the columns ``found`` in a table."""
        there = set(found)
        return {name: source for name, source in self.names.items() if source in there}

    def check_required(self, found: Sequence[str], where: str) -> None:
        """Checks that a table with the columns ``found`` can be read.

        Raises:
            MissingColumnsError: A required column is absent from the table called ``where``.
        """
        missing = [f"{self.names[name]!r} ({name})" for name in self.required if self.names[name] not in found]
        if missing:
            raise MissingColumnsError(
                f"{where}: expected the column {', '.join(missing)}; found the columns "
                f"{', '.join(map(repr, found)) or 'none'}. Change columns.names to the names in the file"
            )

    def to_canonical(self, table: pl.DataFrame, where: str) -> pl.DataFrame:
        """Picks, renames, casts and converts the mapped columns of a source table.

        What is not a number becomes null; ``refuse_rows`` counts it. Frames are shifted so that the first is 0.

        Args:
            table: Source table, one row for each localisation.
            where: What to call the table in errors.

        Returns:
            Canonical columns, in the order of the schema: lengths in nm, frames from 0, types of the schema. An
            optional column that the table lacks is left out.

        Raises:
            MissingColumnsError: A required column is absent.
            DataError: A column does not hold numbers or text.
        """
        self.check_required(table.columns, where)
        present = self.present(table.columns)
        try:
            return table.select(
                self._canonical(name, table.schema[present[name]]) for name in MAPPABLE if name in present
            )
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"{where}: expected numbers in {', '.join(present.values())}; found the types "
                f"{', '.join(str(table.schema[source]) for source in present.values())}. Change columns.names"
            ) from error

    def _canonical(self, name: str, found: pl.DataType) -> pl.Expr:
        values = pl.col(self.names[name])
        if found == pl.String:
            values = values.str.strip_chars()
        if not found.is_integer():
            values = values.cast(pl.Float64, strict=False)
        values = values.cast(schema.LOCALISATION_COLUMNS[name].dtype, strict=False)
        if name in self.length_columns:
            values = values * self.nm_per_unit(name)
        if name == schema.FRAME:
            values = values - values.min()
        return values.alias(name)


def _unit_in_name(source: str) -> str | None:
    """The unit that a source column's name states in brackets, as in ``x [nm]`` or ``X (pix)``."""
    found = _UNIT_IN_NAME.search(source)
    return None if found is None else _UNIT_ALIASES.get(found[1], found[1])
