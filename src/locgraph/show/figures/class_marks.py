"""A colour and a symbol for each class, the same in every figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from locgraph.show.figures.style import BLACK, CLUSTER_COLOURS

_COLOURS: Final = (*CLUSTER_COLOURS, BLACK)
_SYMBOLS: Final = ("o", "s", "^", "D", "v", "P", "X", "p")


@dataclass(frozen=True)
class Mark:
    """How a class is drawn.

    Attributes:
        colour: Its colour.
        symbol: Its symbol, as matplotlib names it.
    """

    colour: str
    symbol: str


def class_marks(class_names: Sequence[str]) -> dict[str, Mark]:
    """Marks of classes: the first seven differ in both; up to 56 differ in colour or symbol.

    Args:
        class_names: The classes, in the order in which they are shown everywhere.
    """
    found = {}
    for place, name in enumerate(class_names):
        turn = place // len(_COLOURS)
        symbol = _SYMBOLS[(place % len(_COLOURS) + turn) % len(_SYMBOLS)]
        found[name] = Mark(_COLOURS[place % len(_COLOURS)], symbol)
    return found
