"""ThunderSTORM (Ovesny et al. 2014, 10.1093/bioinformatics/btu202): CSV with the unit in each name.

Names and units after ``MoleculeDescriptor.java`` of zitmen/thunderstorm: its users may turn each length into nm, um
or px, and intensities into A/D counts, which are left out here. Older versions say ``uncertainty``, newer
``uncertainty_xy``. Others, such as Picasso, write the same format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.io.header import Layout
from locgraph.io.layouts.choose import choose, units_in_names

_UNITS = ("nm", "um", "px")


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Knows a table by ``x [nm]`` and ``y [nm]``, or the like in another unit."""
    chosen = choose(
        names,
        {
            schema.X: _lengths("x"),
            schema.Y: _lengths("y"),
            schema.Z: _lengths("z"),
            schema.FRAME: ("frame",),
            schema.PHOTONS: ("intensity [photon]",),
            schema.PRECISION: (*_lengths("uncertainty_xy"), *_lengths("uncertainty")),
            schema.PRECISION_Z: _lengths("uncertainty_z"),
            schema.SIGMA: (*_lengths("sigma"), *zip(_lengths("sigma1"), _lengths("sigma2"), strict=True)),
            schema.BACKGROUND: ("offset [photon]",),
            schema.N_FRAMES: ("detections",),
        },
    )
    if not {schema.X, schema.Y} <= chosen.keys():
        return None
    return Layout("ThunderSTORM", chosen, units_in_names(chosen))


def _lengths(name: str) -> tuple[str, ...]:
    return tuple(f"{name} [{unit}]" for unit in _UNITS)
