"""Which binding sites each class has, and in which channel: read from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locgraph.errors import ConfigError
from locgraph.settings import check_whole
from locgraph.simulate.templates import read_sites

Sites = str | Sequence[Sequence[float]]
"""A template's name, or one ``[x, y]`` or ``[x, y, z]`` in nm for each site."""


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
    classes: Sequence[str] | Mapping[str, Sites | Mapping[int, Sites]], dimensions: int
) -> dict[str, Structure]:
    """The binding sites of each class.

    Args:
        classes: Names of templates, which name the classes too; or class name -> template's name, plain coordinates, or
            a mapping from channel index to either.
        dimensions: Dimensions of the field, 2 or 3.

    Returns:
        Class name -> structure, in the order given.

    Raises:
        ConfigError: No class, an unknown template, coordinates that are none, or a 3D structure in a 2D field.
    """
    if isinstance(classes, Sequence) and not isinstance(classes, str):
        classes = {str(name): str(name) for name in classes}
    if not isinstance(classes, Mapping) or not classes:
        raise ConfigError(f"expected at least one class, found {classes!r}: set classes to {{name: template}}")
    return {str(name): _read_structure(given, dimensions, f"classes.{name}") for name, given in classes.items()}


def _read_structure(given: Sites | Mapping[int, Sites], dimensions: int, setting: str) -> Structure:
    by_channel = given if isinstance(given, Mapping) else {0: given}
    if not by_channel:
        raise ConfigError(f"{setting} has no channel: set it to a template's name, or to {{channel index: template}}")
    sites, channels = [], []
    for key, part in by_channel.items():
        found = read_sites(part, setting)
        if found.shape[1] > dimensions:
            raise ConfigError(f"{setting} is three-dimensional ({part!r}) in a 2D field: set dimensions to 3")
        sites.append(np.pad(found, ((0, 0), (0, 3 - found.shape[1]))))
        channels.append(np.full(len(found), _channel_index(key, setting), dtype=np.int64))
    return Structure(np.concatenate(sites), np.concatenate(channels))


def _channel_index(key: Any, setting: str) -> int:
    """A channel index; from the command line it comes as text."""
    index = int(key) if isinstance(key, str) and key.isdecimal() else key
    return check_whole(f"channel index in {setting}", index, at_least=0)


def name_channels(channels: Sequence[str] | None, structures: Mapping[str, Structure]) -> tuple[str, ...]:
    """Names of the channels, by index; made up where ``channels`` is None.

    Raises:
        ConfigError: Fewer names than channels in use, or a name given twice.
    """
    used = 1 + max(int(structure.channels.max()) for structure in structures.values())
    if channels is None:
        return tuple(f"channel_{index}" for index in range(used))
    is_list = isinstance(channels, Sequence) and not isinstance(channels, str)
    if not is_list or len(channels) < used or len(set(channels)) < len(channels):
        raise ConfigError(
            f"classes use {used} channels, expected a list of at least as many different names, found {channels!r}: "
            "change channels"
        )
    return tuple(channels)
