"""Zeiss ELYRA (ZEN): tab-delimited text in Latin-1, with settings of the microscope behind a NUL byte.

Names after ``ELYRA_KEYS`` in ``src/locan/constants.py`` and ``elyra_io.py`` of super-resolution/Locan. Whether ``PSF
half width`` is a standard deviation is not said anywhere, so it is left out, and so is the variance of the
background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Layout
from locgraph.io.layouts.choose import choose, in_nm

_X, _Y, _FRAME = "Position X [nm]", "Position Y [nm]", "First Frame"


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by ``Position X [nm]``, ``Position Y [nm]`` and ``First Frame``."""
    if not {_X, _Y, _FRAME} <= set(names):
        return None
    chosen = choose(
        names,
        {
            schema.X: (_X,),
            schema.Y: (_Y,),
            schema.Z: ("Position Z [nm]",),
            schema.FRAME: (_FRAME,),
            schema.PHOTONS: ("Number Photons", "Number photons"),
            schema.PRECISION: ("Precision [nm]",),
            schema.N_FRAMES: ("Number Frames",),
            schema.CHANNEL: ("Channel",),
        },
    )
    return Layout("Zeiss ELYRA", chosen, in_nm(chosen), ends_at_nul=True)
