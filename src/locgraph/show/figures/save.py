"""Writes figures, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from locgraph.errors import ConfigError
from locgraph.provenance import whole_file
from locgraph.show.figures.style import DPI, house_style

# A date in the file would make two equal figures differ.
_METADATA: Final[dict[str, dict[str, None]]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


@house_style()
def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure in the format of the path's suffix, with 200 dots per inch where that matters.

    The same figure gives the same bytes every time.

    Args:
        figure: The figure.
        path: Ends in ``.png``, ``.svg`` or ``.pdf``; its folder is made where it is missing.

    Raises:
        ConfigError: The suffix is another one.
    """
    suffix = path.suffix.lower()
    if suffix not in _METADATA:
        raise ConfigError(
            f"figures are written as {', '.join(_METADATA)}; found '{path.suffix}' in {path}: change the name"
        )
    with whole_file(path) as temporary:
        figure.savefig(temporary, format=suffix.removeprefix("."), dpi=DPI, metadata=_METADATA[suffix])


def read_picture(path: Path) -> np.ndarray:
    """Reads a PNG that was saved before.

    Args:
        path: The file.

    Returns:
        (height, width, channels) float32 between 0 and 1.
    """
    return imread(path)
