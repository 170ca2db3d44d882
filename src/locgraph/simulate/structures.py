"""Structures to simulate: named templates of binding sites, and classes of structures read from plain values.

Templates are in nm, about the size of a DNA origami (60 to 110 nm). Flat ones follow the 20 nm lattice of docking
strands on a rectangular origami, as in the digits and letters of Huijben et al. 2021 (10.1038/s41467-021-24106-8). They
are drawn after those, not copied from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from locgraph.errors import ConfigError
from locgraph.settings import check_whole

Sites = str | Sequence[Sequence[float]]
"""A template's name, or one ``[x, y]`` or ``[x, y, z]`` in nm for each site."""

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
    """Return sites (S, 2) in nm of a drawing whose first row is the top."""
    filled = np.array([[character == "#" for character in row] for row in rows])
    row, column = np.nonzero(filled)
    return np.column_stack([column, len(rows) - 1 - row]) * SPACING_NM


def _along_edges(corners: np.ndarray, pieces: int) -> np.ndarray:
    """Return sites at the corners (V, D) of a regular body and at ``pieces - 1`` places along each shortest edge."""
    apart = np.linalg.norm(corners[:, None] - corners[None], axis=2)
    shortest = apart[apart > 0].min()
    start, end = np.nonzero(np.triu(np.isclose(apart, shortest)))
    share = np.arange(1, pieces)[:, None, None] / pieces
    between = (1 - share) * corners[start] + share * corners[end]
    return np.concatenate([corners, between.reshape(-1, corners.shape[1])])


def _regular(corners: Sequence[Sequence[float]], edge_nm: float) -> np.ndarray:
    """Return sites along the edges of a regular body, scaled to ``edge_nm``, about ``SPACING_NM`` apart."""
    points = np.array(corners, dtype=np.float64)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    return _along_edges(points * edge_nm / apart[apart > 0].min(), round(edge_nm / SPACING_NM))


def _ring(sites: int, radius_nm: float) -> np.ndarray:
    """Return sites (S, 2) evenly on a circle."""
    angle = 2 * np.pi * np.arange(sites) / sites
    return radius_nm * np.column_stack([np.cos(angle), np.sin(angle)])


def _helix(sites: int, radius_nm: float, height_nm: float, turns: float) -> np.ndarray:
    """Return sites (S, 3) evenly on a helix about z; right-handed for positive ``turns``."""
    share = np.linspace(0.0, 1.0, sites)
    angle = 2 * np.pi * turns * share
    return np.column_stack([radius_nm * np.cos(angle), radius_nm * np.sin(angle), height_nm * share])


def _tripod(sites_per_leg: int) -> np.ndarray:
    """Return an apex and three legs (S, 3) that stand at right angles to each other."""
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


def template(name: str, setting: str = "classes") -> np.ndarray:
    """Return the binding sites of a named structure.

    Args:
        name: A key of ``TEMPLATES``.
        setting: The setting that holds it, for messages.

    Returns:
        Sites (S, D) float64 in nm, with their mean at the origin; D is 2 for flat structures, else 3.

    Raises:
        ConfigError: No template has this name.
    """
    if name not in TEMPLATES:
        raise ConfigError(
            f"expected a template among {', '.join(TEMPLATES)}, or sites; found {name!r}", setting=setting
        )
    return TEMPLATES[name].copy()


def read_sites(given: str | Sequence[Sequence[float]], setting: str) -> np.ndarray:
    """Return binding sites from a template's name or from plain coordinates.

    Args:
        given: A key of ``TEMPLATES``, or one ``[x, y]`` or ``[x, y, z]`` in nm for each site.
        setting: The setting that holds it, for messages.

    Returns:
        Sites (S, D) float64 in nm, with their mean at the origin.

    Raises:
        ConfigError: No template has this name, or the coordinates are not S x 2 or S x 3 finite numbers.
    """
    if isinstance(given, str):
        return template(given, setting)
    sites = _as_array(given)
    if (
        sites is None
        or sites.ndim != 2
        or not len(sites)
        or sites.shape[1] not in (2, 3)
        or not np.isfinite(sites).all()
    ):
        raise ConfigError(
            f"expected a template's name, or sites as a list of [x, y] or [x, y, z] in nm; found {given!r}",
            setting=setting,
        )
    return sites - sites.mean(axis=0)


def _as_array(given: Any) -> np.ndarray | None:
    try:
        return np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True)
class Structure:
    """The binding sites of one class.

    Attributes:
        sites: Positions (S, 3) float64 in nm about the origin; z is 0 for flat structures.
        channels: Channel (S,) int64 of each site.
    """

    sites: np.ndarray
    channels: np.ndarray

    @property
    def radius_nm(self) -> float:
        """Distance of the outermost site from the origin."""
        return float(np.linalg.norm(self.sites, axis=1).max())


def read_classes(
    classes: Sequence[str | Mapping[str, Any]] | Mapping[str, Sites | Mapping[int, Sites]], dimensions: int
) -> dict[str, Structure]:
    """Return the binding sites of each class.

    Args:
        classes: Class name -> template's name, plain coordinates, or a mapping from channel index to either; or a list
            of such mappings and of names of templates, which name the class too.
        dimensions: Dimensions of the field, 2 or 3.

    Returns:
        Class name -> structure, in the order given.

    Raises:
        ConfigError: No class, an unknown template, coordinates that are none, or a 3D structure in a 2D field.
    """
    if isinstance(classes, Sequence) and not isinstance(classes, str):
        classes = dict(pair for entry in classes for pair in _named(entry))
    if not isinstance(classes, Mapping) or not classes:
        raise ConfigError(f"expected at least one class, as {{name: template}}; found {classes!r}", setting="classes")
    return {str(name): _read_structure(given, dimensions, f"classes.{name}") for name, given in classes.items()}


def _named(entry: str | Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the classes of one entry of a list."""
    return list(entry.items()) if isinstance(entry, Mapping) else [(str(entry), str(entry))]


def _read_structure(given: Sites | Mapping[int, Sites], dimensions: int, setting: str) -> Structure:
    by_channel = given if isinstance(given, Mapping) else {0: given}
    if not by_channel:
        raise ConfigError("expected a template's name, or {channel index: template}; found no channel", setting=setting)
    sites, channels = [], []
    for key, part in by_channel.items():
        places = read_sites(part, setting)
        if places.shape[1] > dimensions:
            raise ConfigError(
                f"expected a flat structure in a 2D field; found {part!r}, which is three-dimensional: set dimensions "
                "to 3",
                setting=setting,
            )
        sites.append(np.pad(places, ((0, 0), (0, 3 - places.shape[1]))))
        channels.append(np.full(len(places), _channel_index(key, setting), dtype=np.int64))
    return Structure(np.concatenate(sites), np.concatenate(channels))


def _channel_index(key: Any, setting: str) -> int:
    """Return a channel index; from the command line it comes as text."""
    index = int(key) if isinstance(key, str) and key.isdecimal() else key
    return check_whole(f"{setting} (channel index)", index, at_least=0)


def name_channels(channels: Sequence[str] | None, structures: Mapping[str, Structure]) -> tuple[str, ...]:
    """Return the names of the channels, by index; made up where ``channels`` is None.

    Raises:
        ConfigError: Fewer names than channels in use, or a name given twice.
    """
    used = 1 + max(int(structure.channels.max()) for structure in structures.values())
    if channels is None:
        return tuple(f"channel_{index}" for index in range(used))
    is_list = isinstance(channels, Sequence) and not isinstance(channels, str)
    if not is_list or len(channels) < used or len(set(channels)) < len(channels):
        raise ConfigError(
            f"expected a list of at least {used} different names, as classes use so many channels; found {channels!r}",
            setting="channels",
        )
    return tuple(channels)
