"""Numbers as they are written in a report."""

from __future__ import annotations

import math

NONE = "–"
"""Stands where there is no number."""


def number(value: float | None, digits: int = 3) -> str:
    """A number with ``digits`` decimals; a dash where there is none."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def short(value: float | None) -> str:
    """A number with about three digits that mean something, however large or small."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}".replace("-", "−").replace(",", "\u202f")
    return f"{value:.3g}".replace("-", "−")


def count(value: int) -> str:
    """A whole number with narrow spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def spread(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval as ``low to high``; a dash where there is none."""
    return NONE if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"


def many(value: int, what: str, several: str = "") -> str:
    """A number with its noun: ``1 fold``, ``5 folds``."""
    return f"{count(value)} {what if value == 1 else several or what + 's'}"


def plain(name: str) -> str:
    """A name of a table as words: ``balanced_accuracy`` is ``balanced accuracy``."""
    return name.replace("_", " ")


def listed(names: list[str], most: int = 10) -> str:
    """Some names, the rest counted."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def one_line(text: str, longest: int = 400) -> str:
    """A text on one line; a reason may be a traceback."""
    words = " ".join(text.split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"
