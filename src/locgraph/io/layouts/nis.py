"""Text that Picasso writes for Nikon's NIS-Elements: ``export_txt_nis`` in ``picasso/io.py`` of jungmannlab/picasso.

Positions in nm are taken, and nothing else: since its tables became those of pandas, Picasso writes the other columns
in another order than their names, so that photons stand below ``BG`` and frames below ``Length``. Its HDF5 has all of
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Layout
from locgraph.io.layouts.choose import choose, in_nm

_NAMES = ("X", "Y", "Z", "Channel", "Width", "BG", "Length", "Area", "Frame")


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by all of its names, with or without ``Z``."""
    if tuple(names) not in (_NAMES, tuple(name for name in _NAMES if name != "Z")):
        return None
    chosen = choose(names, {schema.X: ("X",), schema.Y: ("Y",), schema.Z: ("Z",)})
    return Layout("Picasso (text for NIS)", chosen, in_nm(chosen))
