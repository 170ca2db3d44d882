"""DECODE (Speiser et al. 2021, 10.1038/s41592-021-01236-x): CSV with its units in comments before the header.

After ``save_csv`` in ``decode/utils/emitter_io.py`` and ``EmitterSet`` in ``decode/generic/emitter.py`` of
TuragaLab/DECODE: the third comment is JSON with ``xy_unit`` (nm or px) and ``px_size`` (nm along x and y); z is
always in nm. ``*_sig`` are standard deviations, ``*_cr`` Cramer-Rao bounds of the variance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from locgraph import schema
from locgraph.io.header import PREAMBLE, Layout
from locgraph.io.layouts.choose import choose

_MARK: Final = "# DECODE EmitterSet"
_UNITS: Final = ("nm", "px")


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by its first comment; without the comments, nothing tells its unit."""
    preamble = metadata.get(PREAMBLE, "")
    if not preamble.startswith(_MARK) or not {"x", "y"} <= set(names):
        return None
    chosen = choose(
        names,
        {
            schema.X: ("x",),
            schema.Y: ("y",),
            schema.Z: ("z",),
            schema.FRAME: ("frame_ix",),
            schema.PHOTONS: ("phot",),
            schema.PRECISION: (("x_sig", "y_sig"), ("x_cr", "y_cr")),
            schema.PRECISION_Z: ("z_sig", "z_cr"),
            schema.BACKGROUND: ("bg",),
        },
    )
    meta = _meta(preamble)
    unit, sizes = meta.get("xy_unit"), meta.get("px_size") or [None]
    units = {name: _unit(str(unit), name, source) for name, source in chosen.items() if schema.is_length(name)}
    trouble = ""
    if unit not in _UNITS:
        trouble = f"expected xy_unit nm or px in the comments that DECODE writes; found {unit!r}. Set columns=custom"
    elif unit == "px" and (len(set(sizes)) > 1 or len(sizes) > 2):  # DECODE multiplies z by a third value
        trouble = (
            f"expected square pixels; DECODE says that they are {' x '.join(map(str, sizes))} nm. Save the "
            "emitters in nm (xyz_nm)"
        )
    size = sizes[0] if unit == "px" and isinstance(sizes[0], int | float) else None
    return Layout("DECODE", chosen, units, size, "its third comment (px_size)", trouble)


def _unit(unit: str, name: str, source: Any) -> str:
    if name in (schema.Z, schema.PRECISION_Z):
        unit = "nm"
    first = source if isinstance(source, str) else source[0]
    return f"{unit}^2" if first.endswith("_cr") else unit


def _meta(preamble: str) -> dict[str, Any]:
    """The JSON of the comments that says the unit."""
    for line in preamble.splitlines():
        try:
            found = json.loads(line.lstrip("# "))
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "xy_unit" in found:
            return found
    return {}
