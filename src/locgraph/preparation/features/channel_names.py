"""Names of channels, as features take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locgraph.errors import ConfigError


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
