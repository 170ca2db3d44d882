"""An inspection in words: facts about a file and its columns, as rows of text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from locgraph import schema
from locgraph.io.converted import META_NOTES, META_SOURCE, META_SOURCE_METADATA, read_converted
from locgraph.io.header import NOTE
from locgraph.io.inspection import ColumnRange, Inspection
from locgraph.io.label_map import SCOPE
from locgraph.io.values import unit_in_name

NOT_TAKEN: Final = "not taken"

_MOST_COUNTS: Final = 12
_LONGEST_VALUE: Final = 60
_MOST_KEYS: Final = 12
_OWN_KEYS: Final = (
    *(schema.META_LABEL, schema.META_LABEL_MAP, schema.META_GROUP, schema.META_DIMENSIONS),
    *(schema.META_UNITS, schema.META_CHANNELS, schema.META_CHANNEL_LABELS, schema.META_RECIPE, schema.META_COUNTS),
    *(META_SOURCE, META_SOURCE_METADATA, META_NOTES, NOTE, SCOPE),
)
"""Metadata that is described in words, or only of use to locgraph."""


def describe(inspection: Inspection) -> list[tuple[str, str]]:
    """Return name and value of each fact about a file, in the order in which a reader would look for them."""
    software = inspection.software or "not known by its columns"
    facts = [
        ("format", f"{inspection.reader}, {inspection.n_bytes:,} bytes"),
        ("software", software),
        ("rows", f"{inspection.rows:,}"),
    ]
    if inspection.locs is not None:
        facts.append(("localisations", f"{inspection.locs.height:,} in {inspection.dimensions}D{_extent(inspection)}"))
        facts += [("refused", f"{count:,} rows: {reason}") for reason, count in inspection.refused.items()]
    if inspection.frames:
        facts.append(
            ("frames", f"{inspection.frames[0]:,} to {inspection.frames[1]:,} in the file; the first becomes 0")
        )
    converted = read_converted(inspection.path)
    if converted:
        facts.append(("imported from", str(converted.source.get("path"))))
    facts += [("channels", _counted(inspection.channels))] if inspection.channels else []
    facts += [("classes of localisations", _counted(inspection.loc_classes))] if inspection.loc_classes else []
    if inspection.class_names:
        facts.append(("class", f"{inspection.label or 'none'}, of {', '.join(inspection.class_names)}"))
    facts += [("group", inspection.group)] if inspection.group else []
    keys = [(key, value) for key, value in inspection.metadata.items() if key not in _OWN_KEYS]
    facts += [("metadata", f"{key} = {shorten(value)}") for key, value in keys[:_MOST_KEYS]]
    if len(keys) > _MOST_KEYS:
        facts.append(("", f"... and {len(keys) - _MOST_KEYS:,} more: {', '.join(key for key, _ in keys[_MOST_KEYS:])}"))
    return facts + [("note", note) for note in inspection.notes]


def _counted(counts: Mapping[str, int]) -> str:
    shown = [f"{name}: {n:,}" for name, n in list(counts.items())[:_MOST_COUNTS]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _extent(inspection: Inspection) -> str:
    spans = [
        column.high - column.low
        for column in inspection.columns
        if column.canonical in schema.position_columns(inspection.dimensions or 2)
        and column.low is not None
        and column.high is not None
    ]
    return f", {' x '.join(format_length(span) for span in spans)}" if spans else ""


def format_length(nm: float) -> str:
    """Return a length to three digits, in the unit that reads best."""
    for factor, unit in ((1e6, "mm"), (1e3, "µm")):
        if nm >= factor:
            return f"{nm / factor:.3g} {unit}"
    return f"{nm:.3g} nm"


def format_number(value: float | None) -> str:
    """Return a number to five digits; nothing where there is none."""
    if value is None:
        return ""
    if value == round(value) and abs(value) < 1e12:
        return f"{int(value):,}"
    size = math.floor(math.log10(abs(value)))
    if not -4 <= size < 9:
        return f"{value:.4e}"
    text = f"{value:,.{max(0, 4 - size)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def describe_columns(inspection: Inspection) -> list[tuple[str, ...]]:
    """Return a row for each column: canonical name, name in the file, smallest, median, largest, missing, unit."""
    rows = []
    for column in inspection.columns:
        numbers = [format_number(value) for value in (column.low, column.median, column.high)]
        rows.append((column.canonical or NOT_TAKEN, _source(column), *numbers, f"{column.missing:,}", _unit(column)))
    return rows


def _source(column: ColumnRange) -> str:
    name, unit = shorten(column.source), column.source_unit
    return name if unit in (None, unit_in_name(column.source)) else f"{name} in {unit}"


def _unit(column: ColumnRange) -> str:
    """Return the unit of the values; their type, where only the user knows the unit."""
    return column.dtype if column.unit is None else ("" if column.unit == "1" else column.unit)


def shorten(text: str) -> str:
    """Return a text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_VALUE else f"{line[: _LONGEST_VALUE - 3]}..."
