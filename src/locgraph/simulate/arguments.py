"""Checks of plain values handed to the simulator, each with the setting's name in the message."""

from __future__ import annotations

import math
from typing import Any

from locgraph.errors import ConfigError


def check_number(
    name: str, value: Any, *, at_least: float | None = None, above: float | None = None, at_most: float | None = None
) -> float:
    """A finite number within limits.

    Args:
        name: The setting, as the user writes it.
        value: What was given.
        at_least: Smallest value that is allowed.
        above: Value that must be exceeded.
        at_most: Largest value that is allowed.

    Returns:
        The value as float.

    Raises:
        ConfigError: ``value`` is no number, not finite, or outside the limits.
    """
    given = {"at least": at_least, "above": above, "at most": at_most}
    limits = " and ".join(f"{word} {limit:g}" for word, limit in given.items() if limit is not None)
    expected = f"{name} must be a number {limits}".rstrip()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{expected}, found {value!r}: change {name}")
    too_low = (at_least is not None and value < at_least) or (above is not None and value <= above)
    if too_low or (at_most is not None and value > at_most):
        raise ConfigError(f"{expected}, found {value!r}: change {name}")
    return float(value)


def check_whole(name: str, value: Any, *, at_least: int) -> int:
    """A whole number of at least ``at_least``.

    Raises:
        ConfigError: ``value`` is no whole number, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ConfigError(f"{name} must be a whole number of at least {at_least}, found {value!r}: change {name}")
    return value


def check_flag(name: str, value: Any) -> bool:
    """True or false, and nothing that merely counts as either.

    Raises:
        ConfigError: ``value`` is neither.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false, found {value!r}: change {name}")
    return value
