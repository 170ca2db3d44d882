"""Columns that may fit a file of unknown software, by their names and values: for the user to complete."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.io.header import Layout, Sources
from locgraph.io.values import PIXEL

_POSITIONS: Final = ("{}", "{}c", "{}pos", "pos{}", "{}position", "position{}", "{}coord", "coord{}", "centroid{}")
"""Names of a coordinate along an axis, the best first."""
_PRECISIONS: Final = (
    *("{}precision", "precision{}", "lp{}", "locprec{}", "{}err", "error{}", "{}uncertainty", "uncertainty{}"),
    "crlb{}",
)
_PRECISIONS_OF_BOTH: Final = ("precision", "uncertainty", "uncertaintyxy", "locprec", "lp", "localizationprecision")
_WHOLE: Final[Mapping[str, tuple[str, ...]]] = {
    schema.FRAME: ("frame", "frames", "frameix", "frameindex", "framenumber", "firstframe", "imagenumber"),
    schema.CHANNEL: ("channel", "channels", "ch", "channelindex"),
    schema.SOURCE_CLUSTER: ("tid", "traceid", "trackid", "clusterid", "clusterindex"),
}
"""Columns of whole numbers, which need no unit."""
_COUNTED: Final = {
    schema.PHOTONS: ("photons", "photon", "phot", "nphotons", "numberphotons", "intensity", "signal", "int"),
    schema.BACKGROUND: ("background", "bg", "offset", "localbackground"),
}
_TIMES: Final = ("t", "tim", "time", "times", "timestamp")
_PHOTON: Final = "photon"

_BRACKETS: Final = re.compile(r"[\[(]([^\])]*)[\])]\s*$")
_UNITS: Final = {
    **dict.fromkeys(("nm", "nano", "nanometer", "nanometers"), "nm"),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns"), "um"),
    **dict.fromkeys(("px", "pix", "pixel", "pixels"), PIXEL),
    **dict.fromkeys(("photon", "photons"), _PHOTON),
    "m": "m",
}
_SUFFIXES: Final = ("nm", "um", "px", "pix", "pixel", "pixels", "nano")
_OTHER: Final = "other"
_RANK: Final = {"nm": 0, "um": 0, "m": 0, PIXEL: 1, None: 2}
"""A length whose name states a unit is better than one in pixels, and that is better than one without a unit."""

_Length = tuple[tuple[str, ...], str | None]
"""Columns of one quantity, one along each axis, and the unit that all their names state."""

_PATH: Final = re.compile(r"((?:.*[/.])?)[^/.]*", re.DOTALL)
"""A path within a file: the part that holds the column, and its name."""

_MOST_LOST: Final = 0.05  # part of the values of a column that need not be what they should be
_MOST_UNEQUAL: Final = 5.0  # of precisions along x and y


@dataclass(frozen=True)
class ColumnSuggestion:
    """Columns that may fit a file of unknown software: for the user to check and complete, never used unasked.

    Attributes:
        names: Canonical name -> name or names in the file, ``x`` and ``y`` among them.
        unit: Unit of x and y by their names; None where they do not state one.
        units: Canonical name -> unit of each other length that has not ``unit`` by its name; None where it states none.
        doubtful: Names in the file that are not suggested -> what they may be, and why they are not.
        table: Path of the part of the file that holds these columns; None where it has no parts.
    """

    names: Mapping[str, Sources]
    unit: str | None
    units: Mapping[str, str | None] = field(default_factory=dict)
    doubtful: Mapping[str, str] = field(default_factory=dict)
    table: str | None = None

    @property
    def needs_pixel_size(self) -> bool:
        """Whether a length is in camera pixels."""
        return PIXEL in (self.unit, *self.units.values())

    @property
    def needs_units(self) -> bool:
        """Whether the unit of a length is not stated."""
        return None in (self.unit, *self.units.values())


@dataclass(frozen=True)
class _Name:
    """A name of a column, taken apart: letters and digits without the unit, and the unit that it states."""

    name: str
    plain: str
    unit: str | None


def suggest_columns(table: pl.DataFrame) -> ColumnSuggestion | None:
    """Return the columns that may fit, by their names and values; None where x or y are not among them.

    Args:
        table: The table of the file, or its head.
    """
    names = [_take_apart(name) for name in table.columns if "'" not in name and '"' not in name]
    positions = _best([_axes(names, pattern, "xy") for pattern in _POSITIONS], table)
    if positions is None:
        return None
    (x, y), unit = positions
    chosen: dict[str, Sources] = {schema.X: x, schema.Y: y}
    units: dict[str, str | None] = {}
    lengths = {
        schema.Z: [_axes(names, pattern, "z") for pattern in _POSITIONS],
        schema.PRECISION: [
            *(_axes(names, pattern, "xy") for pattern in _PRECISIONS),
            *(_axes(names, pattern, "") for pattern in _PRECISIONS_OF_BOTH),
        ],
    }
    for canonical, candidates in lengths.items():
        length = _best(candidates, table, canonical)
        if length is not None:
            chosen[canonical] = length[0][0] if len(length[0]) == 1 else length[0]
            units |= {} if length[1] == unit and unit is not None else {canonical: length[1]}
    chosen |= _without_lengths(names, table)
    doubts = _doubtful(names, chosen)
    if schema.PRECISION not in chosen:
        doubts |= _incomplete(lengths[schema.PRECISION], table)
    return ColumnSuggestion(chosen, unit, units, doubts)


def suggest_part(table: pl.DataFrame, start: str = "") -> ColumnSuggestion | None:
    """Return the columns that may fit of a file in which columns have paths: those of the first part with x and y.

    Args:
        table: The table of the file, with paths as names.
        start: Where these paths start.
    """
    parts = dict.fromkeys(_PATH.fullmatch(name)[1] for name in table.columns)  # type: ignore[index]
    for part in (part for part in parts if "'" not in part and '"' not in part):
        paths = {name: name.removeprefix(part) for name in table.columns if name.startswith(part)}
        own = {name: rest for name, rest in paths.items() if _PATH.fullmatch(rest)[1] == ""}  # type: ignore[index]
        suggestion = suggest_columns(table.select(list(own)).rename(own))
        if suggestion is not None:
            return replace(suggestion, table="/".join(filter(None, (start.rstrip("/."), part.rstrip("/.")))) or None)
    return None


def suggest_units(layout: Layout) -> ColumnSuggestion:
    """Return the columns of known software that states no unit."""
    lengths = [name for name in layout.names if schema.is_length(name) and name not in (schema.X, schema.Y)]
    return ColumnSuggestion(
        layout.names, layout.units.get(schema.X), {name: layout.units.get(name) for name in lengths}
    )


def _take_apart(name: str) -> _Name:
    brackets = _BRACKETS.search(name)
    plain = re.sub(r"[^a-z0-9]", "", _BRACKETS.sub("", name).lower())
    if brackets is not None:
        return _Name(name, plain, _UNITS.get(brackets[1].strip().lower(), _OTHER))
    return _Name(name, plain, None)


def _axes(names: Sequence[_Name], pattern: str, axes: str) -> list[_Length]:
    """Return the columns, one along each axis, whose names follow a pattern and state the same unit, or none."""
    wanted = [pattern.format(axis) for axis in axes] or [pattern]
    lengths: list[_Length] = []
    for unit in _RANK:
        parts = [next((name.name for name in names if _follows(name, plain, unit)), None) for plain in wanted]
        if None not in parts:
            lengths.append((tuple(str(part) for part in parts), unit))
    return lengths


def _follows(name: _Name, plain: str, unit: str | None) -> bool:
    if name.plain == plain:
        return name.unit == unit
    suffixes = [suffix for suffix in _SUFFIXES if _UNITS[suffix] == unit]
    return name.unit is None and any(name.plain == plain + suffix for suffix in suffixes)


def _best(candidates: Sequence[Sequence[_Length]], table: pl.DataFrame, canonical: str = schema.X) -> _Length | None:
    """Return the first candidate whose values are lengths, of those whose names state a unit, else of the others."""
    lengths = sorted((length for choices in candidates for length in choices), key=lambda length: _RANK[length[1]])
    return next((length for length in lengths if _are_lengths([table[name] for name in length[0]], canonical)), None)


def _are_lengths(columns: Sequence[pl.Series], canonical: str) -> bool:
    values = [_numbers(column) for column in columns]
    if any(_lost(numbers, canonical) > _MOST_LOST for numbers in values):
        return False
    medians = [numbers.median() for numbers in values]
    if canonical != schema.PRECISION or len(medians) < 2 or None in medians:
        return True
    low, high = min(medians), max(medians)  # type: ignore[type-var]
    return float(high) <= _MOST_UNEQUAL * float(low)  # type: ignore[arg-type]


def _without_lengths(names: Sequence[_Name], table: pl.DataFrame) -> dict[str, Sources]:
    chosen: dict[str, Sources] = {}
    for canonical, aliases in {**_WHOLE, **_COUNTED}.items():
        fitting = [
            name.name
            for alias in aliases
            for name in names
            if name.plain == alias and _states(canonical, name) and _fits(table[name.name], canonical)
        ]
        if fitting:
            chosen[canonical] = fitting[0]
    return chosen


def _states(canonical: str, name: _Name) -> bool:
    """Return whether a name states what its column counts: photons are counted by others in camera counts."""
    if canonical in _WHOLE:
        return name.unit in (None, _OTHER)
    return name.unit == _PHOTON or (name.unit is None and "phot" in name.plain)


def _fits(column: pl.Series, canonical: str) -> bool:
    numbers = _numbers(column)
    if _lost(numbers, canonical) > _MOST_LOST:
        return False
    return canonical not in _WHOLE or bool((numbers.drop_nulls() == numbers.drop_nulls().round()).all())


def _numbers(column: pl.Series) -> pl.Series:
    if not (column.dtype.is_numeric() or column.dtype == pl.String):
        return pl.Series([None] * len(column), dtype=pl.Float64)
    return column.cast(pl.Float64, strict=False)


def _lost(numbers: pl.Series, canonical: str) -> float:
    """Return the part of the values that would be refused."""
    good = numbers.is_finite().fill_null(value=False)
    if canonical in schema.NOT_NEGATIVE:
        good &= (numbers >= 0).fill_null(value=False)
    return 1 - float(good.sum()) / max(1, len(numbers))


def _doubtful(names: Sequence[_Name], chosen: Mapping[str, Sources]) -> dict[str, str]:
    """Return the columns that only the user can tell."""
    doubts = {name.name: "frames, or seconds?" for name in names if name.plain in _TIMES and name.unit is None}
    for canonical, aliases in _COUNTED.items():
        if canonical not in chosen:
            counted = [name.name for name in names if name.plain in aliases and name.unit is None]
            doubts |= dict.fromkeys(counted, f"{canonical} in photons, or camera counts?")
    return doubts


def _incomplete(candidates: Sequence[Sequence[_Length]], table: pl.DataFrame) -> dict[str, str]:
    """Return the precisions that too many rows do not have: taken, they would refuse these rows."""
    names = {name for choices in candidates for parts, _ in choices for name in parts}
    lost = {name: _lost(_numbers(table[name]), schema.PRECISION) for name in table.columns if name in names}
    return {name: f"precision, missing in {part:.0%} of the rows" for name, part in lost.items() if part > _MOST_LOST}
