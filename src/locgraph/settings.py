"""Checks of single values that a user sets; the errors name the argument."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

from locgraph.errors import ConfigError

T = TypeVar("T")


def is_number(value: Any) -> bool:
    """Return whether ``value`` is a finite number, as float64 holds it, and not a boolean."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def check_number(
    name: str, value: Any, *, at_least: float | None = None, above: float | None = None, at_most: float | None = None
) -> float:
    """Return ``value`` as a float if it is a finite number within limits.

    Args:
        name: The argument, for the message.
        value: What was given.
        at_least: Smallest value that is allowed.
        above: Value that must be exceeded.
        at_most: Largest value that is allowed.

    Returns:
        The value as float.

    Raises:
        ConfigError: ``value`` is not a number, not finite, or outside the limits.
    """
    given = {"at least": at_least, "above": above, "at most": at_most}
    limits = " and ".join(f"{word} {limit:g}" for word, limit in given.items() if limit is not None)
    expected = f"expected a number {limits}".rstrip()
    if not is_number(value):
        raise ConfigError(f"{expected}, found {value!r}", setting=name)
    too_low = (at_least is not None and value < at_least) or (above is not None and value <= above)
    if too_low or (at_most is not None and value > at_most):
        raise ConfigError(f"{expected}, found {value!r}", setting=name)
    return float(value)


def check_whole(name: str, value: Any, *, at_least: int) -> int:
    """Return ``value`` if it is a whole number of at least ``at_least``.

    Raises:
        ConfigError: ``value`` is not a whole number, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise ConfigError(f"expected a whole number of at least {at_least}, found {value!r}", setting=name)
    return int(value)


def check_choice(name: str, value: T, choices: Sequence[T]) -> T:
    """Return ``value`` if it is one of some choices.

    Raises:
        ConfigError: It is not.
    """
    if value not in choices:
        known = ", ".join("null" if choice is None else str(choice) for choice in choices)
        raise ConfigError(f"expected one of {known}, found {value!r}", setting=name)
    return value


def check_length(name: str, value: Any) -> float:
    """Return ``value`` as a float if it is a finite length above 0 nm.

    Raises:
        ConfigError: ``value`` is not.
    """
    if not is_number(value) or value <= 0:
        raise ConfigError(f"expected a length above 0 in nm, found {value!r}", setting=name)
    return float(value)


def check_lengths(name: str, values: Any) -> tuple[float, ...]:
    """Return ``values`` if they are different lengths above 0 nm, at least one.

    Raises:
        ConfigError: ``values`` are not.
    """
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ConfigError(f"expected a list of lengths in nm, such as [50, 100], found {values!r}", setting=name)
    lengths = tuple(check_length(name, value) for value in values)
    if len({f"{length:g}" for length in lengths}) < len(lengths):
        raise ConfigError(f"expected lengths that differ in their first six digits, found {list(values)}", setting=name)
    return lengths


def check_limits(name: str, limits: Sequence[Any]) -> tuple[float, float]:
    """Return a lower and an upper limit in order, at least one of them closed; None is an open one.

    Returns:
        Both limits, an open one as infinity.

    Raises:
        ConfigError: ``limits`` are not.
    """
    known = [limit for limit in limits if limit is not None]
    if len(limits) != 2 or not known or not all(map(is_number, known)) or known != sorted(known):
        raise ConfigError(
            f"expected two numbers in order, one of them null where it is open, found {limits}", setting=name
        )
    low, high = limits
    return (-math.inf if low is None else float(low)), (math.inf if high is None else float(high))


def check_flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is a boolean.

    Raises:
        ConfigError: ``value`` is not a boolean.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"expected true or false, found {value!r}", setting=name)
    return value
