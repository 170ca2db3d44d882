"""Colours of the page and its plots, for bright and for dark screens."""

from __future__ import annotations

from typing import Final

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

_SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "hexagon", "star")


def class_colours(n_classes: int) -> list[str]:
    """A colour for each class, from those that colour-blind readers tell apart; beyond seven they come again."""
    chosen = (*CLUSTER_COLOURS, DARK_GREY)
    return [chosen[index % len(chosen)] for index in range(n_classes)]


def class_symbols(n_classes: int) -> list[str]:
    """A marker for each class, so that no class is told by its colour alone."""
    return [_SYMBOLS[index % len(_SYMBOLS)] for index in range(n_classes)]
