"""Localisation microscopy challenges of EPFL (Sage et al. 2019, 10.1038/s41592-019-0364-4): CSV in nm, frames from 1.

Names after ``challenge_mapping`` in ``decode/utils/emitter_io.py`` of TuragaLab/DECODE. ``intensity`` is left out: it
is photons in some of the files, and arbitrary in others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Layout
from locgraph.io.layouts.choose import choose, in_nm


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by ``xnano`` and ``ynano``."""
    chosen = choose(names, {schema.X: ("xnano",), schema.Y: ("ynano",), schema.Z: ("znano",), schema.FRAME: ("frame",)})
    if not {schema.X, schema.Y} <= chosen.keys():
        return None
    return Layout("EPFL challenge", chosen, in_nm(chosen))
