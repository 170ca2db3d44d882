"""What all filters share: their contract, and the checks of their settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import polars as pl

from locgraph.errors import ConfigError


class Filter(Protocol):
    """Localisations of one FOV to those that are taken on.

    Attributes:
        needs: Localisation columns that it reads, ``x`` and ``y`` aside, which are always there.
    """

    @property
    def needs(self) -> tuple[str, ...]:
        """See above; a class attribute will do."""
        ...

    def __call__(self, table: pl.DataFrame, dimensions: int) -> pl.DataFrame:
        """Filters one FOV.

        Args:
            table: At least one row; canonical columns (see ``schema.LOCALISATION_COLUMNS``), lengths in nm, with those
                of `needs`.
            dimensions: 2, or 3 where the table holds ``z``.

        Returns:
            The rows left, in their order; equal input gives equal output.

        Raises:
            DataError: The values cannot be used.
        """
        ...


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_length(setting: str, value: Any) -> float:
    """Returns ``value`` if it is a finite length above 0 nm.

    Raises:
        ConfigError: It is not.
    """
    if not is_number(value) or value <= 0:
        raise ConfigError(f"{setting} must be a length above 0 in nm, found {value!r}")
    return float(value)


def check_whole(setting: str, value: Any, least: int) -> int:
    """Returns ``value`` if it is a whole number of at least ``least``.

    Raises:
        ConfigError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{setting} must be a whole number of at least {least}, found {value!r}")
    return value


def check_limits(setting: str, limits: Sequence[Any]) -> tuple[float, float]:
    """Returns lower and upper limit, an open one as infinity, if they are in order and one of them is closed.

    Args:
        setting: Name of the setting, for the message.
        limits: Lower and upper limit, each a number or None.

    Raises:
        ConfigError: They are not.
    """
    known = [limit for limit in limits if limit is not None]
    if len(limits) != 2 or not known or not all(map(is_number, known)) or known != sorted(known):
        raise ConfigError(f"{setting} must be two numbers in order, one of them null where it is open, found {limits}")
    low, high = limits
    return (-math.inf if low is None else float(low)), (math.inf if high is None else float(high))
