"""Small pictures of fields of view (FOVs) for a page: painted dot by dot, a thousand of them in seconds."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from PIL import Image, ImageDraw, ImageFont

from locgraph import schema
from locgraph.errors import LocgraphError
from locgraph.io.featextracted import fov_path, read_fov
from locgraph.run_folder import LOCS
from locgraph.show.figures.fov import SMALLEST_SPAN_NM
from locgraph.show.figures.scored_fov import SCORE_COLOURS, score_norm
from locgraph.show.figures.style import length_text, round_length
from locgraph.show.figures.thumbnail import DENSITY_COLOURS
from locgraph.show.report.source import Absent, read_parquet

MOST_DRAWN: Final = 20_000
"""Of more localisations a random choice is painted: a small picture shows no more."""

_SIDES: Final = (112, 88, 64, 48)
_NEIGHBOURHOOD: Final = 24
_NOISE: Final = 205
_PAPER: Final = 255
_COLOURS: Final = 48
_OVERSAMPLED: Final = 2
_MARGIN: Final = 0.06
_LETTER: Final = 0.075  # height of letters, as part of the side
_SMALLEST_LETTER: Final = 8.0  # pixels


@dataclass(frozen=True)
class Thumbnails:
    """Small pictures of FOVs.

    Attributes:
        uris: FOV -> ``data:`` URI.
        side: Of the pictures, in pixels.
        left_out: How many FOVs have none, since the page would be too large.
        failures: FOV -> why it could not be drawn.
    """

    uris: dict[str, str]
    side: int
    left_out: int
    failures: dict[str, str]


def thumbnails(tables: Path, fov_ids: Sequence[str], max_bytes: int) -> Thumbnails:
    """Draw FOVs as small as necessary to stay within a size.

    Args:
        tables: Folder of the prepared tables.
        fov_ids: The FOVs, the most important first.
        max_bytes: Size of all pictures together.

    Returns:
        The pictures; where even small ones are too many, those of the first FOVs.
    """
    side = next((side for side in _SIDES if len(fov_ids) * side * side * 0.17 <= max_bytes), _SIDES[-1])
    uris: dict[str, str] = {}
    failures: dict[str, str] = {}
    size = 0
    for place, fov_id in enumerate(fov_ids):
        points = read_points(tables, fov_id)
        if isinstance(points, Absent):
            failures[fov_id] = points.reason
            continue
        uri = data_uri(density_picture(points, side), colours=16)
        size += len(uri)
        if size > max_bytes:
            return Thumbnails(uris, side, len(fov_ids) - place, failures)
        uris[fov_id] = uri
    return Thumbnails(uris, side, 0, failures)


def read_points(tables: Path, fov_id: str) -> np.ndarray | Absent:
    """Read positions x and y (N, 2) of view 0 of a FOV in nm, or return why there are none."""
    table = read_parquet(fov_path(tables, LOCS, fov_id))
    if isinstance(table, Absent):
        return table
    missing = {schema.X, schema.Y, schema.VIEW} - set(table.columns)
    if missing:
        return Absent(f"The table of {fov_id} has no {', '.join(sorted(missing))}.")
    points = table.filter(pl.col(schema.VIEW) == 0).select(schema.X, schema.Y).to_numpy().astype(np.float64)
    return points if len(points) else Absent(f"{fov_id} has no localisation.")


def density_picture(points: np.ndarray, side: int) -> np.ndarray:
    """Paint localisations, darker where they are dense.

    Args:
        points: (N, 2) float64 in nm, N >= 1.
        side: In pixels.

    Returns:
        (side, side, 3) uint8.
    """
    points = points[_drawn(len(points))]
    corner, span = frame(points)
    cells = np.clip(((points - corner) / span * _NEIGHBOURHOOD).astype(np.int64), 0, _NEIGHBOURHOOD - 1)
    flat = cells[:, 0] * _NEIGHBOURHOOD + cells[:, 1]
    density = np.bincount(flat, minlength=_NEIGHBOURHOOD**2)[flat]
    order = np.argsort(density, kind="stable")
    shade = 0.35 + 0.5 * density / density.max()
    colours = np.round(DENSITY_COLOURS(shade)[:, :3] * 255).astype(np.uint8)
    return paint(points[order], colours[order], side, dot_radius(len(points), side), np.zeros(len(points), dtype=bool))


def scored_picture(
    points: np.ndarray, owners: np.ndarray, scores: Mapping[int, float], outlined: set[int], side: int
) -> np.ndarray:
    """Paint localisations in the colour of the score of their cluster, outlined where it explains the class.

    Args:
        points: (N, 2) float64 in nm, N >= 1.
        owners: (N,) cluster of each, -1 is noise.
        scores: Cluster -> score; grey where it is 0, as far from it as the largest score at both ends.
        outlined: Clusters that explain the class together.
        side: In pixels.

    Returns:
        (side, side, 3) uint8.
    """
    shown = _drawn(len(points))
    points, owners = points[shown], owners[shown]
    values = np.array([scores.get(int(owner), 0.0) for owner in owners])
    order = np.argsort(np.abs(values), kind="stable")
    points, owners, values = points[order], owners[order], values[order]
    colours = np.round(SCORE_COLOURS(score_norm(values)(values))[:, :3] * 255).astype(np.uint8)
    colours[owners < 0] = _NOISE
    ringed = np.isin(owners, list(outlined))
    return paint(points, colours, side, dot_radius(len(points), side), ringed)


def read_clustered(tables: Path, fov_id: str) -> tuple[np.ndarray, np.ndarray] | Absent:
    """Read positions (N, 2) in nm and clusters (N,) of view 0 of a FOV, or return why there are none."""
    try:
        locs = read_fov(tables, fov_id).locs.filter(pl.col(schema.VIEW) == 0)
    except LocgraphError as error:
        return Absent(str(error))
    points = locs.select(schema.X, schema.Y).to_numpy().astype(np.float64)
    return (points, locs[schema.CLUSTER_ID].to_numpy()) if len(points) else Absent(f"{fov_id} has no localisation.")


def width_text(points: np.ndarray) -> str:
    """Write how wide a picture of these localisations is, such as ``140 nm``."""
    side = frame(points)[1]
    digits = 2 - int(np.floor(np.log10(side))) - 1
    return length_text(round(side, digits))


def _drawn(n_localisations: int) -> np.ndarray:
    if n_localisations <= MOST_DRAWN:
        return np.arange(n_localisations)
    return np.sort(np.random.default_rng(0).choice(n_localisations, MOST_DRAWN, replace=False))


def frame(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the square around localisations.

    Args:
        points: (N, 2) float64 in nm, N >= 1.

    Returns:
        Its smallest corner (2,) in nm, and its side in nm; a margin is included.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()), SMALLEST_SPAN_NM) * (1 + 2 * _MARGIN)
    return (low + high) / 2 - side / 2, side


def paint(points: np.ndarray, colours: np.ndarray, side: int, radius: float, ringed: np.ndarray) -> np.ndarray:
    """Paint localisations as round dots on white, and a scale bar with its length; later dots lie on top.

    As in a camera image, y points downwards.

    Args:
        points: (N, 2) float64 in nm, N >= 1.
        colours: (N, 3) uint8.
        side: Of the picture, in pixels.
        radius: Of a dot, in pixels.
        ringed: (N,) bool, dots around which a black line runs; touching ones share a line.

    Returns:
        (side, side, 3) uint8.
    """
    fine = side * _OVERSAMPLED
    corner, span = frame(points)
    places = np.clip(((points - corner) / span * fine).astype(np.int64), 0, fine - 1)
    canvas = np.full((fine, fine, 3), _PAPER, dtype=np.uint8)
    plain = ~ringed
    _dots(canvas, places[plain], colours[plain], radius * _OVERSAMPLED)
    if ringed.any():
        black = np.zeros((int(ringed.sum()), 3), dtype=np.uint8)
        _dots(canvas, places[ringed], black, (radius + 1.3) * _OVERSAMPLED)
        _dots(canvas, places[ringed], colours[ringed], radius * _OVERSAMPLED)
    blocks = canvas.reshape(side, _OVERSAMPLED, side, _OVERSAMPLED, 3)
    image = Image.fromarray(np.round(blocks.mean(axis=(1, 3))).astype(np.uint8))
    _draw_bar(image, span)
    return np.asarray(image)


def _draw_bar(image: Image.Image, span_nm: float) -> None:
    """Draw a scale bar into the margin at the lower right, and its length beside it."""
    side = image.width
    letters = max(side * _LETTER, _SMALLEST_LETTER)
    length = round_length(span_nm)
    right, middle = round(side * 0.985), side * 0.975
    left, half = right - max(round(length / span_nm * side), 1), max(side * 0.008, 0.5)
    draw = ImageDraw.Draw(image)
    draw.rectangle((left, round(middle - half), right, round(middle + half)), fill=(0, 0, 0))
    font = ImageFont.load_default(letters)
    draw.text((left - side * 0.02, side - 1), length_text(length), fill=(0, 0, 0), font=font, anchor="rd")


def dot_radius(n_localisations: int, side: int) -> float:
    """Return the radius in pixels at which many dots cover a good part of a picture, and few stay dots."""
    return float(np.clip(side / (2.5 * np.sqrt(max(n_localisations, 1))), 0.006 * side, 0.022 * side))


def _dots(canvas: np.ndarray, places: np.ndarray, colours: np.ndarray, radius: float) -> None:
    reach = int(np.ceil(radius))
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2), axis=-1).reshape(-1, 2)
    last = canvas.shape[0] - 1
    for step in steps[(steps**2).sum(axis=1) <= radius**2]:
        x, y = np.clip(places + step, 0, last).T
        canvas[y, x] = colours


def data_uri(pixels: np.ndarray, colours: int = _COLOURS) -> str:
    """Encode a picture as a PNG within a page.

    Args:
        pixels: (height, width, 3) uint8.
        colours: Of the palette that it is reduced to.

    Returns:
        ``data:image/png;base64,...``
    """
    return _png(Image.fromarray(pixels), colours)


def figure_uri(path: Path, width: int, colours: int = 128) -> str:
    """Encode a PNG file within a page, made smaller where it is wider.

    Args:
        path: The file.
        width: Largest width in pixels.
        colours: Of the palette that it is reduced to.

    Raises:
        OSError: It cannot be read as a picture.
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
