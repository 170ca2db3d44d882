"""ONI Nanoimager (NimOS): CSV with the unit in each name.

Names after ``NANOIMAGER_KEYS`` in ``src/locan/constants.py`` of super-resolution/Locan, its test file, and "Features
of ONI data" in the README of oubino/locpix_points. Which columns are there is a setting of NimOS (Export Options).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Layout
from locgraph.io.layouts.choose import choose, units_in_names


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by ``X (nm)`` and ``Y (nm)``; columns in pixels are used only where those in nm are absent."""
    unit = next((unit for unit in ("nm", "pix") if {f"X ({unit})", f"Y ({unit})"} <= set(names)), None)
    if unit is None:
        return None
    chosen = choose(
        names,
        {
            schema.X: (f"X ({unit})",),
            schema.Y: (f"Y ({unit})",),
            schema.Z: ("Z (nm)", "Z (pix)"),
            schema.FRAME: ("Frame",),
            schema.PHOTONS: ("Photons",),
            schema.PRECISION: tuple(
                source
                for unit in ("nm", "pix")
                for source in ((f"X precision ({unit})", f"Y precision ({unit})"), f"X precision ({unit})")
            ),
            schema.PRECISION_Z: ("Z precision (nm)", "Z precision (pix)"),
            schema.SIGMA: (("PSF Sigma X (pix)", "PSF Sigma Y (pix)"), "PSF Sigma X (pix)"),
            schema.BACKGROUND: ("Background",),
            schema.SIGMA_VARIANCE: (("Sigma X var", "Sigma Y var"), "Sigma X var"),
            schema.P_VALUE: ("p-value",),
            schema.CHANNEL: ("Channel",),
        },
    )
    return Layout("ONI Nanoimager", chosen, units_in_names(chosen), pixel_size_from="the settings of NimOS")
