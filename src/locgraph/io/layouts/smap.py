"""SMAP (Ries 2020, 10.1038/s41592-020-0938-1): CSV and text of its plugin ``export_coordinates.m``, in nm.

Names after that plugin (jries/SMAP) and ``SMAP_KEYS`` in ``src/locan/constants.py`` of super-resolution/Locan. The
columns are fields of ``saveloc.loc``, of which users choose some. ``layer`` is what a display shows, and no channel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Layout
from locgraph.io.layouts.choose import choose, in_nm


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by ``xnm`` and ``ynm``."""
    if not {"xnm", "ynm"} <= set(names):
        return None
    chosen = choose(
        names,
        {
            schema.X: ("xnm",),
            schema.Y: ("ynm",),
            schema.Z: ("znm",),
            schema.FRAME: ("frame",),
            schema.PHOTONS: ("phot",),
            schema.PRECISION: (("xnmerr", "ynmerr"), "locprecnm"),
            schema.PRECISION_Z: ("znmerr", "locprecznm"),
            schema.SIGMA: (("PSFxnm", "PSFynm"), "PSFxnm"),
            schema.BACKGROUND: ("bg",),
            schema.CHANNEL: ("channel",),
        },
    )
    return Layout("SMAP", chosen, in_nm(chosen))
