"""Checks of the settings of features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from locgraph.errors import ConfigError


def check_length(setting: str, value: Any) -> float:
    """Returns ``value`` if it is a finite length above 0 nm.

    Args:
        setting: Name of the setting, for the message.
        value: What the user gave, in nm.

    Raises:
        ConfigError: It is not.
    """
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise ConfigError(f"{setting} must be a length above 0 in nm, found {value!r}")
    return float(value)


def check_lengths(setting: str, values: Any) -> tuple[float, ...]:
    """Returns ``values`` if they are different lengths above 0 nm; at least one.

    Args:
        setting: Name of the setting, for the message.
        values: What the user gave, in nm.

    Raises:
        ConfigError: They are not.
    """
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ConfigError(f"{setting} must be a list of lengths in nm, such as [50, 100], found {values!r}")
    lengths = tuple(check_length(setting, value) for value in values)
    if len({f"{length:g}" for length in lengths}) < len(lengths):
        raise ConfigError(f"{setting} must differ from each other in their first six digits, found {list(values)}")
    return lengths


def check_integer(setting: str, value: Any, least: int) -> int:
    """Returns ``value`` if it is an integer of at least ``least``.

    Args:
        setting: Name of the setting, for the message.
        value: What the user gave.
        least: The smallest value allowed.

    Raises:
        ConfigError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConfigError(f"{setting} must be an integer of at least {least}, found {value!r}")
    return int(value)


def check_channels(setting: str, value: Any) -> dict[int, str]:
    """Returns ``value`` as index of the channel to name.

    Args:
        setting: Name of the setting, for the message.
        value: What the user gave; an index may be a text of digits, as it is once it has been in JSON.

    Raises:
        ConfigError: It is no mapping of different indices from 0 to different names.
    """
    expected = f"{setting} must map the index of each channel to a name of its own, such as {{0: actin}}"
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"{expected}, found {value!r}")
    if not all(isinstance(key, int | str) and str(key).isdecimal() for key in value):
        raise ConfigError(f"{expected}, found the indices {list(value)}")
    channels = {int(key): str(name) for key, name in value.items()}
    names = set(channels.values()) - {""}
    if len(channels) < len(value) or len(names) < len(value) or None in value.values():
        raise ConfigError(f"{expected}, found {dict(value)}")
    return channels
