"""Of several names that one quantity has in different versions, the one that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Sources
from locgraph.io.units import unit_in_name


def choose(names: Sequence[str], choices: Mapping[str, Sequence[Sources]]) -> dict[str, Sources]:
    """Picks the first name, or group of names, that is wholly there.

    Args:
        names: Columns of a file.
        choices: Canonical name -> names in the file, the best first.

    Returns:
        Canonical name -> name in the file; without those of which no choice is there.
    """
    found = set(names)
    chosen: dict[str, Sources] = {}
    for canonical, sources in choices.items():
        for source in sources:
            if found.issuperset((source,) if isinstance(source, str) else source):
                chosen[canonical] = source
                break
    return chosen


def units_in_names(chosen: Mapping[str, Sources]) -> dict[str, str]:
    """Canonical name -> unit of each length, where the names in the file state it in brackets."""
    units = {
        name: unit_in_name(source if isinstance(source, str) else source[0])
        for name, source in chosen.items()
        if schema.is_length(name)
    }
    return {name: unit for name, unit in units.items() if unit is not None}


def in_nm(chosen: Mapping[str, Sources]) -> dict[str, str]:
    """Canonical name -> nm, for each length."""
    return {name: "nm" for name in chosen if schema.is_length(name)}
