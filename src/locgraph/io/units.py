"""Units of length that files use, and how they write them."""

from __future__ import annotations

import re
from typing import Final

NM_PER_UNIT: Final = {"nm": 1.0, "um": 1e3, "m": 1e9}
"""Nanometres in one unit of length; ``px`` depends on the camera and is not here."""

PIXEL: Final = "px"
LENGTH_UNITS: Final = (*NM_PER_UNIT, PIXEL)

SQUARES: Final = {f"{unit}^2": unit for unit in LENGTH_UNITS}
"""Unit of a column that holds the square of a length, as a variance is -> unit of its root."""

_IN_NAME: Final = re.compile(r"[\[(]\s*(nm|um|µm|μm|m|px|pix|pixels?)\s*[\])]\s*$")
_ALIASES: Final = {"µm": "um", "μm": "um", "pix": PIXEL, "pixel": PIXEL, "pixels": PIXEL}


def unit_in_name(name: str) -> str | None:
    """The unit of length that the name of a column states in brackets, as in ``x [nm]`` or ``X (pix)``."""
    found = _IN_NAME.search(name)
    return None if found is None else _ALIASES.get(found[1], found[1])
