"""Why a field of view (FOV) was classified so, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from locgraph.show.figures.explanation_panel import (
    SCORE_COLOURS,
    ScoredFov,
    ScoredScene,
    draw_scored,
    make_scored_scene,
    score_norm,
)
from locgraph.show.figures.scale_bar import draw_scale_bar
from locgraph.show.figures.style import (
    BLACK,
    COLUMN_MM,
    GREEN,
    SMALL_POINTS,
    TEXT_POINTS,
    VERMILLION,
    blank,
    house_style,
    new_figure,
)

_MARGIN: Final = 0.04
_LINE_MM: Final = 3.4
_PANEL_MM: Final = 80.0
_BAR_MM: Final = 17.0
_NAME_POINTS: Final = 8.0
_LONGEST_NAME: Final = 48
_TICKS: Final = 3


@dataclass(frozen=True)
class Caption:
    """What is said of an explained FOV.

    Attributes:
        name: The FOV.
        truth: Its class; None where it is not known.
        prediction: What the model called it.
        probability: Of the prediction.
        explained: The class that the scores are about.
        explainer: Name of the explainer.
        named: Whether the explainer named the outlined clusters, rather than scored them highest.
    """

    name: str
    truth: str | None
    prediction: str
    probability: float
    explained: str
    explainer: str
    named: bool

    @property
    def verdict(self) -> str:
        """Prediction with its probability, and whether it is right."""
        words = f"{self.prediction} ({self.probability:.2f})"
        return words if self.truth is None else f"{'✓' if self.truth == self.prediction else '✗'} {words}"

    @property
    def colour(self) -> str:
        """Green for a right prediction, vermillion for a wrong one, black where the truth is not known."""
        return BLACK if self.truth is None else GREEN if self.truth == self.prediction else VERMILLION


@house_style()
def explanation_figure(fov: ScoredFov, caption: Caption) -> Figure:
    """Draws localisations in the colour of the score of their cluster, and outlines the clusters that explain.

    As in a camera image, y points downwards. In three dimensions a second panel shows x and z. Grey is a score of 0;
    the ends of the colours are as far from it as the largest score of this FOV.

    Args:
        fov: Tables, scores and outlined clusters.
        caption: What is said above.

    Returns:
        The figure, one column wide.

    Raises:
        DataError: There is nothing to draw, or scores, outlines or edges are not those of its clusters.
    """
    scene = make_scored_scene(fov)
    planes = [(0, axis) for axis in range(1, fov.dimensions)]
    windows = [_window(scene, plane) for plane in planes]
    heights = [float(np.clip(window.height / window.width, 0.2, 1.6)) for window in windows]
    lines = _caption_lines(caption, fov, len(scene.points))
    ratios = [_LINE_MM * len(lines), *(_PANEL_MM * height for height in heights)]
    figure = new_figure(COLUMN_MM, _BAR_MM + sum(ratios))
    header, *panels = figure.subplots(fov.dimensions, 1, height_ratios=ratios)
    _write(header, lines)
    for axes, plane, window in zip(panels, planes, windows, strict=True):
        draw_scored(axes, scene, plane)
        window.show(axes)
    if fov.dimensions == 3:
        for axes, words in zip(panels, ("x, y", "x, z"), strict=True):
            axes.text(0.0, 1.0, words, transform=axes.transAxes, va="top")
    draw_colour_bar(figure, panels, scene.scores, caption.explained)
    return figure


def draw_colour_bar(figure: Figure, panels: Sequence[Axes], scores: np.ndarray, explained: str) -> None:
    """Says below the panels which colour is which score.

    Args:
        figure: The figure.
        panels: What the colours are of.
        scores: (C,) the scores; where none is negative, the bar starts at 0.
        explained: The class that they are about.
    """
    norm = score_norm(scores)
    bar = figure.colorbar(
        ScalarMappable(norm, SCORE_COLOURS), ax=panels, location="bottom", shrink=0.62, aspect=38, pad=0.015
    )
    signed = bool((scores < 0).any())
    high = float(norm.vmax or 1.0)
    low = -high if signed else 0.0
    bar.ax.set_xlim(low, high)
    ticks = np.linspace(low, high, _TICKS)
    bar.set_ticks(list(ticks), labels=[f"{tick:.2g}" for tick in ticks])
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(width=0.4, length=2, labelsize=SMALL_POINTS)
    words = f"score: against ← 0 → for class {explained}" if signed else f"score: 0 → for class {explained}"
    bar.set_label(words, fontsize=SMALL_POINTS)


@dataclass(frozen=True)
class _Window:
    """What a panel shows, in nm: the scene, and below it a scale bar."""

    left: float
    right: float
    top: float
    bar: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return abs(self.bottom - self.top)

    def show(self, axes: Axes) -> None:
        blank(axes)
        axes.set_xlim(self.left, self.right)
        axes.set_ylim(self.bottom, self.top)
        draw_scale_bar(axes, self.right, self.bar, self.width)


def _window(scene: ScoredScene, plane: tuple[int, int]) -> _Window:
    low, high = scene.low[list(plane)], scene.high[list(plane)]
    middle, half = (low + high) / 2, np.maximum(high - low, 0.1 * scene.span_nm) * (0.5 + _MARGIN)
    # of y the larger values are below, of z above
    down = 1.0 if plane[1] == 1 else -1.0
    bar = middle[1] + down * (half[1] + 0.05 * half.max())
    bottom = bar + down * 0.12 * half.max()
    return _Window(middle[0] - half[0], middle[0] + half[0], middle[1] - down * half[1], bar, bottom)


def _caption_lines(caption: Caption, fov: ScoredFov, drawn: int) -> list[tuple[str, str]]:
    """Lines above the figure, each with its colour; the first is the name."""
    truth = "class not known" if caption.truth is None else f"class {caption.truth}"
    what = "the subgraph" if caption.named else "the highest scores"
    lines = [
        (shortened(caption.name), BLACK),
        (f"{truth}, prediction {caption.verdict}", caption.colour),
        (f"{caption.explainer} for class {caption.explained}", BLACK),
        (f"outlined: {what}, {int(fov.outlined.sum())} of {len(fov.outlined)} clusters", BLACK),
    ]
    if drawn < fov.locs.height:
        lines.append((f"{drawn:,} of {fov.locs.height:,} localisations drawn", BLACK))
    return lines


def _write(header: Axes, lines: Sequence[tuple[str, str]]) -> None:
    header.set_axis_off()
    for index, (words, colour) in enumerate(lines):
        header.text(
            0.0,
            1.0 - index / len(lines),
            words,
            transform=header.transAxes,
            va="top",
            color=colour,
            fontsize=TEXT_POINTS if index else _NAME_POINTS,
            fontweight="normal" if index else "bold",
            parse_math=False,
        )


def shortened(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name that fits its line: of a long one the end is kept, where names of one folder differ."""
    return name if len(name) <= longest else f"…{name[1 - longest :]}"
