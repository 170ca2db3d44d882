"""Column maps: which column of a source table is which canonical column, and in which unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.header import Header, Sources
from locgraph.io.units import LENGTH_UNITS, NM_PER_UNIT, PIXEL, SQUARES, unit_in_name
from locgraph.io.values import Taken, canonical_table

MAPPABLE: Final = tuple(name for name in schema.LOCALISATION_COLUMNS if name not in (schema.VIEW, schema.CLUSTER_ID))
"""Canonical columns that a source may hold; views and clusters are made here."""

DUPLICATE: Final = "_duplicated_"
"""Stands between the name of a column and a number where a text file has this name again."""

_SPREADS: Final = (schema.PRECISION, schema.PRECISION_Z, schema.SIGMA)
"""Lengths that a file may hold for each axis, or as a variance."""
_OF_AXES: Final = (*_SPREADS, schema.SIGMA_VARIANCE)
_SHOWN, _LONGEST = 40, 60


class MissingColumnsError(DataError):
    """A table lacks a column that the column map requires."""


class ColumnSource(Protocol):
    """Finds the column map of each file."""

    def for_file(self, header: Header, where: str) -> ColumnMap:
        """The column map of the file called ``where``."""
        ...


@dataclass(frozen=True)
class ColumnMap:
    """Says how a source table becomes canonical columns in nanometres and frames: the same for every file.

    Attributes:
        names: Canonical name (see ``schema.LOCALISATION_COLUMNS``) -> name in the source table, at least ``x`` and
            ``y``; of a list of names, such as the precision along x and y, the root mean square counts; None leaves
            the column out.
        unit: Unit of every length column: ``nm``, ``um``, ``m`` or ``px``.
        pixel_size_nm: Side of a camera pixel in nm: needed where a length is in ``px``, refused where none is.
        units: Canonical name -> unit of that length column, where it differs from ``unit``; ``nm^2`` and the like for
            a precision or width whose square (a variance) the column holds: its root is taken.
        required: Canonical names without which a file is refused; ``x`` and ``y`` always are required.
        channels: Names of the channels as the source writes them: the first becomes channel 0. Needed where they are
            text; None takes numbers as they are.

    Raises:
        ConfigError: A value cannot work; the message names the setting below ``columns``.
    """

    names: Mapping[str, Sources]
    unit: str = ""
    pixel_size_nm: float | None = None
    units: Mapping[str, str] | None = None
    required: Sequence[str] = (schema.X, schema.Y)
    channels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        named = {name: _frozen(source) for name, source in self.names.items() if source is not None}
        object.__setattr__(self, "names", named)
        object.__setattr__(self, "units", dict(self.units or {}))
        required = dict.fromkeys((schema.X, schema.Y, *self.required))
        object.__setattr__(self, "required", tuple(required))
        object.__setattr__(self, "channels", channel_names(self.channels))
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
        empty = [name for name in self.names if not _are_names(self._sources(name))]
        if empty:
            raise ConfigError(
                f"columns.names: expected the name of a source column; found nothing for {', '.join(empty)}"
            )
        several = [name for name in self.names if len(self._sources(name)) > 1 and name not in _OF_AXES]
        if several:
            raise ConfigError(
                f"columns.names: expected one source column for {', '.join(several)}; found several. "
                f"Only {', '.join(_OF_AXES)} may have one for each axis"
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
            may_be_squared = setting.removeprefix("units.") in _SPREADS
            if unit not in LENGTH_UNITS and not (may_be_squared and unit in SQUARES):
                raise ConfigError(f"columns.{setting}: expected one of {', '.join(LENGTH_UNITS)}; found {unit!r}")
        for name, source in [(length, source) for length in lengths for source in self._sources(length)]:
            written = unit_in_name(source)
            if written not in (None, self.unit_of(name)):
                raise ConfigError(
                    f"columns.unit: {name} is said to be in {self.unit_of(name)}, but its source column is called "
                    f"{source!r}. Change columns.unit, columns.units.{name} or columns.names.{name}"
                )

    def _check_pixel_size(self) -> None:
        in_pixels = [name for name in self.length_columns if self._root_unit(name) == PIXEL]
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

    def for_file(self, header: Header, where: str) -> ColumnMap:
        """This map, whatever the file says of itself."""
        return self

    def _sources(self, name: str) -> tuple[str, ...]:
        """Source columns of one canonical column."""
        named = self.names[name]
        return (named,) if isinstance(named, str) else tuple(named)

    @property
    def length_columns(self) -> tuple[str, ...]:
        """Mapped canonical columns that are lengths."""
        return tuple(name for name in self.names if schema.is_length(name))

    def unit_of(self, name: str) -> str:
        """Unit of the length column ``name`` in the source."""
        return (self.units or {}).get(name, self.unit)

    def is_squared(self, name: str) -> bool:
        """Whether the source holds the square of the length ``name``."""
        return self.unit_of(name) in SQUARES

    def _root_unit(self, name: str) -> str:
        unit = self.unit_of(name)
        return SQUARES.get(unit, unit)

    def nm_per_unit(self, name: str) -> float:
        """Factor from the source's unit of the length column ``name``, or from the root of a squared one, to nm."""
        unit = self._root_unit(name)
        if unit == PIXEL and self.pixel_size_nm is not None:
            return float(self.pixel_size_nm)
        return NM_PER_UNIT[unit]

    def present(self, found: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Canonical name -> source columns of what is mapped and among the columns ``found`` in a table."""
        there = set(found)
        return {name: self._sources(name) for name in self.names if there.issuperset(self._sources(name))}

    def sources(self, found: Iterable[str]) -> list[str]:
        """Source columns to read from a table with the columns ``found``, each once."""
        return sorted({source for sources in self.present(found).values() for source in sources})

    def check_required(self, found: Sequence[str], where: str) -> None:
        """Checks that a table with the columns ``found`` can be read.

        Raises:
            MissingColumnsError: A required column is absent from the table called ``where``.
            DataError: A mapped column is there twice.
        """
        absent = {name: [source for source in self._sources(name) if source not in found] for name in self.required}
        missing = [f"{source!r} ({name})" for name, sources in absent.items() for source in sources]
        if missing:
            raise MissingColumnsError(
                f"{where}: expected the column {', '.join(missing)}; found the columns "
                f"{list_names(found)}. Change columns.names to the names in the file"
            )
        twice = [source for source in self.sources(found) if f"{source}{DUPLICATE}0" in found]
        if twice:
            raise DataError(
                f"{where}: expected the column {', '.join(map(repr, twice))} once; found it twice. "
                "Which one is right is not known: take one out, or leave the column out of columns.names"
            )

    def to_canonical(self, table: pl.DataFrame, where: str) -> pl.DataFrame:
        """Picks, renames, casts and converts the mapped columns of a source table.

        What is not a number becomes null; ``refuse_rows`` counts it. Frames are shifted so that the first is 0.

        Args:
            table: Source table, one row for each localisation.
            where: What to call the table in errors.

        Returns:
            Canonical columns, in the order of the schema: lengths in nm, types of the schema, but for
            labels that are text. An optional column that the table lacks is left out.

        Raises:
            MissingColumnsError: A required column is absent.
            DataError: A column does not hold numbers or text.
        """
        self.check_required(table.columns, where)
        present = self.present(table.columns)
        taken = [self._taken(name, present[name]) for name in MAPPABLE if name in present]
        return canonical_table(table, taken, self.channels, where)

    def _taken(self, name: str, sources: tuple[str, ...]) -> Taken:
        if not schema.is_length(name):
            return Taken(name, sources)
        return Taken(name, sources, self.nm_per_unit(name), self.is_squared(name))


def list_names(names: Sequence[str]) -> str:
    """Names of columns for an error, not more and not longer than somebody would read."""
    shown = [repr(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...") for name in names[:_SHOWN]]
    return (", ".join(shown) or "none") + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def channel_names(channels: Sequence[Any] | None) -> tuple[str, ...] | None:
    """Names of channels as text, for a file may write a wavelength, which a setting holds as a number.

    Raises:
        ConfigError: A name is there twice.
    """
    names = None if channels is None else tuple(str(channel).strip() for channel in channels)
    twice = sorted({name for name in names or () if (names or ()).count(name) > 1})
    if twice:
        raise ConfigError(f"columns.channels: expected each name once; found {', '.join(twice)} again")
    return names


def _frozen(source: Any) -> Any:
    return source if isinstance(source, str) else tuple(source)


def _are_names(sources: Sequence[Any]) -> bool:
    return bool(sources) and all(isinstance(source, str) and source for source in sources)
