"""Reads the text of rapidSTORM (Wolter et al. 2012, 10.1038/nmeth.2224): its first line is XML that names the columns.

After ``localization_file/localization_field_impl.h``, ``fields.cpp`` and ``reader.cpp`` of stevewolter/rapidSTORM: a
field has an identifier (in old files a meaning alone) and a unit; ``# No localizations in image`` may stand between
rows. Amplitude and background are A/D counts, and ``PSFWidth`` is a full width at half maximum: they are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.header import Header, Layout, Sources
from locgraph.io.layouts.choose import choose
from locgraph.io.readers.dialect import COMMENT, Dialect, unique_names
from locgraph.io.readers.encoding import UTF_8, decode, ends_with_returns, split_lines
from locgraph.io.readers.rows import as_number, read_rows

_HEAD_BYTES: Final = 1 << 16
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


class RapidStormReader:
    """Reads localisations; files of tracks, with a row for each track, are refused."""

    def accepts(self, path: Path) -> bool:
        """Whether ``path`` starts with the XML of rapidSTORM behind the mark of a comment."""
        with path.open("rb") as handle:
            head = handle.read(len(_ROOT) + 8)
        text = decode(head, UTF_8)
        return text.startswith(COMMENT) and text.lstrip(f"{COMMENT} ").startswith(_ROOT)

    def read_header(self, path: Path) -> Header:
        """Reads the first line only.

        Raises:
            DataError: It is no XML, names no columns, or describes tracks.
        """
        names, units, _ = _fields(path)
        return Header(names, {}, _layout(names, units))

    def read_table(self, path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, str]]:
        """Reads the table, every column as Float64; what is not a number is null.

        Args:
            path: A file of rapidSTORM.
            columns: Names of the columns to read; all where None.

        Returns:
            The table in the units of the file, and no metadata.

        Raises:
            DataError: The first line is not that of rapidSTORM, or does not fit the rows.
        """
        names, _, returns = _fields(path)
        dialect = Dialect(UTF_8, " ", False, names, header_lines=1, returns=returns, comments=True, quotes=False)
        chosen = [as_number(name, dialect) for name in names if columns is None or name in columns]
        return read_rows(path, dialect, chosen), {}


def _fields(path: Path) -> tuple[tuple[str, ...], dict[str, str], bool]:
    """Names of the columns, the unit of each, and whether lines end with a carriage return alone."""
    with path.open("rb") as handle:
        text = decode(handle.read(_HEAD_BYTES), UTF_8)
    try:
        root = ElementTree.fromstring(split_lines(text)[0].lstrip(f"{COMMENT} "))
    except ElementTree.ParseError as error:
        raise DataError(
            f"{path}: expected the XML of rapidSTORM in the first line; found otherwise ({error}). Write the file again"
        ) from error
    if root.find(_TRACKS) is not None:
        raise DataError(f"{path}: expected localisations; found tracks of rapidSTORM. Export the localisations instead")
    found = [field.attrib for field in root.iter(_FIELD)]
    names = [field.get("identifier") or _MEANINGS.get(field.get("semantic", ""), "") for field in found]
    if not any(names):
        raise DataError(f"{path}: expected the XML of rapidSTORM to name columns; found none. Write the file again")
    unique = unique_names(names)
    units = {name: field.get("unit", "") for name, field in zip(unique, found, strict=True)}
    return tuple(unique), units, ends_with_returns(text)


def _layout(names: Sequence[str], units: Mapping[str, str]) -> Layout | None:
    chosen = choose(names, _COLUMNS)
    if not {schema.X, schema.Y} <= chosen.keys():
        return None
    lengths = {name: _unit(source, units) for name, source in chosen.items() if schema.is_length(name)}
    return Layout("rapidSTORM", chosen, lengths)


def _unit(source: Sources, units: Mapping[str, str]) -> str:
    """Unit of one column or of several, which should have the same."""
    written = {units[name] for name in ((source,) if isinstance(source, str) else source)}
    return " and ".join(sorted(_UNITS.get(unit, unit) for unit in written))
