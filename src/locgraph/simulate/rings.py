"""Simulated rings as nuclear pore complexes show them, and variants: other symmetry, flattened, incomplete.

A nuclear pore complex holds 32 copies of Nup96: 16 in each of two rings, 107 nm across and 50 nm apart along the axis,
as eight corners of two copies 12 nm apart. Source: Thevathasan et al. 2019 (10.1038/s41592-019-0574-9).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from locgraph.errors import ConfigError, within
from locgraph.settings import check_number, check_whole
from locgraph.simulate.origami import Origami
from locgraph.simulate.paint import Paint

DIAMETER_NM: Final = 107.0
PAIR_NM: Final = 12.0
SEPARATION_NM: Final = 50.0
"""Of the rings of Nup96; see the source above."""

_VARIANT: Final = ("corners", "present", "aspect")


class Rings(Origami):
    """Draws FOVs of rings with corners, one kind of ring for each class; posed and seen as `Origami` is.

    Args:
        classes: Class name -> ``corners``, their number; ``present``, how many of them in a row are there, None for
            all; ``aspect``, the short axis over the long one of a flattened ring of the same circumference.
            What is left out is ``corners: 8, present: null, aspect: 1``. The order is the order of the classes.
        diameter_nm: Diameter of a round ring, in nm.
        pair_nm: Distance between both copies of a corner, in nm.
        separation_nm: Distance of both rings along the axis, in nm. In 2D they lie on each other, also when tilted.
        size_spread: Standard deviation of the size of a ring, as a part of it (normal).
        paint: As for `Origami`, and so are all others.
        dimensions: 2 or 3.
        structures_per_fov: Rings in one FOV.
        field_nm: Edge length of the square field, in nm.
        depth_nm: Axial extent of the field in nm; 3D only.
        gap_nm: Least free space between two rings, in nm.
        max_tilt_deg: Largest tilt against the optical axis, in degrees.
        equalise_counts: Whether classes have the same mean number of localisations.

    Raises:
        ConfigError: A value that cannot work.
    """

    kind = "rings"

    def __init__(
        self,
        classes: Mapping[str, Mapping[str, Any]],
        diameter_nm: float = DIAMETER_NM,
        pair_nm: float = PAIR_NM,
        separation_nm: float = SEPARATION_NM,
        size_spread: float = 0.0,
        paint: Paint | Mapping[str, Any] | None = None,
        dimensions: int = 2,
        structures_per_fov: int = 1,
        field_nm: float = 250.0,
        depth_nm: float | None = None,
        gap_nm: float = 20.0,
        max_tilt_deg: float | None = None,
        equalise_counts: bool = True,
    ) -> None:
        if not isinstance(classes, Mapping) or not classes:
            raise ConfigError(f"expected {{class: {{corners: 8}}, ...}}; found {classes!r}", setting="classes")
        check_number("diameter_nm", diameter_nm, above=0)
        check_number("pair_nm", pair_nm, at_least=0)
        check_number("separation_nm", separation_nm, at_least=0)
        self.size_spread = check_number("size_spread", size_spread, at_least=0, at_most=0.3)
        sites = {}
        for name, variant in classes.items():
            flat = _read_variant(str(name), variant, diameter_nm, pair_nm)
            sites[str(name)] = _stack(flat, separation_nm, dimensions).tolist()
        super().__init__(
            sites,
            paint,
            dimensions,
            structures_per_fov,
            field_nm,
            depth_nm,
            gap_nm,
            max_tilt_deg,
            equalise_counts=equalise_counts,
        )

    def draw_sites(self, class_name: str, rng: np.random.Generator) -> np.ndarray:
        """Return the true places of all copies of a FOV, as `Origami.draw_sites`; each ring has a size of its own."""
        sites = super().draw_sites(class_name, rng)
        if self.size_spread == 0:
            return sites
        rings = sites.reshape(self.structures_per_fov, -1, self.dimensions)
        centres = rings.mean(axis=1, keepdims=True)
        sizes = rng.normal(1.0, self.size_spread, (len(rings), 1, 1))
        return (centres + (rings - centres) * sizes).reshape(sites.shape)

    def settings(self) -> dict[str, Any]:
        """Return everything that decides what is drawn, as plain values."""
        return super().settings() | {"size_spread": self.size_spread}


def _read_variant(name: str, variant: Mapping[str, Any] | None, diameter_nm: float, pair_nm: float) -> np.ndarray:
    """Return the copies (2 * P, 2) in nm of the P corners that a class describes."""
    given = {"corners": 8, "present": None, "aspect": 1.0} | dict(variant or {})
    unknown = [key for key in given if key not in _VARIANT]
    if unknown:
        raise ConfigError(
            f"expected some of {', '.join(_VARIANT)}; found {', '.join(map(repr, unknown))}", setting=f"classes.{name}"
        )
    with within(f"classes.{name}"):
        corners = check_whole("corners", given["corners"], at_least=3)
        present = corners if given["present"] is None else check_whole("present", given["present"], at_least=1)
        if present > corners:
            raise ConfigError(f"expected at most the {corners} corners; found {present}", setting="present")
        aspect = check_number("aspect", given["aspect"], above=0, at_most=1)
    return ring_sites(corners, present, aspect, diameter_nm, pair_nm)


def ring_sites(corners: int, present: int, aspect: float, diameter_nm: float, pair_nm: float) -> np.ndarray:
    """Return both copies of each corner of a ring.

    Args:
        corners: Number of corners that a whole ring has, evenly round it.
        present: How many of them in a row are there.
        aspect: Short axis over long axis; 1 is round. The circumference stays that of the round ring, by Ramanujan's
            second approximation.
        diameter_nm: Diameter of the round ring, in nm.
        pair_nm: Distance between both copies, along the tangent of the round ring, in nm.

    Returns:
        Positions (2 * present, 2) float64 in nm about the centre of the ring.
    """
    angle = 2 * np.pi * np.arange(present) / corners
    radial = np.column_stack([np.cos(angle), np.sin(angle)])
    tangent = np.column_stack([-np.sin(angle), np.cos(angle)])
    half = pair_nm / 2 * tangent
    both = np.concatenate([diameter_nm / 2 * radial - half, diameter_nm / 2 * radial + half])
    h = ((1 - aspect) / (1 + aspect)) ** 2
    long = 2.0 / ((1 + aspect) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h))))
    return both * np.array([long, long * aspect])


def _stack(flat: np.ndarray, separation_nm: float, dimensions: int) -> np.ndarray:
    """Return the copies of two rings: (2 * S, 3) in 3D, and (2 * S, 2) as seen along the axis in 2D."""
    if dimensions == 2:
        return np.concatenate([flat, flat])
    heights = np.repeat([-separation_nm / 2, separation_nm / 2], len(flat))
    return np.column_stack([np.concatenate([flat, flat]), heights])
