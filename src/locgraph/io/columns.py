"""Column maps: which column of a source table is which canonical column, and in which unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Protocol

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.column_names import (
    BY_POSITION,
    are_sources,
    are_unnamed,
    as_sources,
    list_names,
    resolve_positions,
)
from locgraph.io.header import Header, Layout, Sources
from locgraph.io.values import (
    LENGTH_UNITS,
    NM_PER_UNIT,
    PIXEL,
    SQUARES,
    CanonicalColumn,
    canonical_table,
    channel_names,
    check_pixel_size,
    check_units,
    unit_in_name,
)
from locgraph.io.volumes.settings import VolumeSettings

MAPPABLE: Final = tuple(name for name in schema.LOCALISATION_COLUMNS if name not in (schema.VIEW, schema.CLUSTER_ID))
"""Canonical columns that a source may hold; views and clusters are made here."""

DUPLICATE: Final = "_duplicated_"
"""Stands between the name of a column and a number where a text file has this name again."""

_DEVIATIONS: Final = (schema.PRECISION, schema.PRECISION_Z, schema.SIGMA)
"""Lengths that a file may hold for each axis, or as a variance."""
_OF_AXES: Final = (*_DEVIATIONS, schema.SIGMA_VARIANCE)


class MissingColumnsError(DataError):
    """A table lacks a column that the column map requires."""


class ColumnSource(Protocol):
    """Gives the column map of each file."""

    @property
    def table(self) -> str | None:
        """Path of the part of a file that holds the columns; None for the whole file."""

    @property
    def volume(self) -> VolumeSettings | None:
        """How files are read as label volumes; None where they are tables."""

    def for_file(self, header: Header, where: str) -> ColumnMap:
        """Return the column map of the file called ``where``."""


@dataclass(frozen=True)
class ColumnMap:
    """How a source table becomes canonical columns in nanometres and frames: the same for every file.

    Attributes:
        names: Canonical name (see ``schema.LOCALISATION_COLUMNS``) -> name in the source table, or position of the
            column, counted from 1; at least ``x`` and ``y``. Of a list, such as the precision along x and y, the root
            mean square counts; None leaves the column out.
        unit: Unit of every length column: ``nm``, ``um``, ``m`` or ``px``.
        pixel_size_nm: Side of a camera pixel in nm: needed where a length is in ``px``, refused where none is.
        units: Canonical name -> unit of that length column, where it differs from ``unit``; ``nm^2`` and the like for
            a precision or width whose square (a variance) the column holds: its root is taken.
        required: Canonical names without which a file is refused; ``x`` and ``y`` always are required.
        channels: Names of the channels as the source writes them: the first becomes channel 0. Needed where they are
            text; None takes numbers as they are.
        table: Path of the table, group, structure or matrix in a MAT or HDF5 file that holds the columns, such as
            ``/group/locs`` or ``a.b``; None for the whole file, where names may be paths.

    Raises:
        ConfigError: A value cannot work.
    """

    names: Mapping[str, Sources | int | tuple[int, ...]]
    unit: str = ""
    pixel_size_nm: float | None = None
    units: Mapping[str, str] | None = None
    required: Sequence[str] = (schema.X, schema.Y)
    channels: tuple[str, ...] | None = None
    table: str | None = None
    volume: ClassVar[None] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {n: as_sources(s) for n, s in self.names.items() if s is not None})
        object.__setattr__(self, "units", dict(self.units or {}))
        object.__setattr__(self, "required", tuple(dict.fromkeys((schema.X, schema.Y, *self.required))))
        object.__setattr__(self, "channels", channel_names(self.channels))
        self._check_names()
        self._check_units()
        self._check_pixel_size()

    def _check_names(self) -> None:
        unknown = [name for name in self.names if name not in MAPPABLE]
        if unknown:
            raise ConfigError(
                f"expected canonical columns among {', '.join(MAPPABLE)}; found {', '.join(unknown)}", setting="names"
            )
        unnamed = [name for name in self.required if name not in self.names]
        if unnamed:
            raise ConfigError(
                f"expected a source column for every required column; none for {', '.join(unnamed)}. Name it, or take "
                "it out of required (x and y stay required)",
                setting="names",
            )
        empty = [f"{self.names[name]!r} for {name}" for name in self.names if not are_sources(self._sources(name))]
        if empty:
            raise ConfigError(
                f"expected the name of a source column, or its position from 1; found {', '.join(empty)}",
                setting="names",
            )
        several = [name for name in self.names if len(self._sources(name)) > 1 and name not in _OF_AXES]
        if several:
            raise ConfigError(
                f"expected one source column for {', '.join(several)}; found several. Only {', '.join(_OF_AXES)} may "
                "have one for each axis",
                setting="names",
            )

    def _check_units(self) -> None:
        if not self.unit:
            raise ConfigError(
                f"expected the unit of the length columns ({', '.join(LENGTH_UNITS)}); found none. It is never "
                "guessed: look it up in the software that wrote the files",
                setting="unit",
            )
        lengths = self.length_columns
        stray = [name for name in self.units or {} if name not in lengths]
        if stray:
            raise ConfigError(
                f"expected length columns that names maps ({', '.join(lengths)}); found {', '.join(stray)}",
                setting="units",
            )
        for setting, unit in (("unit", self.unit), *((f"units.{n}", u) for n, u in (self.units or {}).items())):
            may_be_squared = setting.removeprefix("units.") in _DEVIATIONS
            if unit not in LENGTH_UNITS and not (may_be_squared and unit in SQUARES):
                raise ConfigError(f"expected one of {', '.join(LENGTH_UNITS)}; found {unit!r}", setting=setting)
        for name, source in [(length, source) for length in lengths for source in self._sources(length)]:
            written = unit_in_name(str(source))
            if written not in (None, self.unit_of(name)):
                raise ConfigError(
                    f"{name} is set to {self.unit_of(name)}, but its source column is called {source!r}. Change unit, "
                    f"units.{name} or names.{name}",
                    setting="unit",
                )

    def _check_pixel_size(self) -> None:
        in_pixels = [name for name in self.length_columns if self._root_unit(name) == PIXEL]
        if in_pixels and self.pixel_size_nm is None:
            raise ConfigError(
                f"expected the side of a camera pixel in nm, as {', '.join(in_pixels)} is in px; found none. It is "
                "never guessed",
                setting="pixel_size_nm",
            )
        if self.pixel_size_nm is not None and not in_pixels:
            raise ConfigError(
                f"found {self.pixel_size_nm}, but no length column is in px: set unit to px, or leave it out",
                setting="pixel_size_nm",
            )
        check_pixel_size(self.pixel_size_nm)

    def for_file(self, header: Header, where: str) -> ColumnMap:
        """Return this map, whatever the file states, with the names of columns that are given by position.

        Raises:
            DataError: There is no column at a position.
        """
        names = resolve_positions(self.names, header.names, where)
        return self if names == self.names else replace(self, names=names)

    def _sources(self, name: str) -> tuple[str, ...]:
        """Return the source columns of one canonical column."""
        named: Any = self.names[name]
        return tuple(named) if isinstance(named, Sequence) and not isinstance(named, str) else (named,)

    @property
    def length_columns(self) -> tuple[str, ...]:
        """Mapped canonical columns that are lengths."""
        return tuple(name for name in self.names if schema.is_length(name))

    def unit_of(self, name: str) -> str:
        """Return the unit of the length column ``name`` in the source."""
        return (self.units or {}).get(name, self.unit)

    def _root_unit(self, name: str) -> str:
        unit = self.unit_of(name)
        return SQUARES.get(unit, unit)

    def nm_per_unit(self, name: str) -> float:
        """Return the factor from the unit of the length column ``name``, or the root of a squared one, to nm."""
        unit = self._root_unit(name)
        if unit == PIXEL and self.pixel_size_nm is not None:
            return float(self.pixel_size_nm)
        return NM_PER_UNIT[unit]

    def present(self, columns: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return canonical name -> source columns of what is mapped and among the ``columns`` of a table."""
        names = set(columns)
        return {name: self._sources(name) for name in self.names if names.issuperset(self._sources(name))}

    def sources(self, columns: Iterable[str]) -> list[str]:
        """Return the source columns to read from a table with these ``columns``, each once."""
        return sorted({source for sources in self.present(columns).values() for source in sources})

    def check_required(self, present: Sequence[str], where: str) -> None:
        """Check that a table with the columns ``present`` can be read.

        Raises:
            MissingColumnsError: A required column is absent from the table called ``where``.
            DataError: A mapped column is there twice.
        """
        absent = {name: [source for source in self._sources(name) if source not in present] for name in self.required}
        missing = [f"{source!r} ({name})" for name, sources in absent.items() for source in sources]
        if missing:
            remedy = "Change names to those in the file"
            if are_unnamed(present):
                remedy = f"It has no header line: give positions, from 1, such as {BY_POSITION}"
            raise MissingColumnsError(
                f"{where}: expected the column {', '.join(missing)}; found the columns {list_names(present)}. {remedy}",
                setting="names",
            )
        twice = [source for source in self.sources(present) if f"{source}{DUPLICATE}0" in present]
        if twice:
            raise DataError(
                f"{where}: expected the column {', '.join(map(repr, twice))} once; found it twice. "
                "Which one is right is not known: take one out, or leave the column out of names",
                setting="names",
            )

    def to_canonical(self, table: pl.DataFrame, where: str) -> pl.DataFrame:
        """Pick, rename, cast and convert the mapped columns of a source table.

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
        columns = [self._canonical(name, present[name]) for name in MAPPABLE if name in present]
        return canonical_table(table, columns, self.channels, where)

    def _canonical(self, name: str, sources: tuple[str, ...]) -> CanonicalColumn:
        if not schema.is_length(name):
            return CanonicalColumn(name, sources)
        return CanonicalColumn(name, sources, self.nm_per_unit(name), self.unit_of(name) in SQUARES)


class FileColumns:
    """Names and units as each file states them, so that files of several kinds may lie side by side.

    Args:
        pixel_size_nm: Side of a camera pixel in nm, for files in pixels that do not record it; a file that records
            another one is refused. Files without a length in pixels do not need it.
        leave_out: Canonical columns that are not read, such as ``z`` to work in 2D.
        channels: Names of the channels as the files write them, where they write text: the first becomes channel 0.

    Raises:
        ConfigError: A value cannot work.
    """

    def __init__(
        self,
        pixel_size_nm: float | None = None,
        leave_out: Sequence[str] = (),
        channels: Sequence[str] | None = None,
    ) -> None:
        check_pixel_size(pixel_size_nm)
        optional = [name for name in MAPPABLE if name not in (schema.X, schema.Y)]
        wrong = [name for name in leave_out if name not in optional]
        if wrong:
            raise ConfigError(f"expected some of {', '.join(optional)}; found {', '.join(wrong)}", setting="leave_out")
        self.table = self.volume = None
        self.pixel_size_nm = pixel_size_nm
        self.leave_out = tuple(leave_out)
        self.channels = channel_names(channels)

    def for_file(self, header: Header, where: str) -> ColumnMap:
        """Return the column map of one file, which is called ``where`` in errors.

        Raises:
            DataError: The file does not state what its columns are, or in which unit.
        """
        layout = header.layout
        if layout is None and are_unnamed(header.names):
            raise DataError(
                f"{where}: expected a header line with names of columns; found {len(header.names)} columns of numbers. "
                f"Choose them by position, from 1, and give their unit: {BY_POSITION}",
                setting="names",
            )
        if layout is None:
            raise DataError(
                f"{where}: expected columns of a known software, with their units; found the columns "
                f"{list_names(header.names)}. Choose columns=nm for columns called x, y, ... in nanometres, else "
                "columns=custom with columns.names and columns.unit, which `locgraph inspect` proposes"
            )
        if layout.trouble:
            raise DataError(f"{where}: {layout.trouble}")
        names = {name: source for name, source in layout.names.items() if name not in self.leave_out}
        units = {name: unit for name, unit in layout.units.items() if name in names}
        check_units(layout.software, filter(schema.is_length, names), units, where)
        in_pixels = [name for name, unit in units.items() if SQUARES.get(unit, unit) == PIXEL]
        pixel_size_nm = self._pixel_size(layout, in_pixels, where) if in_pixels else None
        return ColumnMap(names, unit="nm", units=units, pixel_size_nm=pixel_size_nm, channels=self.channels)

    def _pixel_size(self, layout: Layout, in_pixels: Sequence[str], where: str) -> float:
        written, given = layout.pixel_size_nm, self.pixel_size_nm
        if written is None and given is None:
            positions = {schema.X, schema.Y} & set(in_pixels)
            without = "" if positions else f", or read the file without them: leave_out=[{','.join(in_pixels)}]"
            expected = f"in {layout.pixel_size_from} or here; found neither" if layout.pixel_size_from else "here"
            raise DataError(
                f"{where}: {layout.software} gives {', '.join(in_pixels)} in camera pixels; expected their size "
                f"{expected}. It is never guessed{without}",
                setting="pixel_size_nm",
            )
        if written is not None and not 0 < written < float("inf"):
            raise DataError(
                f"{where}: expected a positive size of a camera pixel in nm; found {written} in the file. Choose "
                "columns=custom with columns.names, columns.unit=px and columns.pixel_size_nm"
            )
        if written is not None and given is not None and abs(written - given) > 1e-9 * written:
            raise DataError(
                f"{where}: expected one size of a camera pixel; found {written:g} nm in the file and {given:g} nm "
                "here. Set it to null to take that of the file",
                setting="pixel_size_nm",
            )
        return float(written or given or 0)
