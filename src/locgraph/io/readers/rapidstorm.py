"""Reader of the text of rapidSTORM (Wolter et al. 2012, 10.1038/nmeth.2224): its first line is XML with the columns.

After ``localization_file/localization_field_impl.h``, ``fields.cpp`` and ``reader.cpp`` of stevewolter/rapidSTORM: a
field has an identifier (in old files a meaning alone) and a unit; ``# No localizations in image`` may stand between
rows. Amplitude and background are A/D counts, and ``PSFWidth`` is a full width at half maximum: they are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree import ElementTree

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.header import Header, Layout, Sources
from locgraph.io.readers.base import OpenFile, Reader
from locgraph.io.readers.delimited import as_number, read_rows
from locgraph.io.readers.dialect import UTF_8, Dialect, decode, ends_with_returns, split_lines
from locgraph.io.readers.table_start import COMMENT, unique_names
from locgraph.io.software import choose

_ROOT: Final = "<localizations"
_TRACKS: Final = "localizations"
_FIELD: Final = "field"

_MEANINGS: Final = {
    "x-position": "Position-0-0",
    "y-position": "Position-1-0",
    "z-position": "Position-2-0",
    "frame number": "ImageNumber-0-0",
    "emission strength": "Amplitude-0-0",
}
_COLUMNS: Final[Mapping[str, Sequence[Sources]]] = {
    schema.X: ("Position-0-0",),
    schema.Y: ("Position-1-0",),
    schema.Z: ("Position-2-0",),
    schema.FRAME: ("ImageNumber-0-0",),
    schema.PRECISION: (("Position-0-0-uncertainty", "Position-1-0-uncertainty"), "Position-0-0-uncertainty"),
    schema.PRECISION_Z: ("Position-2-0-uncertainty",),
    schema.CHANNEL: ("Fluorophore-0-0",),
}
_UNITS: Final = {"nanometer": "nm", "micrometer": "um", "µm": "um", "meter": "m", "camera pixel": "px", "pixel": "px"}


class RapidStormReader(Reader):
    """Reads localisations; files of tracks, with a row for each track, are refused."""

    kind = "rapidstorm"

    @classmethod
    def accepts(cls, file: OpenFile) -> bool:
        """Return whether ``file`` starts with the XML of rapidSTORM behind the mark of a comment."""
        text = decode(file.head[: len(_ROOT) + 8], UTF_8)
        return text.startswith(COMMENT) and text.lstrip(f"{COMMENT} ").startswith(_ROOT)

    def read_header(self) -> Header:
        """Read the first line only.

        Raises:
            DataError: It is no XML, names no columns, or describes tracks.
        """
        names, units = _fields(self.file)
        return Header(names, {}, _layout(names, units))

    def read_table(self, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Read every column as Float64; what is not a number is null."""
        names = self.header.names
        returns = ends_with_returns(decode(self.file.head, UTF_8))
        dialect = Dialect(UTF_8, " ", False, names, header_lines=1, returns=returns, comments=True, quotes=False)
        chosen = [as_number(name, dialect) for name in names if columns is None or name in columns]
        return read_rows(self.file, dialect, chosen), {}


def _fields(file: OpenFile) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the names of the columns, and the unit of each."""
    line = split_lines(decode(file.head, UTF_8))[0]
    try:
        root = ElementTree.fromstring(line.lstrip(f"{COMMENT} "))
    except ElementTree.ParseError as error:
        raise DataError(
            f"{file.path}: expected the XML of rapidSTORM in the first line; found otherwise ({error}). Write the file "
            "again"
        ) from error
    if root.find(_TRACKS) is not None:
        raise DataError(
            f"{file.path}: expected localisations; found tracks of rapidSTORM. Export the localisations instead"
        )
    fields = [field.attrib for field in root.iter(_FIELD)]
    names = [field.get("identifier") or _MEANINGS.get(field.get("semantic", ""), "") for field in fields]
    if not any(names):
        raise DataError(
            f"{file.path}: expected the XML of rapidSTORM to name columns; found none. Write the file again"
        )
    unique = unique_names(names)
    return tuple(unique), {name: field.get("unit", "") for name, field in zip(unique, fields, strict=True)}


def _layout(names: Sequence[str], units: Mapping[str, str]) -> Layout | None:
    chosen = choose(names, _COLUMNS)
    if not {schema.X, schema.Y} <= chosen.keys():
        return None
    lengths = {name: _unit(source, units) for name, source in chosen.items() if schema.is_length(name)}
    return Layout("rapidSTORM", chosen, lengths)


def _unit(source: Sources, units: Mapping[str, str]) -> str:
    """Return the unit of one column or of several, which should have the same."""
    written = {units[name] for name in ((source,) if isinstance(source, str) else source)}
    return " and ".join(sorted(_UNITS.get(unit, unit) for unit in written))
