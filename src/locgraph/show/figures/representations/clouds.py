"""Localisations of a unit in a small panel, real or decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array

from locgraph.analysis.averages.axes import own_axes
from locgraph.analysis.representations.cloud_distance import align
from locgraph.show.figures.fov import draw_points, shared_spans
from locgraph.show.figures.style import BLUE, SMALL_POINTS, VERMILLION, blank, draw_scale_bar

_MARGIN: Final = 1.3
_SMALLEST_NM: Final = 10.0
_ROOM: Final = 0.16
_INSIDE: Final = 0.9


def flatten(points: np.ndarray, turn: bool) -> np.ndarray:
    """Return localisations (N, D) in nm as they are drawn, (N, 2).

    Args:
        points: Relative to their centre.
        turn: Whether the longest principal axis lies horizontally and, in 3D, the shortest along the view. Nothing is
            mirrored.
    """
    if turn and len(points) >= 3:
        centred = points - points.mean(axis=0)
        points = centred @ own_axes(centred).rotation.T
    return points[:, :2]


def lay_in_line(
    clouds: Sequence[np.ndarray], decoded: Sequence[np.ndarray], turn: bool
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the clouds of a row of pictures as they are drawn, turned alike so that shapes can be compared.

    Decoded clouds keep their common frame, in which the middle one lies along its own axes; each cloud is turned onto
    the decoded one beside it. Without decoded ones all are turned onto the middle cloud. Nothing is mirrored.

    Args:
        clouds: (N, D) in nm each, relative to their centre.
        decoded: None, one for all clouds, or one for each.
        turn: False leaves all as they are.

    Returns:
        Clouds and decoded clouds, (N, 2) each.
    """
    if not turn:
        return [points[:, :2] for points in clouds], [points[:, :2] for points in decoded]
    lead = decoded or clouds
    middle = lead[len(lead) // 2]
    frame = own_axes(middle - middle.mean(axis=0)).rotation if len(middle) >= 3 else np.eye(middle.shape[1])
    lead = [points @ frame.T for points in lead]
    targets = lead if decoded else [lead[len(lead) // 2]]
    onto = targets * len(clouds) if len(targets) == 1 else targets
    laid = [points @ align(points, target)[1].T for points, target in zip(clouds, onto, strict=True)]
    return [points[:, :2] for points in laid], [points[:, :2] for points in lead] if decoded else []


def common_half(clouds: Sequence[np.ndarray]) -> float:
    """Return half the side of a square about the origin that shows clouds (N, 2).

    It is somewhat larger than what holds nine in ten localisations of each: others may lie outside, as background does,
    and so may clouds that are far larger than most.
    """
    sides = [max(2 * float(np.quantile(np.abs(points).max(axis=1), _INSIDE)), _SMALLEST_NM) for points in clouds]
    spans, words = shared_spans(sides)
    return (float(np.median(spans)) if words else max(spans)) / 2 * _MARGIN


def draw_cloud(axes: Axes, points: np.ndarray, half: float, *, decoded: bool = False, size: float = 0.6) -> None:
    """Draw localisations (N, 2) in nm in a square about the origin; as in a camera image, y points downwards.

    Args:
        axes: The panel.
        points: The localisations.
        half: Half of the side of the square, in nm.
        decoded: Whether they come from a decoder.
        size: Magnification of the dots.
    """
    blank(axes)
    draw_points(axes, points, np.repeat(to_rgba_array(VERMILLION if decoded else BLUE), len(points), axis=0), size)
    axes.set_xlim(-half, half)
    axes.set_ylim(half, -half)


def write_below(axes: Axes, words: str, half: float, *, bar: bool = False) -> None:
    """Make room below a panel, and write words, and a scale bar, into it."""
    axes.set_ylim(half * (1 + 2 * _ROOM), -half)
    if bar:
        draw_scale_bar(axes, half, half * 1.05, 2 * half)
    axes.text(
        *(0.0, 0.0, words),
        transform=axes.transAxes,
        fontsize=SMALL_POINTS - 1.5,
        ha="left",
        va="bottom",
        parse_math=False,
    )
