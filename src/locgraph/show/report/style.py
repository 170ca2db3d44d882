"""Numbers and names as they are written in a report, and its colours."""

from __future__ import annotations

import math
from typing import Any, Final

from locgraph.show.figures.style import BLUE, CLUSTER_COLOURS, DARK_GREY, GREY, SKY_BLUE

LIGHT: Final = {
    "paper": "#fdfcfa",
    "raised": "#ffffff",
    "ink": "#1d1f24",
    "soft": "#5b5f6a",
    "line": "#dedbd4",
    "grid": "#e9e6e0",
    "accent": BLUE,
    "good": "#00795a",
    "bad": "#b34700",
    "warn": "#fdf3e0",
    "shade": "0, 114, 178",
}
"""Colours by their use; text stands out from the paper by at least 4.5 to 1 (WCAG 2.2, AA)."""

DARK: Final = {
    "paper": "#15171b",
    "raised": "#1c1f25",
    "ink": "#e8e6e1",
    "soft": "#a5a8b0",
    "line": "#343841",
    "grid": "#2a2e36",
    "accent": SKY_BLUE,
    "good": "#3ecfa3",
    "bad": "#ff9a5c",
    "warn": "#2b2418",
    "shade": "86, 180, 233",
}

TRAINING, VALIDATION, MODEL, OTHERS = GREY, BLUE, BLUE, GREY

NONE: Final = "–"
"""Stands where there is no number."""

_SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "hexagon", "star")


def class_colours(n_classes: int) -> list[str]:
    """Return a colour for each class that colour-blind readers tell apart; beyond seven they repeat."""
    chosen = (*CLUSTER_COLOURS, DARK_GREY)
    return [chosen[index % len(chosen)] for index in range(n_classes)]


def class_symbols(n_classes: int) -> list[str]:
    """Return a marker for each class, so that no class is known by its colour alone."""
    return [_SYMBOLS[index % len(_SYMBOLS)] for index in range(n_classes)]


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with ``digits`` decimals; a dash where there is none."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def short(value: float | None) -> str:
    """Write a number with three significant digits, however large or small."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}".replace("-", "−").replace(",", "\u202f")
    return f"{value:.3g}".replace("-", "−")


def count(value: int) -> str:
    """Write a whole number with narrow spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def interval_text(low: float | None, high: float | None, digits: int = 3) -> str:
    """Write an interval as ``low to high``; a dash where there is none."""
    return NONE if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"


def many(value: int, what: str, several: str = "") -> str:
    """Write a number with its noun: ``1 fold``, ``5 folds``."""
    return f"{count(value)} {what if value == 1 else several or what + 's'}"


def plain(name: str) -> str:
    """Write a name of a table as words: ``balanced_accuracy`` is ``balanced accuracy``."""
    return name.replace("_", " ")


def listed(names: list[str], most: int = 10) -> str:
    """Write some names and count the rest."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def cell(value: Any) -> str:
    """Write one value of any table."""
    if isinstance(value, bool) or value is None:
        return NONE if value is None else "yes" if value else "no"
    return short(float(value)) if isinstance(value, int | float) else str(value)


def one_line(text: str, longest: int = 400) -> str:
    """Write a text on one line; a reason may be a traceback."""
    words = " ".join(text.split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"
