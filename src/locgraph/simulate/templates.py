"""Where the binding sites of a structure lie: templates by name, in nm, about the size of a DNA origami (60 to 110 nm).

Flat structures follow the 20 nm lattice of docking strands on a rectangular origami, as in the digits and letters of
Huijben et al. 2021 (10.1038/s41467-021-24106-8). They are drawn after those, not copied from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from locgraph.errors import ConfigError

SPACING_NM: Final = 20.0
"""Distance between neighbouring docking strands on the lattice of an origami, in nm."""

_GLYPHS: Final = {
    "one": (".#.", "##.", ".#.", ".#.", "###"),
    "two": (".##.", "#..#", "..#.", ".#..", "####"),
    "three": ("###.", "...#", ".##.", "...#", "###."),
    "T": ("#####", "..#..", "..#..", "..#..", "..#.."),
    "O": (".##.", "#..#", "#..#", "#..#", ".##."),
    "L": ("#...", "#...", "#...", "#...", "####"),
    "J": ("...#", "...#", "...#", "...#", "####"),  # L in the mirror: only handedness tells them apart
    "grid": ("####",) * 5,
    "cross": ("..#..", "..#..", "#####", "..#..", "..#.."),
    "square": ("####", "#..#", "#..#", "####"),
    "line": ("#####",),
}


def _glyph(rows: Sequence[str]) -> np.ndarray:
    """Sites (S, 2) in nm of a drawing whose first row is the top."""
    filled = np.array([[character == "#" for character in row] for row in rows])
    row, column = np.nonzero(filled)
    return np.column_stack([column, len(rows) - 1 - row]) * SPACING_NM


def _along_edges(corners: np.ndarray, pieces: int) -> np.ndarray:
    """Sites at the corners (V, D) of a regular body and at ``pieces - 1`` places along each of its shortest edges."""
    apart = np.linalg.norm(corners[:, None] - corners[None], axis=2)
    shortest = apart[apart > 0].min()
    start, end = np.nonzero(np.triu(np.isclose(apart, shortest)))
    share = np.arange(1, pieces)[:, None, None] / pieces
    between = (1 - share) * corners[start] + share * corners[end]
    return np.concatenate([corners, between.reshape(-1, corners.shape[1])])


def _regular(corners: Sequence[Sequence[float]], edge_nm: float) -> np.ndarray:
    """Sites along the edges of a regular body, scaled to ``edge_nm``, about ``SPACING_NM`` apart."""
    points = np.array(corners, dtype=np.float64)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    return _along_edges(points * edge_nm / apart[apart > 0].min(), round(edge_nm / SPACING_NM))


def _ring(sites: int, radius_nm: float) -> np.ndarray:
    """Sites (S, 2) evenly on a circle."""
    angle = 2 * np.pi * np.arange(sites) / sites
    return radius_nm * np.column_stack([np.cos(angle), np.sin(angle)])


def _helix(sites: int, radius_nm: float, height_nm: float, turns: float) -> np.ndarray:
    """Sites (S, 3) evenly on a helix about z; right-handed for positive ``turns``."""
    share = np.linspace(0.0, 1.0, sites)
    angle = 2 * np.pi * turns * share
    return np.column_stack([radius_nm * np.cos(angle), radius_nm * np.sin(angle), height_nm * share])


def _tripod(sites_per_leg: int) -> np.ndarray:
    """An apex and three legs (S, 3) that stand at right angles to each other."""
    legs = np.eye(3)[:, None] * (SPACING_NM * np.arange(1, sites_per_leg + 1))[:, None]
    return np.concatenate([np.zeros((1, 3)), legs.reshape(-1, 3)])


def _build() -> dict[str, np.ndarray]:
    cube = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    triangle = [(0.0, 0.0), (1.0, 0.0), (0.5, np.sqrt(0.75))]
    tetrahedron = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
    octahedron = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    return {
        **{name: _glyph(rows) for name, rows in _GLYPHS.items()},
        "triangle": _regular(triangle, 80.0),
        "ring": _ring(12, 38.0),
        "tetrahedron": _regular(tetrahedron, 80.0),
        "cube": _regular(cube, 60.0),
        "octahedron": _regular(octahedron, 60.0),
        "tripod": _tripod(4),
        "helix_right": _helix(18, 25.0, 80.0, 1.8),
        "helix_left": _helix(18, 25.0, 80.0, -1.8),
    }


def _centred(sites: np.ndarray) -> np.ndarray:
    centred = sites - sites.mean(axis=0)
    centred.setflags(write=False)
    return centred


TEMPLATES: Final[Mapping[str, np.ndarray]] = MappingProxyType({name: _centred(s) for name, s in _build().items()})
"""Every template by name: sites (S, D) float64 in nm, read-only, with their mean at the origin; D is 2 or 3."""


def template(name: str) -> np.ndarray:
    """The binding sites of a named structure.

    Args:
        name: A key of ``TEMPLATES``.

    Returns:
        Sites (S, D) float64 in nm, with their mean at the origin; D is 2 for flat structures, else 3.

    Raises:
        ConfigError: No template has this name.
    """
    if name not in TEMPLATES:
        raise ConfigError(f"no template is named {name!r}: set classes to one of {', '.join(TEMPLATES)}, or give sites")
    return TEMPLATES[name].copy()


def read_sites(given: str | Sequence[Sequence[float]], setting: str) -> np.ndarray:
    """Binding sites from a template's name or from plain coordinates.

    Args:
        given: A key of ``TEMPLATES``, or one ``[x, y]`` or ``[x, y, z]`` in nm for each site.
        setting: The setting that holds it, for messages.

    Returns:
        Sites (S, D) float64 in nm, with their mean at the origin.

    Raises:
        ConfigError: No template has this name, or the coordinates are not S x 2 or S x 3 finite numbers.
    """
    if isinstance(given, str):
        return template(given)
    sites = _as_array(given)
    if (
        sites is None
        or sites.ndim != 2
        or not len(sites)
        or sites.shape[1] not in (2, 3)
        or not np.isfinite(sites).all()
    ):
        raise ConfigError(
            f"expected a template's name, or sites as a list of [x, y] or [x, y, z] in nm, found {given!r}: "
            f"change {setting}"
        )
    return sites - sites.mean(axis=0)


def _as_array(given: Any) -> np.ndarray | None:
    try:
        return np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        return None
