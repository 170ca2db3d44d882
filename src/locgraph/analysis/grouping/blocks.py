"""Blocks of columns that are weighted together: size, shape, intensity, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from locgraph import schema

COUNT: Final = "count"
SIZE: Final = "size"
SHAPE: Final = "shape"
TEXTURE: Final = "texture"
INTENSITY: Final = "intensity"
PHOTOPHYSICS: Final = "photophysics"
NEIGHBOURHOOD: Final = "neighbourhood"
CHANNELS: Final = "channels"
ORIENTATION: Final = "orientation"
LEARNED: Final = "learned"

BLOCKS: Final = {
    COUNT: "numbers of localisations and clusters: they follow labelling and acquisition as much as structure",
    SIZE: "lengths, areas, volumes",
    SHAPE: "pure numbers such as linearity, circularity, solidity",
    TEXTURE: "density and spacing of localisations within a cluster",
    INTENSITY: "photons, or the intensities of an image beside a mask",
    PHOTOPHYSICS: "blinking, times on and dark, localisation precision",
    NEIGHBOURHOOD: "distances to and density of other clusters",
    CHANNELS: "parts of the localisations in each channel",
    ORIENTATION: "angles: where a structure points, not what it is",
    LEARNED: "vectors of a network or an embedding",
}
"""Block -> its columns in words."""

NOT_BY_ITSELF: Final = (ORIENTATION,)
"""Blocks that are used only where a weight names them."""

_BY_NAME: Final = {
    schema.COUNT: COUNT,
    schema.N_CLUSTERS: COUNT,
    schema.N_LOCALISATIONS: COUNT,
    "blinking_events": PHOTOPHYSICS,
    "precision_mean": PHOTOPHYSICS,
    "gap": NEIGHBOURHOOD,
}
_BY_START: Final = {
    schema.VECTOR_PREFIX: LEARNED,
    "neighbour_distance": NEIGHBOURHOOD,
    "cluster_density": NEIGHBOURHOOD,
    "ripley_l": NEIGHBOURHOOD,
    "spacing_": TEXTURE,
    "fraction_": CHANNELS,
    "object_intensity_": INTENSITY,
}
_BY_UNIT: Final = {"photons": INTENSITY, "frames": PHOTOPHYSICS, "rad": ORIENTATION}


def block_of(feature: str, unit: str) -> str:
    """Return the block of a feature: by its name where it is one of locgraph's own, else by its unit.

    Args:
        feature: Name of the column, without statistic such as ``mean_``.
        unit: Its unit: lengths, areas and volumes are sizes, densities are textures, pure numbers are shapes.
    """
    named = _BY_NAME.get(feature)
    if named is None:
        named = next((block for start, block in _BY_START.items() if feature.startswith(start)), None)
    if named is None:
        power = schema.length_power(unit)
        named = _BY_UNIT.get(unit, SIZE if power > 0 else TEXTURE if power < 0 else SHAPE)
    return named


def blocks_of(units: Mapping[str, str], feature_of: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the block of each column.

    Args:
        units: Column -> unit.
        feature_of: Column -> the feature that it is a statistic of; None where columns are features themselves.
    """
    return {name: block_of((feature_of or {}).get(name, name), unit) for name, unit in units.items()}


def present_blocks(blocks: Iterable[str]) -> list[str]:
    """Return the blocks that are there, each once, in the order of `BLOCKS`."""
    there = set(blocks)
    return [name for name in BLOCKS if name in there]
