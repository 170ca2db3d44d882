"""Nikon N-STORM (NIS-Elements): tab-delimited text with up to four positions for each localisation, all in nm.

Names after ``NSTORM_DTYPES`` and ``CHECK_STRING`` of public readers, such as ``F-NStxtTranslate.js`` of
cleterrier/ChriSTORM, which takes positions and ``Lateral Localization Accuracy`` as nm. Raw positions are ``X``;
``c`` stands for corrected for drift, ``w`` for warped (chromatic aberration). ``Width``, ``Height``, ``Area`` and
``BG`` are left out: no unit is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Layout
from locgraph.io.layouts.choose import choose, in_nm


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by ``X``, ``Xc``, ``Y``, ``Yc`` and ``Frame``; takes warped and corrected, else corrected."""
    if not {"X", "Y", "Xc", "Yc", "Frame"} <= set(names):
        return None
    axis = "wc" if {"Xwc", "Ywc"} <= set(names) else "c"
    chosen = choose(
        names,
        {
            schema.X: (f"X{axis}",),
            schema.Y: (f"Y{axis}",),
            schema.Z: (f"Z{axis}", "Zc", "Z"),
            schema.FRAME: ("Frame",),
            schema.PHOTONS: ("Photons",),
            schema.PRECISION: ("Lateral Localization Accuracy",),
            schema.N_FRAMES: ("Length",),
            schema.CHANNEL: ("Channel Name", "Name"),
        },
    )
    return Layout("Nikon N-STORM", chosen, in_nm(chosen))
