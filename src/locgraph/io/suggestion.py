"""Column settings that may fit a file whose software is not known: for the user to check, never used unasked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from locgraph import schema
from locgraph.io.columns import PIXEL

_ALIASES: Final = {
    schema.X: ("x", "xnm", "xum", "xpix", "xpx", "xposition", "positionx", "xpos", "posx", "xc", "xcoord", "xnano"),
    schema.Y: ("y", "ynm", "yum", "ypix", "ypx", "yposition", "positiony", "ypos", "posy", "yc", "ycoord", "ynano"),
    schema.Z: ("z", "znm", "zum", "zposition", "positionz", "zpos", "posz", "zc", "zcoord", "znano"),
    schema.FRAME: ("frame", "frames", "frameix", "t", "imagenumber", "firstframe", "framenumber", "frameindex"),
    schema.PHOTONS: ("photons", "photon", "phot", "intensity", "numberphotons", "nphotons"),
    schema.PRECISION: ("precision", "uncertainty", "uncertaintyxy", "locprec", "lp", "lpx", "locprecnm", "crlbx"),
    schema.BACKGROUND: ("background", "bg", "offset", "localbackground"),
    schema.CHANNEL: ("channel", "channels", "ch", "channelname"),
}
_UNIT_IN_NAME: Final = re.compile(r"[\[(]\s*(nm|um|µm|μm|m|px|pix|pixels?|photons?)\s*[\])]\s*$", re.IGNORECASE)
_SUFFIX_UNIT: Final = re.compile(r"[a-z]+?(nm|um|px|nano)", re.IGNORECASE)
_UNITS: Final = {"nm": "nm", "nano": "nm", "um": "um", "µm": "um", "μm": "um", "m": "m"}


def suggest_columns(names: Sequence[str]) -> str:
    """Column settings that may fit a file whose software is not known, by the names that its columns have.

    Args:
        names: Columns of the file.

    Returns:
        Overrides for the command line, with ``???`` where only the user knows; empty where x or y are not found.
    """
    found: dict[str, str] = {}
    for canonical, aliases in _ALIASES.items():
        fits = [name for name in names if _plain(name) in aliases and "'" not in name and '"' not in name]
        if fits:
            found[canonical] = min(fits, key=lambda name: aliases.index(_plain(name)))
    if not {schema.X, schema.Y} <= found.keys():
        return ""
    units = {_unit(found[name]) for name in (schema.X, schema.Y)}
    unit = units.pop() if len(units) == 1 else "???"
    pairs = ", ".join(f'{canonical}: "{name}"' for canonical, name in found.items())
    pixels = " columns.pixel_size_nm=???" if unit == PIXEL else ""
    return f"columns=custom 'columns.names={{{pairs}}}' columns.unit={unit}{pixels}"


def _plain(name: str) -> str:
    """A name in lower case, without a unit in brackets, spaces and marks."""
    return re.sub(r"[^a-z]", "", _UNIT_IN_NAME.sub("", name).lower())


def _unit(name: str) -> str:
    """The unit that a name states; ``???`` where it states none."""
    found = _UNIT_IN_NAME.search(name) or _SUFFIX_UNIT.fullmatch(re.sub(r"[^A-Za-z]", "", name))
    if found is None:
        return "???"
    text = found[1].lower()
    return PIXEL if text.startswith("p") else _UNITS.get(text, "???")
