"""Layout of the files of the graph store: safetensors, all views of a FOV joined, one tensor for each attribute."""

from __future__ import annotations

from typing import Final

from locgraph import schema

SUFFIX: Final = ".safetensors"
ABOUT: Final = "locgraph"
"""Entry of the metadata of a file: JSON with the fingerprint and `SIZES`."""
SIZES: Final = "sizes"
"""Entry there: tensor -> its size in each view."""
SEPARATOR: Final = "|"
"""Between the types of a node or edge and the attribute, in the name of a tensor."""


def joined_axis(name: str) -> int:
    """Return the axis of a tensor along which views are joined."""
    return 1 if name.endswith(schema.EDGE_INDEX) else 0
