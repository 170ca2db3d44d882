"""What a comma within a number means: 1,5 is one and a half to some, 1,500 fifteen hundred to others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_WITH_COMMA: Final = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_WITH_POINT: Final = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)
_EITHER: Final = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_UNGROUPED: Final = re.compile(r"[+-]?\d{4,}")
_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


def has_decimal_comma(values: Iterable[str]) -> bool | None:
    """Whether a comma is the decimal mark of a table.

    It is where a number with a comma cannot be grouped thousands, or where the table writes thousands without grouping
    them; it is not where a number has a point.

    Args:
        values: What stands in the table, without blanks around it.

    Returns:
        True or False; None where every number with a comma may as well be grouped thousands.
    """
    found = list(values)
    commas = [value for value in found if _WITH_COMMA.fullmatch(value)]
    if not commas or any(map(_WITH_POINT.fullmatch, found)):
        return False
    if any(not _EITHER.fullmatch(value) for value in commas):
        return True
    if any(_GROUPED.fullmatch(value) and not _EITHER.fullmatch(value) for value in found):
        return False
    return True if any(map(_UNGROUPED.fullmatch, found)) else None


def may_be_grouped(value: str) -> bool:
    """Whether a number may be written with grouped thousands, as 1,500 or 1,500.2."""
    return _GROUPED.fullmatch(value) is not None
