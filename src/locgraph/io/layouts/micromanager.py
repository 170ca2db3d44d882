"""Localization Microscopy of Micro-Manager (Stuurman): text it saves, and tables of ImageJ that it fills.

After ``saveDataAsText`` in ``LoadAndSave.java``, ``Terms.java`` and ``SpotData.java`` below ``plugins/Gaussian`` of
micro-manager/micro-manager: positions and the estimated error (``sigma_``, called ``x_precision`` or ``Sigma``) are
in nm, and the first of two header lines says so. ``width`` is left out: that it is a standard deviation is not said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import PREAMBLE, Layout
from locgraph.io.layouts.choose import choose, in_nm

_SAVED = {
    schema.X: ("x",),
    schema.Y: ("y",),
    schema.Z: ("z",),
    schema.FRAME: ("frame",),
    schema.PHOTONS: ("intensity",),
    schema.PRECISION: ("x_precision",),
    schema.BACKGROUND: ("background",),
    schema.CHANNEL: ("channel",),
}
_TABLE = {
    schema.X: ("X(nm)",),
    schema.Y: ("Y(nm)",),
    schema.Z: ("Z(nm)",),
    schema.FRAME: ("Frame",),
    schema.PHOTONS: ("Int(photons)",),
    schema.PRECISION: ("Sigma(nm)",),
    schema.BACKGROUND: ("Background",),
    schema.CHANNEL: ("Channel",),
}


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows text by ``location_units: NM`` before its header, and a table by ``X(nm)``, ``Y(nm)``, ``Int(photons)``."""
    said = dict(entry.split(": ", 1) for entry in metadata.get(PREAMBLE, "").split("\t") if ": " in entry)
    saved = said.get("location_units") == "NM" and said.get("intensity_units") == "PHOTONS"
    chosen = choose(names, _SAVED if saved else _TABLE)
    if not {schema.X, schema.Y, schema.PHOTONS} <= chosen.keys():
        return None
    return Layout("Micro-Manager", chosen, in_nm(chosen))
