"""All layouts that are recognised by the names of the columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from locgraph.io.header import Layout
from locgraph.io.layouts import (
    canonical,
    challenge,
    codi,
    decode,
    elyra,
    micromanager,
    nis,
    nstorm,
    oni,
    smap,
    thunderstorm,
)

Recogniser = Callable[[Sequence[str], Mapping[str, str]], Layout | None]
"""Names of columns and metadata to their layout; None where they are not of this kind."""

LAYOUTS: Final[tuple[Recogniser, ...]] = (
    canonical.recognise,
    thunderstorm.recognise,
    oni.recognise,
    codi.recognise,
    elyra.recognise,
    nstorm.recognise,
    nis.recognise,
    smap.recognise,
    decode.recognise,
    micromanager.recognise,
    challenge.recognise,
)
"""Asked in this order; the first that knows the columns counts."""


def recognise(names: Sequence[str], metadata: Mapping[str, str]) -> Layout | None:
    """Finds what the columns of a table are.

    Args:
        names: Names of the columns.
        metadata: Metadata of the file.

    Returns:
        The layout; None where no known software writes such columns.
    """
    return next((layout for known in LAYOUTS if (layout := known(names, metadata)) is not None), None)
