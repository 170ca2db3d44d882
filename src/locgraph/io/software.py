"""What the columns of known software are: how a table is recognised by what only one software writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from locgraph import schema
from locgraph.io.header import Layout, Sources
from locgraph.io.values import normal_name, unit_in_name

Choices = Mapping[str, Sequence[Sources]]
"""Canonical name -> names in the file, of different versions, the best first."""


def choose(names: Sequence[str], choices: Choices) -> dict[str, Sources]:
    """Pick the first name, or group of names, that is wholly there, however blanks and plurals are written.

    Args:
        names: Columns of a file.
        choices: Canonical name -> names in the file, the best first.

    Returns:
        Canonical name -> name in the file; without those of which no choice is there.
    """
    present = _spellings(names)
    chosen: dict[str, Sources] = {}
    for canonical, sources in choices.items():
        for source in sources:
            written = [present.get(normal_name(part)) for part in ((source,) if isinstance(source, str) else source)]
            if None not in written:
                own = tuple(name for name in written if name is not None)
                chosen[canonical] = own[0] if isinstance(source, str) else own
                break
    return chosen


def _spellings(names: Sequence[str]) -> dict[str, str]:
    """Return normal name -> name in the file; of several that are spelt alike, the one that is spelt normally."""
    spellings = {normal_name(name): name for name in reversed(names)}
    return spellings | {name: name for name in names if normal_name(name) == name}


def units_in_names(chosen: Mapping[str, Sources]) -> dict[str, str]:
    """Return canonical name -> unit of each length, where the names in the file state it in brackets."""
    units = {
        name: unit_in_name(source if isinstance(source, str) else source[0])
        for name, source in chosen.items()
        if schema.is_length(name)
    }
    return {name: unit for name, unit in units.items() if unit is not None}


def in_nm(chosen: Mapping[str, Sources]) -> dict[str, str]:
    """Return canonical name -> nm, for each length."""
    return {name: "nm" for name in chosen if schema.is_length(name)}


def in_px(chosen: Mapping[str, Sources]) -> dict[str, str]:
    """Return canonical name -> px, for each length."""
    return {name: "px" for name in chosen if schema.is_length(name)}


@dataclass(frozen=True)
class KnownTable:
    """Columns of one software, and what only this software writes.

    Attributes:
        software: Its name, for messages.
        columns: Canonical name -> names in the file, the best first.
        marks: Names of columns that are all there; where empty, those of x and y alone.
        any_of: Names of columns of which one at least is there; where empty, none need be.
        without: Names of columns of other software that uses the same names for x and y: none of them is there.
        only: Whether ``marks`` are all columns; ``Z`` may be absent.
        units: How lengths get their units.
        other_units: Units that differ from these.
        extras: Further arguments of `Layout`.
    """

    software: str
    columns: Choices
    marks: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    only: bool = False
    units: Callable[[Mapping[str, Sources]], dict[str, str]] = in_nm
    other_units: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)

    def recognise(self, names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
        """Return the layout; None where the columns are not those of this software."""
        if not self._is_known(names):
            return None
        chosen = choose(names, self.columns)
        if not {schema.X, schema.Y} <= chosen.keys():
            return None
        others = {name: unit for name, unit in self.other_units.items() if name in chosen}
        return Layout(self.software, chosen, self.units(chosen) | others, **self.extras)

    def _is_known(self, names: Sequence[str]) -> bool:
        present = {normal_name(name) for name in names}
        if self.only and tuple(names) not in (self.marks, tuple(name for name in self.marks if name != "Z")):
            return False
        if not self.only and not present.issuperset(self.marks):
            return False
        return (not self.any_of or not present.isdisjoint(self.any_of)) and present.isdisjoint(self.without)
