"""Pictures as ``data:`` URIs, small enough that many fit into one page."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

_COLOURS: Final = 48


def data_uri(pixels: np.ndarray, colours: int = _COLOURS) -> str:
    """A picture as a PNG within a page.

    Args:
        pixels: (height, width, 3) uint8.
        colours: Of the palette that it is reduced to.

    Returns:
        ``data:image/png;base64,...``
    """
    return _png(Image.fromarray(pixels), colours)


def figure_uri(path: Path, width: int, colours: int = 128) -> str:
    """A PNG file within a page, made smaller where it is wider.

    Args:
        path: The file.
        width: Largest width in pixels.
        colours: Of the palette that it is reduced to.

    Raises:
        OSError: It is no picture that can be read.
    """
    with Image.open(path) as opened:
        whole = opened.convert("RGBA")
    image = Image.new("RGB", whole.size, "white")
    image.paste(whole, mask=whole.getchannel("A"))
    if image.width > width:
        image = image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)
    return _png(image, colours)


def _png(image: Image.Image, colours: int) -> str:
    reduced = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    reduced.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
